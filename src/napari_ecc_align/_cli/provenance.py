"""``ecc-align show``, and what it prints: where a result comes from."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .._common.errors import InputError
from .._common.opening import opened
from .._images.files.image_file import ImageFile
from .._images.files.tags import PROVENANCE_TAG
from .._images.ome_zarr.scene import scene_provenance
from .console import say
from .show import to_json

_HELD = ("command", "json", "quiet", "verbose", "overwrite", "accept", "out", "transform_out")
_PIECE = 2**20


def made_by(chosen: argparse.Namespace, inputs: Iterable[Path]) -> dict[str, Any]:
    """Return where a result comes from: the program, its inputs with their hashes, its options.

    Parameters
    ----------
    chosen : Namespace
        The options of the command.
    inputs : iterable of Path
        The files it read.
    """
    options = {
        name: value
        for name, value in vars(chosen).items()
        if name not in _HELD and value is not None and not isinstance(value, Path)
    }
    return {
        "program": f"napari-ecc-align {version('napari-ecc-align')}",
        "command": chosen.command,
        "inputs": [{"name": path.name, "sha256": _digest(path)} for path in inputs],
        # As JSON has them: tuples are lists, whatever else is as it prints.
        "options": json.loads(json.dumps(options, default=str)),
    }


def with_provenance(file: ImageFile, provenance: Mapping[str, Any]) -> ImageFile:
    """Return an image file that says where it comes from, if it will be a TIFF."""
    if file.style is None:
        return file
    told = (PROVENANCE_TAG, 2, json.dumps(provenance))
    return replace(file, style=replace(file.style, tags=(*file.style.tags, told)))


def run_show(chosen: argparse.Namespace) -> int:
    """Print where results come from; return the exit code."""
    found = {str(path): _provenance(path) for path in chosen.files}
    if chosen.json:
        say(to_json(found))
    else:
        say("\n".join(line for name, made in found.items() for line in [name, *_lines(made, 1)]))
    return 0


def _provenance(path: Path) -> dict[str, Any]:
    """Return what a file or scene says of where it comes from, or raise `InputError`."""
    found: Any = None
    if path.is_dir():
        found = scene_provenance(path)
    elif path.suffix.lower() in (".tif", ".tiff"):
        found = _told_in_tiff(path)
    else:
        with opened(path, "a result") as file, suppress(ValueError, RecursionError):
            document = json.loads(file.read())
            if isinstance(document, dict):
                made, numbers = document.get("provenance"), document.get("alignment", {})
                found = {**made, "result": numbers} if isinstance(made, dict) else None
    if not isinstance(found, dict):
        raise InputError(
            f"{path} does not say where it comes from: it is no result of ecc-align, or of a "
            "former version"
        )
    return found


def _told_in_tiff(path: Path) -> Any:
    import tifffile

    try:
        with opened(path, "an image") as file, tifffile.TiffFile(file) as tiff:
            tag = tiff.pages.first.tags.get(PROVENANCE_TAG)
            return None if tag is None else json.loads(tag.value)
    except (tifffile.TiffFileError, ValueError, TypeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error


def _lines(value: Mapping[str, Any], depth: int) -> Iterator[str]:
    """Yield a line for each thing that is known, those of a part further in."""
    start = "  " * depth
    for key, item in value.items():
        many = isinstance(item, list) and any(isinstance(each, dict) for each in item)
        for each in item if many else [item]:
            if isinstance(each, dict):
                yield f"{start}{key}:"
                yield from _lines(each, depth + 1)
            elif each is not None:
                yield f"{start}{key}: {each}"


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with opened(path, "an input") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()
