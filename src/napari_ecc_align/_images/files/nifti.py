"""NIfTI files: volumes with the place of their voxels, read and written by nibabel.

Voxels are (x, y, z) in them, x fastest: as an array (z, y, x), which is what volumes are here.
"""

from __future__ import annotations

import gzip
import io
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..._common.errors import InputError
from ..._common.memory import check_file_size
from .image_file import ImageFile
from .layout import Layout
from .sizes import check_size
from .tags import TiffStyle
from .volumes import grid_of

SUFFIXES = (".nii", ".nii.gz")
_GZIP = b"\x1f\x8b"
_HEADS = (b"\x5c\x01\x00\x00", b"\x00\x00\x01\x5c", b"\x1c\x02\x00\x00", b"\x00\x00\x02\x1c")
_LONGEST_HEADER = 540
_LARGEST_HEAD = 2**24
_UM = {"mm": 1e3, "meter": 1e6, "micron": 1.0}
_ZLIB = 8
# In an extension of the header, which is a text.
_COMMENT = 6
# Where the voxels lie: as those of another volume that they were aligned to.
_ALIGNED = 2


def is_nifti(head: bytes) -> bool:
    """Tell from its first bytes whether a file may be a NIfTI."""
    return head.startswith((_GZIP, *_HEADS))


def read_nifti(file: BinaryIO, path: Path, max_pixels: int | None) -> ImageFile:
    """Return the volume in an open NIfTI file.

    Raises
    ------
    InputError
        If nibabel is not installed, or there is no volume of real numbers in it.
    """
    library = _library(path)
    with _stream(file, path) as stream:
        head = stream.read(_LONGEST_HEADER)
        header = _header(library, head)
        shape, dtype = _checked(header, path, max_pixels)
        begin = _begin(header, path)
        end = begin + prod(shape) * dtype.itemsize
        content = head + stream.read(max(0, end - len(head)))
    if len(content) < end:
        raise InputError(f"{path} is cut off; make or download it again")
    values = np.frombuffer(content, dtype, prod(shape), begin).reshape(shape[::-1])
    slope, intercept = header.get_slope_inter()
    if slope not in (None, 1.0) or intercept not in (None, 0.0):
        with np.errstate(over="ignore", invalid="ignore"):
            values = (values * np.float32(slope or 1) + np.float32(intercept or 0)).astype(
                np.float32
            )
    unit = _UM.get(header.get_xyzt_units()[0], 1e3)
    x, y, z = (abs(float(length)) * unit for length in header.get_zooms()[:3])
    space = np.array(header.get_best_affine(), np.float64)
    return volume_as_file(values, (z, y, x), space)


def nifti_size(file: BinaryIO, path: Path) -> tuple[int, int]:
    """Return how many rows a NIfTI file says that it has in all planes, and their width."""
    library = _library(path)
    with _stream(file, path) as stream:
        x, y, z = _checked(_header(library, stream.read(_LONGEST_HEADER)), path, None)[0]
    return y * z, x


def volume_as_file(
    values: NDArray[Any], spacing: tuple[float, float, float], space: NDArray[np.float64] | None
) -> ImageFile:
    """Return a volume, (d, h, w), of voxels of lengths in micrometres, as of a file."""
    told = (("PhysicalSizeZ", spacing[0]), ("PhysicalSizeZUnit", "µm"))
    style = TiffStyle(_ZLIB, layout=Layout("ZYX", (len(values),)), further=told)
    return ImageFile(values, grid_of(spacing), style, space=space)


def nifti_bytes(path: Path, file: ImageFile, spacing: tuple[float, float, float] | None) -> bytes:
    """Return the NIfTI file of a volume, on the place that it names, or else at the origin.

    Parameters
    ----------
    path : Path
        Whose suffix tells whether it is compressed.
    file : ImageFile
        Whose pixels are of the shape (d, h, w).
    spacing : tuple of float or None
        Lengths of a voxel along (z, y, x) in micrometres.

    Raises
    ------
    InputError
        If nibabel is not installed, or NIfTI has no room for such values.
    """
    library = _library(path)
    values = file.pixels
    if values.ndim != 3:
        raise InputError(
            f"{path} cannot hold an array of shape {values.shape}: a NIfTI holds one volume of "
            "gray values; use .tif"
        )
    if values.dtype.kind == "b":
        values = values.view(np.uint8)
    if values.dtype == np.float16:
        values = values.astype(np.float32)
    space = file.space
    if space is None:
        z, y, x = (length / 1e3 for length in spacing or (1e3, 1e3, 1e3))
        space = np.diag([x, y, z, 1.0])
    made = library.Nifti1Image(values.transpose(), space, dtype=values.dtype)
    made.set_sform(space, _ALIGNED)
    made.set_qform(space, _ALIGNED)
    made.header.set_xyzt_units("mm")
    if file.origin is not None:
        made.header.extensions.append(
            library.nifti1.Nifti1Extension(_COMMENT, file.origin.encode("ascii"))
        )
    content: bytes = made.to_bytes()
    return gzip.compress(content, 6, mtime=0) if path.suffix.lower() == ".gz" else content


def nifti_origin(file: BinaryIO, path: Path) -> str | None:
    """Return where a NIfTI file says that it comes from, if it was written here."""
    library = _library(path)
    with _stream(file, path) as stream:
        head = stream.read(_LONGEST_HEADER)
        begin = _begin(_header(library, head), path)
        content = head + stream.read(max(0, begin - len(head)))
    made = _kind(library, head).from_fileobj(io.BytesIO(content[:begin]), check=False)
    texts = [one.get_content() for one in made.extensions if one.get_code() == _COMMENT]
    if not texts:
        return None
    text = texts[0]
    return (text.decode("ascii", "replace") if isinstance(text, bytes) else text).rstrip("\0")


def _library(path: Path) -> Any:
    try:
        import nibabel
    except ImportError as error:
        raise InputError(
            f"{path}: NIfTI files need nibabel: pip install 'napari-ecc-align[nifti]'"
        ) from error
    return nibabel


def _stream(file: BinaryIO, path: Path) -> Any:
    check_file_size(file, path)
    head = file.read(2)
    file.seek(0)
    return gzip.GzipFile(fileobj=file) if head == _GZIP else io.BytesIO(file.read())


def _begin(header: Any, path: Path) -> int:
    """Return behind how many bytes, of header and extensions, the voxels begin."""
    begin = int(header.get_data_offset())
    if not 0 <= begin <= _LARGEST_HEAD:
        raise InputError(f"{path} begins only behind {begin:,} bytes; make it again")
    return begin


def _header(library: Any, head: bytes) -> Any:
    """Return the header at the start of some bytes, without what extends it."""
    kind = _kind(library, head)
    return kind(head[: kind.sizeof_hdr], check=False)


def _kind(library: Any, head: bytes) -> Any:
    # Of version 2, whose header is longer, the size stands first, too.
    return library.Nifti2Header if head.startswith(_HEADS[2:]) else library.Nifti1Header


def _checked(
    header: Any, path: Path, max_pixels: int | None
) -> tuple[tuple[int, int, int], np.dtype[Any]]:
    """Return the shape (x, y, z) and the type of the values, or refuse them."""
    magic = bytes(header["magic"])[:2]
    if magic == b"ni":
        raise InputError(f"{path} is the header alone, whose image is an .img; save both as .nii")
    if magic != b"n+":
        raise InputError(f"{path} is no NIfTI file; convert it to one")
    given = [int(length) for length in header.get_data_shape()]
    while len(given) > 3 and given[-1] == 1:
        given.pop()
    if len(given) != 3:
        raise InputError(
            f"{path} holds an array of shape {tuple(given)}: of a NIfTI one volume of three axes "
            "is read; cut it out"
        )
    dtype = header.get_data_dtype()
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise InputError(f"{path} holds {dtype} values; convert them to real numbers")
    x, y, z = given
    check_size(path, y * z, x, dtype.itemsize, max_pixels)
    return (x, y, z), dtype
