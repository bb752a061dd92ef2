"""Transforms on disk, in the format that the suffix names.

=============  ==================================  ==========================  ============
suffix         format                              direction                   axis order
=============  ==================================  ==========================  ============
``.json``      ours, with a version                reference to moving         (x, y)
``.ome.json``  OME-NGFF coordinate transformation  named in the file; written  named in the
               (0.6)                               as reference to moving      file: (y, x)
``.tfm``       ITK text transform                  fixed to moving             (x, y)
``.csv``       3x3 numbers under a header          reference to moving         (x, y)
``.npy``       3x3 float64 array                   reference to moving         (x, y)
``.txt``       napari affine, as affinder saves    moving to reference         (row, column)
=============  ==================================  ==========================  ============

All count in pixels with pixel centres at integers. Whatever the direction on disk, `Transform`
holds reference to moving in (x, y).

What is told by the content when reading: a ``.json`` with ``coordinateTransformations`` is
OME-NGFF; a ``.txt`` that begins as ITK's text is ITK's; a ``.csv`` without our header is a
napari affine, since affinder writes no header.

The transforms of a stack's frames go into one file: see `stacks`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..._common.errors import InputError
from ..transform import Transform
from . import itk, matrix_csv, matrix_npy, napari_affine, ome_ngff, own_json
from .content import content_of
from .own_json import FORMAT, VERSION, as_document, from_document
from .stacks import (
    STACK_FORMATS,
    check_stack_suffix,
    holds_a_stack,
    is_of_a_stack,
    load_transforms,
    save_transforms,
)

__all__ = [
    "AFFINE_ONLY",
    "FORMAT",
    "FORMATS",
    "STACK_FORMATS",
    "VERSION",
    "as_document",
    "check_stack_suffix",
    "check_suffix",
    "from_document",
    "holds_a_stack",
    "load_transform",
    "load_transforms",
    "save_transform",
    "save_transforms",
]

FORMATS: dict[str, str] = {
    ".json": "napari-ecc-align",
    ".ome.json": "OME-NGFF",
    ".tfm": "ITK",
    ".csv": "matrix as text",
    ".npy": "matrix as NumPy array",
    ".txt": "napari affine (affinder)",
}
"""What each suffix stands for."""

AFFINE_ONLY = (".ome.json", ".tfm", ".txt")
"""The suffixes of the formats that cannot hold a homography."""

_DUMP: dict[str, Callable[[Transform], bytes]] = {
    ".json": own_json.dump,
    ".ome.json": ome_ngff.dump,
    ".tfm": itk.dump,
    ".csv": matrix_csv.dump,
    ".npy": matrix_npy.dump,
    ".txt": napari_affine.dump,
}
_LARGEST_FILE = 1_000_000


def save_transform(transform: Transform, path: str | Path, *, overwrite: bool = True) -> None:
    """Write a transform in the format that the suffix names, whole or not at all.

    Parameters
    ----------
    transform : Transform
        What to write.
    path : str or Path
        Where to write it; its suffix is one of `FORMATS`.
    overwrite : bool, default: True
        Replace a file that is there already.

    Raises
    ------
    InputError
        If the suffix is none of those, the format cannot hold the transform (a homography is
        no affine), the folder does not exist, or the file does and `overwrite` is false.
    """
    from ..._common.atomic import write_atomically

    dump = _DUMP[check_suffix(path)]
    try:
        content = dump(transform)
    except InputError as error:
        raise InputError(f"cannot write {path}: {error}") from error
    write_atomically(path, content, overwrite=overwrite)


def load_transform(path: str | Path) -> Transform:
    """Read a transform in any format of `FORMATS`.

    Returns
    -------
    Transform
        Reference pixel (x, y) to moving pixel. Of a format that names no motion model, the
        narrowest that the matrix belongs to.

    Raises
    ------
    InputError
        If the file is missing, is of no such format, or holds no valid transform.
    """
    path = Path(path)
    suffix = check_suffix(path)
    content = content_of(path, _LARGEST_FILE, "transform")
    try:
        return _parser(suffix, content)(content)
    except InputError as error:
        if is_of_a_stack(suffix, content):
            raise InputError(
                f"{path} holds one transform for each frame of a stack: load_transforms reads it"
            ) from error
        raise InputError(f"{path} is not a usable transform file: {error}") from error


def check_suffix(path: str | Path) -> str:
    """Return the suffix of `FORMATS` that a path has, or raise an `InputError` that lists them."""
    name = Path(path).name.lower()
    # The longer one first: .ome.json ends in .json too.
    for suffix in sorted(FORMATS, key=len, reverse=True):
        if name.endswith(suffix):
            return suffix
    raise InputError(f"{path}: a transform file must end in one of {', '.join(FORMATS)}")


def _parser(suffix: str, content: bytes) -> Callable[[bytes], Transform]:
    if suffix in (".json", ".ome.json"):
        return ome_ngff.parse if b'"coordinateTransformations"' in content else own_json.parse
    if suffix in (".csv", ".txt"):
        if content.lstrip().startswith(itk.MAGIC):
            return itk.parse
        return matrix_csv.parse if matrix_csv.has_header(content) else napari_affine.parse
    return {".tfm": itk.parse, ".npy": matrix_npy.parse}[suffix]
