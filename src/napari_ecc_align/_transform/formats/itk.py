"""ITK's text transforms, which ITK, SimpleITK, elastix, ANTs and 3D Slicer read.

Direction: fixed (reference) point to moving point, as ITK resamples. Axis order: (x, y), of
volumes (x, y, z). The points are pixels where both images have spacing 1 and origin 0, as
SimpleITK gives an image made from an array, whose directions are those of its axes.
"""

from __future__ import annotations

import numpy as np

from ..._common.errors import InputError
from ..matrices import Matrix, MotionModel
from .stored import StoredMatrix, numbers_of, text_of

_MAGIC = "#Insight Transform File V1.0"
_MOST_PARTS = 100


def dump(matrix: Matrix, model: MotionModel) -> bytes:
    """Return the file that holds one matrix."""
    size = len(matrix) - 1
    lines = [
        _MAGIC,
        "#Transform 0",
        f"Transform: AffineTransform_double_{size}_{size}",
        f"Parameters: {' '.join(map(repr, parameters_of(matrix)))}",
        f"FixedParameters: {' '.join('0' * size)}",
        "",
    ]
    return "\n".join(lines).encode()


def parameters_of(matrix: Matrix) -> tuple[float, ...]:
    """Return the parameters of ITK's affine transform: the linear part, then the translation."""
    return (*matrix[:-1, :-1].ravel().tolist(), *matrix[:-1, -1].tolist())


def recognise(content: bytes) -> bool:
    """Return whether a file begins as ITK's do."""
    return content.lstrip().startswith(_MAGIC.encode())


def parse(content: bytes) -> list[StoredMatrix]:
    """Return the matrix that a file holds, composed if need be, or raise `InputError`."""
    text = text_of(content)
    if not text.lstrip().startswith(_MAGIC):
        raise InputError("it does not begin as ITK's text transforms do")
    parts = _parts(text)
    composite = bool(parts) and parts[0][0].startswith("CompositeTransform")
    parts = parts[1:] if composite else parts
    if not parts or (len(parts) > 1 and not composite):
        raise InputError("it must hold one transform, or one composite of transforms")
    product = np.eye(4 if parts[0][0].endswith("_3_3") else 3)
    # The last one of a composite is applied first.
    with np.errstate(all="ignore"):
        for name, values, fixed in parts:
            product = product @ _matrix(name, values, fixed, len(product) - 1)
    return [StoredMatrix(product)]


def _parts(text: str) -> list[tuple[str, list[float], list[float]]]:
    """Return the name, parameters and fixed parameters of every transform in a file."""
    parts: list[tuple[str, list[float], list[float]]] = []
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key == "Transform":
            parts.append((value.strip(), [], []))
        elif key in ("Parameters", "FixedParameters") and parts:
            _, parameters, fixed = parts[-1]
            (parameters if key == "Parameters" else fixed).extend(numbers_of(value.split()))
        if len(parts) > _MOST_PARTS:
            raise InputError(f"it holds more than {_MOST_PARTS} transforms")
    return parts


def _matrix(name: str, values: list[float], fixed: list[float], size: int) -> Matrix:
    kind, _, dimensions = name.partition("_")
    if not dimensions.endswith(f"_{size}_{size}"):
        words = {2: "two", 3: "three"}[size]
        raise InputError(f"{name!r:.60} is not a transform of {words} dimensions")
    matrix = np.eye(size + 1)
    if kind == "IdentityTransform":
        return matrix
    numbers = _NUMBERS[size]
    if kind not in numbers:
        raise InputError(f"ITK's {kind!r:.60} is no affine transform that is read here")
    if len(values) != numbers[kind]:
        raise InputError(f"ITK's {kind} has {numbers[kind]} parameters, here are {len(values)}")
    centre = np.array(fixed[:size] if fixed else [0.0] * size)
    if centre.shape != (size,) or len(fixed) > size + (kind == "Euler3DTransform"):
        raise InputError("its fixed parameters are not one centre")
    # ITK's fourth fixed parameter tells the order of the turns.
    about = _planar(kind, values) if size == 2 else _spatial(kind, values, any(fixed[3:]))
    linear, shift = about
    matrix[:size, :size] = linear
    matrix[:size, size] = shift + centre - linear @ centre
    return matrix


_NUMBERS = {
    2: {
        "AffineTransform": 6,
        "MatrixOffsetTransformBase": 6,
        "TranslationTransform": 2,
        "ScaleTransform": 2,
        "Euler2DTransform": 3,
        "Rigid2DTransform": 3,
        "Similarity2DTransform": 4,
    },
    3: {
        "AffineTransform": 12,
        "MatrixOffsetTransformBase": 12,
        "TranslationTransform": 3,
        "ScaleTransform": 3,
        "Euler3DTransform": 6,
        "VersorRigid3DTransform": 6,
        "Similarity3DTransform": 7,
    },
}


def _planar(kind: str, values: list[float]) -> tuple[Matrix, Matrix]:
    """Return the matrix and the translation of ITK's parameters, both about the centre."""
    given = np.array(values)
    if len(given) == 6:
        return given[:4].reshape(2, 2), given[4:]
    if kind == "TranslationTransform":
        return np.eye(2), given
    if kind == "ScaleTransform":
        return np.diag(given), np.zeros(2)
    scale, angle = (given[0], given[1]) if kind == "Similarity2DTransform" else (1.0, given[0])
    cosine, sine = np.cos(angle), np.sin(angle)
    return scale * np.array([[cosine, -sine], [sine, cosine]]), given[-2:]


def _spatial(kind: str, values: list[float], zyx: bool) -> tuple[Matrix, Matrix]:
    """Return the same of three dimensions; `zyx` is the order of an Euler transform's turns."""
    given = np.array(values)
    if len(given) == 12:
        return given[:9].reshape(3, 3), given[9:]
    if kind == "TranslationTransform":
        return np.eye(3), given
    if kind == "ScaleTransform":
        return np.diag(given), np.zeros(3)
    if kind == "Euler3DTransform":
        about_x, about_y, about_z = (_turn(axis, angle) for axis, angle in enumerate(given[:3]))
        turns = about_y @ about_x if zyx else about_x @ about_y
        return about_z @ turns, given[3:]
    x, y, z = given[:3]
    skew = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    # A versor: the axis by the sine of half the angle.
    turn = np.eye(3) + 2 * (np.sqrt(max(0.0, 1 - given[:3] @ given[:3])) * skew + skew @ skew)
    return turn * (given[6] if kind == "Similarity3DTransform" else 1.0), given[3:6]


def _turn(axis: int, angle: float) -> Matrix:
    first, second = ((1, 2), (2, 0), (0, 1))[axis]
    out = np.eye(3)
    out[[first, second], [first, second]] = np.cos(angle)
    out[second, first], out[first, second] = np.sin(angle), -np.sin(angle)
    return out
