"""The table of all formats, and reading and writing files by it.

The suffix names the format that is written. Reading is less strict: what a ``.json``, ``.csv`` or
``.txt`` is, its content tells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ..._common.atomic import write_atomically
from ..._common.errors import InputError
from ..._common.given import GivenPath
from ..._common.memory import at_most
from ..._common.opening import opened
from ..matrices import Matrix, MotionModel, check_belongs, checked_of_any_size, narrowest_model
from . import itk, matrix_csv, matrix_npy, napari_affine, ome_ngff, own_json
from .stored import StoredMatrix

_LARGEST_FILE = 1_000_000
_LARGEST_STACK = 100_000_000


class StackFormat(NamedTuple):
    """How a format holds a matrix for each frame: its name in a menu, and what to do with bytes.

    Attributes
    ----------
    name : str
        What a menu calls it.
    dump : callable
        Yields the bytes of many matrices, piece by piece.
    recognise : callable
        Tells by a file's bytes whether they are those of many, be it of one frame.
    """

    name: str
    dump: Callable[[Sequence[StoredMatrix]], Iterator[bytes]]
    recognise: Callable[[bytes], bool]


class Format(NamedTuple):
    """A format of transform files.

    Attributes
    ----------
    suffix : str
        Of the files that are written.
    name : str
        What a menu calls it.
    parse, dump : callable
        Return the matrices of a file's bytes, and the bytes of one matrix and its model.
    also_in : tuple of str
        Further suffixes of files that may hold it.
    recognise : callable, optional
        Tells by a file's bytes whether they are of this format. Left out for the format that is
        meant where no other is recognised.
    affine_only : bool
        Whether it cannot hold a homography.
    stack : StackFormat, optional
        Left out if it can hold but one matrix.
    """

    suffix: str
    name: str
    parse: Callable[[bytes], list[StoredMatrix]]
    dump: Callable[[Matrix, MotionModel], bytes]
    also_in: tuple[str, ...] = ()
    recognise: Callable[[bytes], bool] | None = None
    affine_only: bool = False
    stack: StackFormat | None = None

    def holds_a_stack(self, content: bytes) -> bool:
        """Return whether a file of this format holds a matrix for each frame."""
        return self.stack is not None and self.stack.recognise(content)


# fmt: off
_TABLE = (
    Format(".json", "napari-ecc-align", own_json.parse, own_json.dump,
           also_in=(".ome.json",),
           stack=StackFormat("napari-ecc-align", own_json.dump_stack, own_json.holds_a_stack)),
    Format(".ome.json", "OME-NGFF", ome_ngff.parse, ome_ngff.dump,
           also_in=(".json",), recognise=ome_ngff.recognise, affine_only=True),
    Format(".tfm", "ITK", itk.parse, itk.dump,
           also_in=(".csv", ".txt"), recognise=itk.recognise, affine_only=True),
    Format(".csv", "matrix as text", matrix_csv.parse, matrix_csv.dump,
           also_in=(".txt",), recognise=matrix_csv.recognise,
           stack=StackFormat("one line of numbers per frame",
                             matrix_csv.dump_stack, matrix_csv.holds_a_stack)),
    Format(".npy", "matrix as NumPy array", matrix_npy.parse, matrix_npy.dump,
           stack=StackFormat("NumPy array (n, 3, 3)",
                             matrix_npy.dump_stack, matrix_npy.holds_a_stack)),
    Format(".txt", "napari affine (affinder)", napari_affine.parse, napari_affine.dump,
           also_in=(".csv",), affine_only=True),
)
# fmt: on

FORMATS: dict[str, str] = {each.suffix: each.name for each in _TABLE}
"""What each suffix stands for."""

STACK_FORMATS: dict[str, str] = {each.suffix: each.stack.name for each in _TABLE if each.stack}
"""What each suffix stands for in a file of a stack's transforms."""

AFFINE_ONLY = tuple(each.suffix for each in _TABLE if each.affine_only)
"""The suffixes of the formats that cannot hold a homography."""


def check_suffix(path: GivenPath) -> str:
    """Return the suffix of `FORMATS` that a path has, or raise an `InputError` that lists them."""
    return _format_of(path).suffix


def write_matrix(path: GivenPath, matrix: Matrix, model: MotionModel, *, overwrite: bool) -> None:
    """Write one checked matrix, whole or not at all; raise `InputError` as `Transform.save`."""
    form = _format_of(path)
    if form.affine_only and model == "homography" and matrix[-1, :-1].any():
        raise InputError(
            f"cannot write {path}: {form.suffix} cannot hold a homography; save it as .json, "
            ".csv or .npy, or align with the model 'affine'"
        )
    write_atomically(path, form.dump(matrix, model), overwrite=overwrite)


def write_stack(path: GivenPath, stored: Sequence[StoredMatrix], *, overwrite: bool) -> None:
    """Write the checked matrices of a stack's frames, each with its model, whole or not at all.

    Raises
    ------
    InputError
        As `save_transforms`.
    """
    stack = _format_of(path, STACK_FORMATS, "a file of a stack's transforms").stack
    assert stack is not None
    pieces = stack.dump(stored)
    write_atomically(path, lambda file: file.writelines(pieces), overwrite=overwrite)


def read_matrices(
    path: GivenPath, *, stack: bool = True, volumes: bool = False
) -> list[tuple[Matrix, MotionModel]]:
    """Return the matrices of a file, checked, and the motion model of each.

    Parameters
    ----------
    path : str or Path
        A file of any format.
    stack : bool, default: True
        Whether it may be that of a stack. If not, there is exactly one matrix.
    volumes : bool, default: False
        Whether its matrices are those of volumes, (4, 4).

    Raises
    ------
    InputError
        If the file is missing, is of no such format, or holds no valid transform.
    """
    form, content = _recognised(path)
    many = form.holds_a_stack(content)
    if many and not stack:
        raise InputError(
            f"{path} holds one transform for each frame of a stack: "
            f"load_{'volume_' * volumes}transforms reads it"
        )
    try:
        stored = form.parse(content)
        if not stored:
            raise InputError("it holds no frames")
        found = [
            _checked(each, f"frame {number}: " if many else "")
            for number, each in enumerate(stored)
        ]
        if any((len(matrix) == 4) != volumes for matrix, _ in found):
            what, whose = ("images", "Transform") if volumes else ("volumes", "VolumeTransform")
            size = "three" if volumes else "two"
            by = f"load_{'volume_' * (not volumes)}transforms" if many else f"{whose}.load"
            raise InputError(
                f"it is of {what}, not a transform of {size} dimensions: {by} reads it"
            )
        return found
    except InputError as error:
        raise InputError(f"{path} is not a usable transform file: {error}") from error


def holds_a_stack(path: GivenPath) -> bool:
    """Return whether a file looks as if it held the transforms of a stack rather than one.

    Raises
    ------
    InputError
        If it cannot be read, or its suffix is none of `FORMATS`.
    """
    form, content = _recognised(path)
    return form.holds_a_stack(content)


def holds_a_volume(path: GivenPath) -> bool:
    """Return whether a file holds a transform of volumes rather than of images.

    Raises
    ------
    InputError
        As `read_matrices`.
    """
    form, content = _recognised(path)
    try:
        return any(len(_checked(each, "")[0]) == 4 for each in form.parse(content)[:1])
    except InputError as error:
        raise InputError(f"{path} is not a usable transform file: {error}") from error


def _format_of(
    path: GivenPath, suffixes: Iterable[str] = FORMATS, what: str = "a transform file"
) -> Format:
    """Return the format whose suffix a path has: the longest one, as .ome.json ends in .json."""
    name = Path(path).name.lower()
    fitting = [each for each in _TABLE if name.endswith(each.suffix)]
    form = max(fitting, key=lambda each: len(each.suffix), default=None)
    if form is None or form.suffix not in suffixes:
        raise InputError(f"{path}: {what} must end in one of {', '.join(suffixes)}")
    return form


def _recognised(path: GivenPath) -> tuple[Format, bytes]:
    """Return which format a file has, and its content."""
    suffix, path = check_suffix(path), Path(path)
    with opened(path, "a transform") as file:
        content = at_most(file, _LARGEST_STACK + 1)
    able = [each for each in _TABLE if suffix in (each.suffix, *each.also_in)]
    known = [each for each in able if each.recognise is not None and each.recognise(content)]
    form = (known or [each for each in able if each.recognise is None] or able)[0]
    if len(content) > (_LARGEST_STACK if form.holds_a_stack(content) else _LARGEST_FILE):
        raise InputError(f"{path} is too large to be a transform file")
    return form, content


def _checked(stored: StoredMatrix, where: str) -> tuple[Matrix, MotionModel]:
    try:
        matrix = checked_of_any_size(stored.matrix)
        model = stored.model or narrowest_model(matrix)
        check_belongs(matrix, model)
    except InputError as error:
        raise InputError(f"{where}{error}") from error
    return matrix, model
