"""Our own format: a small JSON document with a format name and a version.

Direction: reference pixel to moving pixel. Axis order: (x, y), of volumes (x, y, z). That of a
stack has a matrix for each frame, and what it is called and was said of it, where that is known.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..._common.errors import InputError
from ..matrices import MOTION_MODELS, Matrix, MotionModel, check_model
from .stored import StoredMatrix, json_of

_FORMAT = "napari-ecc-align transform"
_STACK_FORMAT = "napari-ecc-align stack"
_VERSION = 1


def dump(matrix: Matrix, model: MotionModel) -> bytes:
    """Return the file that holds one matrix."""
    return (json.dumps(document_of(matrix, model), indent=2) + "\n").encode()


def dump_stack(stored: Sequence[StoredMatrix]) -> Iterator[bytes]:
    """Yield the pieces of the file that holds the matrices of a stack's frames."""
    models = {each.model for each in stored if each.model is not None}
    one, place = _words(stored[0].matrix)
    head = json.dumps(
        {
            "format": _STACK_FORMAT,
            "version": _VERSION,
            "direction": (
                f"reference {one} {place} to {one} of the frame, {one} centres at integers"
            ),
            "model": max(models, key=MOTION_MODELS.index),
        },
        indent=2,
    )
    yield f'{head[:-2]},\n  "frames": ['.encode()
    # A line per frame: a long stack stays readable.
    start = "\n"
    for each in stored:
        frame = {
            "name": each.name,
            "matrix": np.asarray(each.matrix).tolist(),
            "verdict": each.verdict,
        }
        told = {key: value for key, value in frame.items() if value is not None}
        yield f"{start}    {json.dumps(told)}".encode()
        start = ",\n"
    yield b"\n  ]\n}\n"


def with_member(content: bytes, name: str, value: Any) -> bytes:
    """Return a file of ours with one thing more at its end, its lines as they are."""
    told = json.dumps({name: value}, indent=2)
    return content.rstrip()[:-1].rstrip() + b"," + told[1:].encode() + b"\n"


def parse(content: bytes) -> list[StoredMatrix]:
    """Return the matrices that a file holds, or raise `InputError`."""
    document = json_of(content)
    if not holds_a_stack(content):
        return [StoredMatrix(*matrix_of(document))]
    _check_head(document, _STACK_FORMAT)
    frames = document.get("frames")
    if not isinstance(frames, list) or not all(
        isinstance(frame, dict) and "matrix" in frame for frame in frames
    ):
        raise InputError("its frames must be a list, each with a matrix")
    model = check_model(str(document.get("model")))
    return [StoredMatrix(frame["matrix"], model, frame.get("verdict")) for frame in frames]


def recognise(content: bytes) -> bool:
    """Return whether a file is ours, with one matrix or with one per frame."""
    return f'"{_FORMAT}"'.encode() in content or holds_a_stack(content)


def holds_a_stack(content: bytes) -> bool:
    """Return whether a file holds a matrix per frame."""
    return f'"{_STACK_FORMAT}"'.encode() in content


def document_of(matrix: Matrix, model: MotionModel) -> dict[str, Any]:
    """Return the JSON document of one matrix."""
    one, place = _words(matrix)
    return {
        "format": _FORMAT,
        "version": _VERSION,
        "direction": f"reference {one} {place} to moving {one}, {one} centres at integers",
        "model": model,
        "matrix": matrix.tolist(),
    }


def _words(matrix: ArrayLike) -> tuple[str, str]:
    volume = len(np.asarray(matrix)) == 4
    return ("voxel", "(x, y, z, 1)") if volume else ("pixel", "(x, y, 1)")


def matrix_of(document: Any) -> tuple[Any, MotionModel]:
    """Return matrix and model of a JSON document; raise `InputError` for any other document."""
    _check_head(document, _FORMAT)
    missing = {"model", "matrix"} - document.keys()
    if missing:
        raise InputError(f"it lacks {' and '.join(sorted(missing))}")
    return document["matrix"], check_model(document["model"])


def _check_head(document: Any, format_: str) -> None:
    if not isinstance(document, dict) or document.get("format") != format_:
        raise InputError(f"its format is not {format_!r}")
    if document.get("version") != _VERSION:
        raise InputError(
            f"its version is {document.get('version')!r:.80}, this program reads {_VERSION}"
        )
