"""The transforms of all frames of a stack in one file, in the format that the suffix names.

=========  ======================================================================
suffix     format
=========  ======================================================================
``.json``  ours, with a version, the motion model and what was said of each frame
``.csv``   a header line, then one line of nine numbers per frame, row by row
``.npy``   float64 array of shape (n, 3, 3)
=========  ======================================================================

Each maps a reference pixel (x, y, 1) to the pixel of its frame, pixel centres at integers.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..._common.errors import InputError
from ..transform import MOTION_MODELS, Transform, check_model
from .content import content_of, json_of, numbers_of, text_of, transform_of
from .matrix_npy import array_of

STACK_FORMAT = "napari-ecc-align stack"
VERSION = 1
STACK_FORMATS: dict[str, str] = {
    ".json": "napari-ecc-align",
    ".csv": "one line of numbers per frame",
    ".npy": "NumPy array (n, 3, 3)",
}
"""What each suffix stands for."""

HEADER = (
    "# napari-ecc-align stack: a line per frame, its 3x3 matrix row by row, "
    "reference pixel (x, y, 1) to pixel of the frame"
)
_START = "# napari-ecc-align stack"
_LARGEST_FILE = 100_000_000


def save_transforms(
    transforms: Sequence[Transform],
    path: str | Path,
    *,
    verdicts: Sequence[str] | None = None,
    overwrite: bool = True,
) -> None:
    """Write the transforms of a stack's frames, whole or not at all.

    Parameters
    ----------
    transforms : sequence of Transform
        One per frame.
    path : str or Path
        Where to write them; its suffix is one of `STACK_FORMATS`.
    verdicts : sequence of str, optional
        What was said of each frame; ".json" alone holds it.
    overwrite : bool, default: True
        Replace a file that is there already.

    Raises
    ------
    InputError
        If the suffix is none of those, there is nothing to write, the folder does not exist, or
        the file does and `overwrite` is false.
    """
    from ..._common.atomic import write_atomically

    suffix = check_stack_suffix(path)
    if not transforms:
        raise InputError("transforms must be at least one")
    if verdicts is not None and len(verdicts) != len(transforms):
        raise InputError(f"verdicts must be one per transform, {len(transforms)}")
    if suffix == ".json":
        content = _as_json(transforms, verdicts)
    elif suffix == ".csv":
        content = _as_csv(transforms)
    else:
        file = io.BytesIO()
        np.save(file, np.array([each.matrix for each in transforms]), allow_pickle=False)
        content = file.getvalue()
    write_atomically(path, content, overwrite=overwrite)


def load_transforms(path: str | Path) -> list[Transform]:
    """Read the transforms of a stack's frames, in any format of `STACK_FORMATS`.

    Returns
    -------
    list of Transform
        One per frame; each maps a reference pixel (x, y) to the pixel of its frame. Of a format
        that names no motion model, the narrowest that each matrix belongs to.

    Raises
    ------
    InputError
        If the file is missing, is of no such format, or holds no valid transforms.
    """
    path = Path(path)
    parse = {".json": _from_json, ".csv": _from_csv, ".npy": _from_npy}[check_stack_suffix(path)]
    content = content_of(path, _LARGEST_FILE, "stack")
    try:
        found = parse(content)
        if not found:
            raise InputError("it holds no frames")
        return found
    except InputError as error:
        raise InputError(f"{path} does not hold a stack's transforms: {error}") from error


def holds_a_stack(path: str | Path) -> bool:
    """Return whether a file looks as if it held the transforms of a stack rather than one.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    path = Path(path)
    try:
        suffix = check_stack_suffix(path)
    except InputError:
        return False
    return is_of_a_stack(suffix, content_of(path, _LARGEST_FILE, "stack"))


def is_of_a_stack(suffix: str, content: bytes) -> bool:
    """Return whether the content of a file looks like the transforms of a stack."""
    if suffix == ".npy":
        try:
            return array_of(content, check=False).ndim == 3
        except InputError:
            return False
    mark = {".csv": _START, ".json": f'"{STACK_FORMAT}"'}.get(suffix)
    return mark is not None and mark.encode() in content[: 2 * len(HEADER)]


def check_stack_suffix(path: str | Path) -> str:
    """Return the suffix of `STACK_FORMATS` that a path has, or raise `InputError`."""
    suffix = Path(path).suffix.lower()
    if suffix not in STACK_FORMATS or Path(path).name.lower().endswith(".ome.json"):
        raise InputError(
            f"{path}: a file of a stack's transforms must end in one of {', '.join(STACK_FORMATS)}"
        )
    return suffix


def _as_json(transforms: Sequence[Transform], verdicts: Sequence[str] | None) -> bytes:
    frames: list[dict[str, Any]] = [{"matrix": each.matrix.tolist()} for each in transforms]
    for frame, verdict in zip(frames, verdicts or (), strict=bool(verdicts)):
        frame["verdict"] = verdict
    document = {
        "format": STACK_FORMAT,
        "version": VERSION,
        "direction": "reference pixel (x, y, 1) to pixel of the frame, pixel centres at integers",
        "model": max((each.model for each in transforms), key=MOTION_MODELS.index),
    }
    head = json.dumps(document, indent=2)
    # A line per frame: a long stack stays readable.
    lines = ",\n".join(f"    {json.dumps(frame)}" for frame in frames)
    return f'{head[:-2]},\n  "frames": [\n{lines}\n  ]\n}}\n'.encode()


def _from_json(content: bytes) -> list[Transform]:
    document = json_of(content)
    if not isinstance(document, dict) or document.get("format") != STACK_FORMAT:
        raise InputError(f"its format is not {STACK_FORMAT!r}")
    if document.get("version") != VERSION:
        raise InputError(
            f"its version is {document.get('version')!r:.80}, this program reads {VERSION}"
        )
    frames = document.get("frames")
    if not isinstance(frames, list) or not all(
        isinstance(frame, dict) and "matrix" in frame for frame in frames
    ):
        raise InputError("its frames must be a list, each with a matrix")
    model = check_model(str(document.get("model")))
    return [
        _of_frame(number, lambda frame=frame: Transform(frame["matrix"], model))
        for number, frame in enumerate(frames)
    ]


def _as_csv(transforms: Sequence[Transform]) -> bytes:
    lines = [",".join(map(repr, each.matrix.ravel().tolist())) for each in transforms]
    return "\n".join([HEADER, *lines, ""]).encode()


def _from_csv(content: bytes) -> list[Transform]:
    text = text_of(content)
    if not text.lstrip('" ').startswith(_START):
        raise InputError(f"its first line is not {_START!r}")
    found: list[Transform] = []
    for line in text.splitlines():
        if line.strip(', "') and not line.lstrip('" ').startswith("#"):
            number = len(found)
            found.append(_of_frame(number, lambda line=line: transform_of(_matrix_of(line))))
    return found


def _matrix_of(line: str) -> list[list[float]]:
    numbers = numbers_of(line.split(","))
    if len(numbers) != 9:
        raise InputError(f"there must be nine numbers, not {len(numbers)}")
    return [numbers[0:3], numbers[3:6], numbers[6:9]]


def _from_npy(content: bytes) -> list[Transform]:
    array = array_of(content, check=False)
    if array.ndim != 3 or array.shape[1:] not in ((3, 3), (2, 3)):
        raise InputError(f"it holds an array of shape {array.shape}, not (n, 3, 3)")
    return [
        _of_frame(number, lambda matrix=matrix: transform_of(matrix))
        for number, matrix in enumerate(array)
    ]


def _of_frame(number: int, read: Any) -> Transform:
    try:
        transform: Transform = read()
        return transform
    except InputError as error:
        raise InputError(f"frame {number}: {error}") from error
