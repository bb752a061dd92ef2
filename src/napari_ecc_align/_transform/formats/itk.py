"""ITK's text transforms, which ITK, SimpleITK, elastix, ANTs and 3D Slicer read.

Direction: fixed (reference) point to moving point, as ITK resamples. Axis order: (x, y). The
points are pixels where both images have spacing 1 and origin 0, as SimpleITK gives an image
made from an array.
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
    lines = [
        _MAGIC,
        "#Transform 0",
        "Transform: AffineTransform_double_2_2",
        f"Parameters: {' '.join(map(repr, parameters_of(matrix)))}",
        "FixedParameters: 0 0",
        "",
    ]
    return "\n".join(lines).encode()


def parameters_of(matrix: Matrix) -> tuple[float, ...]:
    """Return the parameters of ITK's affine transform: the linear part, then the translation."""
    return (*matrix[:2, :2].ravel().tolist(), *matrix[:2, 2].tolist())


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
    product = np.eye(3)
    # The last one of a composite is applied first.
    with np.errstate(all="ignore"):
        for name, values, fixed in parts:
            product = product @ _matrix(name, values, fixed)
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


def _matrix(name: str, values: list[float], fixed: list[float]) -> Matrix:
    kind, _, dimensions = name.partition("_")
    if not dimensions.endswith("_2_2"):
        raise InputError(f"{name!r:.60} is not a transform of two dimensions")
    if kind == "IdentityTransform":
        return np.eye(3)
    linear, shift = _linear_and_shift(kind, values)
    centre = np.array(fixed if fixed else [0.0, 0.0])
    if centre.shape != (2,):
        raise InputError("its fixed parameters are not one centre")
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = shift + centre - linear @ centre
    return matrix


def _linear_and_shift(kind: str, values: list[float]) -> tuple[Matrix, Matrix]:
    """Return the matrix and the translation of ITK's parameters, both about the centre."""
    numbers = {
        "AffineTransform": 6,
        "MatrixOffsetTransformBase": 6,
        "TranslationTransform": 2,
        "Euler2DTransform": 3,
        "Rigid2DTransform": 3,
        "Similarity2DTransform": 4,
    }
    if kind not in numbers:
        raise InputError(f"ITK's {kind!r:.60} is no affine transform, so it cannot be used here")
    if len(values) != numbers[kind]:
        raise InputError(f"ITK's {kind} has {numbers[kind]} parameters, here are {len(values)}")
    given = np.array(values)
    if numbers[kind] == 6:
        return given[:4].reshape(2, 2), given[4:]
    if kind == "TranslationTransform":
        return np.eye(2), given
    scale, angle = (given[0], given[1]) if kind == "Similarity2DTransform" else (1.0, given[0])
    cosine, sine = np.cos(angle), np.sin(angle)
    return scale * np.array([[cosine, -sine], [sine, cosine]]), given[-2:]
