"""``ecc-align show``, and what it prints: where a result comes from."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import version
from math import isfinite, nan
from pathlib import Path
from typing import Any

from .._batch.records.read import read_records
from .._batch.records.record import FOLDER as RECORDS
from .._batch.records.record import record_path
from .._common.atomic import real_path
from .._common.errors import InputError
from .._common.folder_contents import folder_digest
from .._common.memory import whole_file
from .._common.opening import is_folder, opened
from .._images.files.image_file import ImageFile
from .._images.files.origin import read_origin
from .._images.files.suffixes import image_suffix
from .._images.ome_zarr.scene import scene_provenance
from .console import say
from .show import to_json

# What changes nothing of a result, and what is told elsewhere.
_HELD = {"command", "json", "quiet", "verbose", "overwrite", "accept", "workers"}
_HELD |= {"out", "transform_out"}
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
        if name not in _HELD and value is not None and not _is_files(value)
    }
    return {
        "program": f"napari-ecc-align {version('napari-ecc-align')}",
        "command": chosen.command,
        "inputs": [{"name": path.name, "sha256": _digest(path)} for path in inputs],
        # As JSON has them: tuples are lists, whatever else is as it prints.
        "options": json.loads(json.dumps(options, default=str)),
    }


def frames_made_by(
    chosen: argparse.Namespace, inputs: Iterable[Path], results: Iterable[Any]
) -> dict[str, Any]:
    """Return where frames come from, with what became of them; the others as of `made_by`.

    Parameters
    ----------
    results : iterable of AlignmentResult, SmoothAlignment or VolumeAlignment
    """
    every = list(results)
    sigmas = [
        getattr(each, "corner_uncertainty", getattr(each, "uncertainty", nan))
        for each in every
        if each.found
    ]
    largest = max((float(sigma) for sigma in sigmas if isfinite(sigma)), default=None)
    told = {"frames": len(every), **Counter(each.verdict for each in every)}
    return {**made_by(chosen, inputs), "result": {**told, "largest_uncertainty": largest}}


def _is_files(value: object) -> bool:
    """Tell whether an option names files: these are inputs, told by their names and hashes."""
    items = value if isinstance(value, list) else [value]
    return any(isinstance(item, Path) for item in items)


def with_provenance(file: ImageFile, provenance: Mapping[str, Any]) -> ImageFile:
    """Return an image file that says where it comes from."""
    return replace(file, origin=to_json(provenance, indent=None))


def run_show(chosen: argparse.Namespace) -> int:
    """Print where results come from; return the exit code."""
    found = {str(path): provenance_of(path) for path in chosen.files}
    if chosen.json:
        say(to_json(found))
    else:
        say("\n".join(line for name, made in found.items() for line in [name, *_lines(made, 1)]))
    return 0


def provenance_of(path: Path) -> dict[str, Any]:
    """Return what a result says of where it comes from, or raise `InputError`."""
    found: Any = None
    if is_folder(path):
        found = scene_provenance(path) or _of_batch(path)
    elif image_suffix(path):
        told = read_origin(path)
        with suppress(ValueError, RecursionError):
            found = _of_output(path) if told is None else json.loads(told)
    else:
        with opened(path, "a result") as file, suppress(ValueError, RecursionError):
            found = _of_document(json.loads(whole_file(file, path)))
    if not isinstance(found, dict):
        raise InputError(
            f"{path} does not say where it comes from: it is no result of ecc-align, or of a "
            "former version"
        )
    return found


def _of_document(document: Any) -> dict[str, Any] | None:
    """Return what a transform file says, or the record of a pair in a batch."""
    if not isinstance(document, dict):
        return None
    if "record" in document:
        return _of_record(document)
    made, numbers = document.get("provenance"), document.get("alignment")
    return {**made, **({"result": numbers} if numbers else {})} if isinstance(made, dict) else None


def _of_record(document: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("program", "name", "outcome", "reason", "review", "inputs", "outputs", "settings")
    more = ("model", "matrix", "numbers", "times")
    found = {name: document.get(name) for name in (*kept, *more)}
    return {"command": "batch", **found}


def _of_batch(folder: Path) -> dict[str, Any] | None:
    """Return what the records in an output folder say together, or None if there are none."""
    records = list(read_records(folder))
    if not records:
        return None
    return {
        "command": "batch",
        "pairs": len(records),
        **Counter(record.outcome for record in records),
        "settings": {**records[0].settings, **records[0].batch_settings},
        "first": min(str(record.times.get("finished", "")) for record in records),
        "last": max(str(record.times.get("finished", "")) for record in records),
    }


def _of_output(path: Path) -> dict[str, Any] | None:
    """Return the record of the pair that an image of a batch belongs to, if it does."""
    absolute = real_path(path)
    for folder in absolute.parents:
        own = absolute.relative_to(folder).as_posix()
        if (folder / RECORDS).is_dir():
            for record in read_records(folder):
                output = next((each for each in record.outputs if each.path == own), None)
                if output is not None:
                    # As it was written, by whichever version.
                    written = record_path(folder, record.name).read_bytes()
                    found = _of_record(json.loads(written))
                    return found if output.is_at(absolute) else {"changed since": own, **found}
    return None


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
    """Return the digest of a file, or of a group's: those of its files below their names."""
    if is_folder(path):
        return folder_digest(path)
    digest = hashlib.sha256()
    with opened(path, "an input") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()
