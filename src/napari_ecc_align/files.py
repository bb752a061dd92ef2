"""Transforms on disk: one small JSON file each, with a format name and a version."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .errors import InputError
from .transform import Transform

FORMAT = "napari-ecc-align transform"
VERSION = 1
_LARGEST_FILE = 1_000_000


def save_transform(transform: Transform, path: str | Path, *, overwrite: bool = True) -> None:
    """Write a transform as JSON, whole or not at all.

    Parameters
    ----------
    transform : Transform
        What to write.
    path : str or Path
        Where to write it, usually with the suffix ``.json``.
    overwrite : bool, default: True
        Replace a file that is there already.

    Raises
    ------
    InputError
        If the folder does not exist, or the file does and `overwrite` is false.
    """
    from .imagefiles import write_atomically

    text = json.dumps(as_document(transform), indent=2) + "\n"
    write_atomically(path, text.encode(), overwrite=overwrite)


def load_transform(path: str | Path) -> Transform:
    """Read a transform that `save_transform` wrote.

    Raises
    ------
    InputError
        If the file is missing, is not such a file, or holds no valid transform.
    """
    path = Path(path)
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise InputError(f"{path} is too large to be a transform file")
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is not a transform file: it is not valid JSON") from error
    try:
        return from_document(document)
    except InputError as error:
        raise InputError(f"{path} is not a usable transform file: {error}") from error


def as_document(transform: Transform) -> dict[str, Any]:
    """Return the JSON document of a transform."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "direction": "reference pixel (x, y, 1) to moving pixel, pixel centres at integers",
        "model": transform.model,
        "matrix": transform.matrix.tolist(),
    }


def from_document(document: Any) -> Transform:
    """Return the transform of a JSON document; raise `InputError` for any other document."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise InputError(f"its format is not {FORMAT!r}")
    if document.get("version") != VERSION:
        raise InputError(
            f"its version is {document.get('version')!r}, this program reads {VERSION}"
        )
    missing = {"model", "matrix"} - document.keys()
    if missing:
        raise InputError(f"it lacks {' and '.join(sorted(missing))}")
    return Transform(document["matrix"], document["model"])
