"""Files of fields: our own, NumPy's ``.npz``, and ITK's displacement fields in MetaImage."""

from __future__ import annotations

import io
import json
import zipfile
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._common.atomic import write_atomically
from ..._common.errors import InputError
from ..._common.given import GivenPath
from ..._common.memory import IMAGE_BYTES, expanded, most_image_bytes, whole_file
from ..._common.opening import opened
from ..splines import DEGREE
from .field_zarr import Sampled, displaced_axes
from .matrix_npy import header_of

Array = NDArray[np.float64]

FIELD_FORMATS = {".npz": "Field, with where it is known", ".mha": "ITK displacement field"}
GROUPS = {".zarr": "OME-NGFF displacements"}

MANY_FIELDS = {".npz": "Fields, with where they are known"}

_LATTICES = ("planes", "rows", "columns")
_FORMAT, _VERSION, _HEAD = "napari-ecc-align field", 1, 1000
# Of float64, as which all is kept.
_ITEM_BYTES = 8
# Of many fields, coefficients are kept to a ten-thousandth of a px, sigma to a thousandth of it.
_KEPT = {"coefficients": np.float32, "sigma": np.float16}
_TYPES = {"MET_FLOAT": "<f4", "MET_DOUBLE": "<f8"}
_HEADER = """ObjectType = Image
NDims = {axes}
BinaryData = True
BinaryDataByteOrderMSB = False
CompressedData = False
TransformMatrix = {straight}
Offset = {offset}
ElementSpacing = {apart}
DimSize = {size}
ElementNumberOfChannels = {axes}
ElementType = MET_FLOAT
ElementDataFile = LOCAL
"""


def write_field(
    path: GivenPath,
    stored: dict[str, Array],
    dense: Callable[[], Sampled],
    *,
    overwrite: bool,
) -> None:
    """Write a field in the format of the suffix; `dense` gives what ITK wants of it."""
    suffix = _suffix(path)
    if suffix == ".npz":
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **stored)  # type: ignore[arg-type]
        content = buffer.getvalue()
    else:
        moved, start, apart = dense()
        axes = len(start)
        header = _HEADER.format(
            axes=axes,
            straight=_words(np.eye(axes).ravel()),
            offset=" ".join(map(repr, start)),
            apart=_words(apart),
            size=" ".join(map(str, moved.shape[axes - 1 :: -1])),
        )
        content = header.encode() + moved.astype("<f4").tobytes()
    write_atomically(path, content, overwrite=overwrite)


def packed(stored: Mapping[str, NDArray[np.floating[Any]]]) -> str:
    """Return the arrays of a field as a text, such as a line of JSON can hold."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **stored)  # type: ignore[arg-type]
    return b64encode(buffer.getvalue()).decode()


def unpacked(text: str, axes: int | None = 2) -> dict[str, Array]:
    """Return the arrays of such a text; raise `ValueError` if it is none.

    Of a field of so many axes, or of as many as it has.
    """
    try:
        return _own(b64decode(text), axes)
    except MemoryError:
        raise
    except Exception as error:
        raise ValueError(f"it holds no field ({error})") from error


def field_document(stored: Mapping[str, Array]) -> dict[str, Any]:
    """Return the JSON document of a field, as exact as is worth the room."""
    one, place = "pixel", "pixel (x, y)"
    if _LATTICES[0] in stored:
        one, place = "voxel", "voxel (x, y, z)"
    return {
        "format": _FORMAT,
        "version": _VERSION,
        "direction": f"reference {place}, displaced by a field, then by the matrix, to moving "
        f"{one}, {one} centres at integers",
        "model": "smooth",
        "matrix": stored["matrix"].tolist(),
        "field": packed({name: _kept(name, part) for name, part in stored.items()}),
    }


def is_field_document(document: Any) -> bool:
    """Return whether a JSON document is that of a field."""
    return isinstance(document, Mapping) and document.get("format") == _FORMAT


def field_in(document: Any, axes: int | None = None) -> dict[str, Array]:
    """Return the arrays of the field in a document, of any or so many axes.

    Raises
    ------
    InputError
        If it holds none.
    """
    if not is_field_document(document):
        raise InputError(f"its format is not {_FORMAT!r}")
    if document.get("version") != _VERSION:
        raise InputError(
            f"its version is {document.get('version')!r:.80}, this program reads {_VERSION}"
        )
    try:
        return unpacked(str(document.get("field", "")), axes)
    except ValueError as error:
        raise InputError(str(error)) from error


def _kept(name: str, part: Array) -> NDArray[np.floating[Any]]:
    """Return a part of a field as exact as is worth the room."""
    kind = _KEPT.get(name)
    # A sigma that is too large to be held is as good as infinite.
    with np.errstate(over="ignore"):
        return part if kind is None else part.astype(kind)


def write_fields(path: GivenPath, stored: Sequence[dict[str, Array]], *, overwrite: bool) -> None:
    """Write many fields in one file of ours, as exact as is worth the room."""
    if Path(path).suffix.lower() != ".npz":
        raise InputError(f"{path}: the file of many fields must end in .npz")
    parts: dict[str, NDArray[np.floating[Any]]] = {}
    for number, one in enumerate(stored):
        for name, part in one.items():
            parts[f"{number}/{name}"] = _kept(name, part)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **parts)  # type: ignore[arg-type]
    write_atomically(path, buffer.getvalue(), overwrite=overwrite)


def read_fields(path: GivenPath, axes: int) -> list[dict[str, Array]]:
    """Return the arrays of each of many fields of so many axes, or of one."""
    if Path(path).suffix.lower() != ".npz":
        raise InputError(f"{path}: the file of many fields must end in .npz")
    with _usable(path) as content:
        found: dict[int, dict[str, Array]] = {}
        for name, array in _arrays(content).items():
            number, _, part = name.rpartition("/")
            found.setdefault(int(number or 0), {})[part] = array
        if sorted(found) != list(range(len(found))) or not found:
            raise ValueError("it holds no fields")
        return [_checked(found[number], axes) for number in range(len(found))]


def holds_fields(path: Path) -> bool:
    """Return whether a file holds a field for each frame of a film."""
    if path.suffix.lower() != ".npz":
        return False
    with _usable(path) as content, zipfile.ZipFile(io.BytesIO(content)) as archive:
        return any("/" in name for name in archive.namelist())


@contextmanager
def _usable(path: GivenPath) -> Iterator[bytes]:
    """Yield the content of a file; what shows that it holds no field is told of the file."""
    with opened(Path(path), "a field") as file:
        content = whole_file(file, Path(path))
    try:
        yield content
    except MemoryError:
        raise
    # Archives, headers and decoders raise whatever they stumble over.
    except Exception as error:
        raise InputError(f"{path} is not a usable field: {error}") from error


def _suffix(path: GivenPath) -> str:
    suffix = Path(path).suffix.lower()
    if suffix not in FIELD_FORMATS:
        raise InputError(f"{path}: the file of a field must end in .npz, .mha or .zarr")
    return suffix


def read_field(path: GivenPath, axes: int = 2) -> dict[str, Array] | Sampled:
    """Return the arrays of a field of so many axes, or displacements on ITK's grid."""
    suffix = ".json" if _is_json(path) else _suffix(path)
    with _usable(path) as content:
        if suffix == ".json":
            return field_in(json.loads(content), axes)
        return _own(content, axes) if suffix == ".npz" else _metaimage(content, axes)


def holds_a_volume_field(path: Path) -> bool:
    """Return whether a file, or a group, that holds a field holds one of volumes."""
    suffix = path.suffix.lower()
    if suffix in GROUPS:
        return displaced_axes(path) == len(_LATTICES)
    if suffix not in FIELD_FORMATS and not _is_json(path):
        return False
    with _usable(path) as content:
        if _is_json(path):
            return _LATTICES[0] in field_in(json.loads(content))
        if suffix == ".mha":
            lines = content[:_HEAD].decode("ascii", "replace").splitlines()
            return any("".join(line.split()) == f"NDims={len(_LATTICES)}" for line in lines)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
        # Of one, or of the first of many.
        return any(f"{first}{_LATTICES[0]}.npy" in names for first in ("", "0/"))


def holds_a_field(path: Path) -> bool:
    """Return whether a file, or a group, is one of a field rather than of a matrix."""
    if _is_json(path):
        with opened(path, "a transform") as file:
            return f'"{_FORMAT}"'.encode() in file.read(_HEAD)
    return path.suffix.lower() in (*FIELD_FORMATS, *GROUPS)


def _is_json(path: GivenPath) -> bool:
    return Path(path).suffix.lower() == ".json"


def _own(content: bytes, axes: int | None = 2) -> dict[str, Array]:
    stored = _arrays(content)
    if any("/" in name for name in stored):
        raise ValueError(
            "it holds one for each frame of a film: load_fields reads it, of volumes "
            "load_volume_transforms"
        )
    return _checked(stored, axes or (3 if _LATTICES[0] in stored else 2))


def _arrays(content: bytes) -> dict[str, Array]:
    """Return the arrays of an archive by name, once their headers have told how large they are."""
    total, most = 0, most_image_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for member in archive.infolist():
            with archive.open(member) as file:
                shape, dtype = header_of(file)
            if dtype.kind not in "biuf":
                raise ValueError(f"it holds {dtype!s:.40} values, not real numbers")
            total += prod(shape) * max(_ITEM_BYTES, dtype.itemsize)
            if total > most or prod(shape) * dtype.itemsize > member.file_size:
                raise ValueError(
                    f"its arrays are larger than they can be, or than the {most:,} bytes that are "
                    f"read; {IMAGE_BYTES} sets another limit"
                )
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return {name: np.asarray(archive[name], np.float64) for name in archive.files}


def _checked(stored: dict[str, Array], axes: int = 2) -> dict[str, Array]:
    """Return the arrays of a field; raise `ValueError` for those of anything else."""
    if axes < len(_LATTICES) and _LATTICES[0] in stored:
        raise ValueError("it holds a field of volumes, not of images")
    lattices = _LATTICES[-axes:]
    own = ("matrix", *lattices, "coefficients")
    if any(name not in stored for name in own) or stored["coefficients"].ndim != axes + 1:
        raise ValueError("it holds no field" + " of volumes" * (axes > 2))
    counts = stored["coefficients"].shape
    shapes = {"matrix": (axes + 1,) * 2, **dict.fromkeys(lattices, (2,))}
    fits = counts[-1] == axes and min(counts[:-1]) > DEGREE
    fits = fits and all(stored[name].shape == shape for name, shape in shapes.items())
    fits = fits and all(np.isfinite(stored[name]).all() for name in own)
    fits = fits and all(stored[name][1] > 0 for name in lattices)
    sigma = stored.get("sigma", np.zeros((1,) * axes + (axes,)))
    if not fits or sigma.ndim != axes + 1 or sigma.shape[-1] != axes or not sigma.size:
        raise ValueError("it holds no field")
    return stored


def _metaimage(content: bytes, axes: int) -> Sampled:
    head, mark, _ = content.partition(b"ElementDataFile")
    _, _, pixels = content[len(head) :].partition(b"\n")
    lines = [line.partition("=") for line in head.decode("ascii", "replace").splitlines()]
    fields = {name.strip(): value.strip() for name, equals, value in lines if equals}
    count = str(axes)
    if not mark or fields["NDims"] != count or fields.get("ElementNumberOfChannels") != count:
        raise ValueError(f"it holds no {'plane' if axes == 2 else 'volume'} of vectors")
    turned = np.array(fields.get("TransformMatrix", _words(np.eye(axes).ravel())).split(), float)
    if not np.array_equal(turned, np.eye(axes).ravel()):
        raise ValueError("its axes are turned")
    size = tuple(int(number) for number in fields["DimSize"].split())
    kind = np.dtype(_TYPES[fields["ElementType"]])
    most, numbers = most_image_bytes(), axes * prod(size)
    if len(size) != axes or min(size) < 1 or numbers * _ITEM_BYTES > most:
        raise ValueError(
            f"it has {' x '.join(map(str, size))} vectors, none or more than the {most:,} bytes "
            f"that are read; {IMAGE_BYTES} sets another limit"
        )
    if fields.get("CompressedData", "False") == "True":
        pixels = expanded(pixels, numbers * kind.itemsize)
    if fields.get("BinaryDataByteOrderMSB", "False") == "True":
        kind = kind.newbyteorder(">")
    stored = np.frombuffer(pixels, kind, count=numbers)
    if not np.isfinite(stored).all():
        raise ValueError("its displacements are not all finite")
    values = stored.astype(np.float64)
    start, apart = (
        tuple(float(number) for number in fields.get(name, _words([default] * axes)).split())
        for name, default in (("Offset", 0), ("ElementSpacing", 1))
    )
    if not len(start) == len(apart) == axes:
        raise ValueError("its offset and spacing are not of its axes")
    return Sampled(values.reshape(*size[::-1], axes), start, apart)


def _words(numbers: Iterable[float]) -> str:
    return " ".join(f"{number:g}" for number in numbers)
