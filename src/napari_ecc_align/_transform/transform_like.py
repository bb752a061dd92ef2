"""What stands for a transform wherever one is asked for: itself, a result, or a matrix."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

from .._common.errors import InputError
from .._common.given import Numbers
from .field import Field
from .transform import Transform
from .volume_field import VolumeField


class HasTransform(Protocol):
    """What holds a transform, such as the result of an alignment or the record of a pair."""

    @property
    def transform(self) -> Transform | None:
        """From the reference to the moving image."""


class HasField(Protocol):
    """What holds a field, such as the result of a smooth alignment."""

    @property
    def transform(self) -> Field:
        """From the reference to the moving image."""


class HasVolumeField(Protocol):
    """What holds a field of volumes."""

    @property
    def transform(self) -> VolumeField:
        """From the reference to the moving volume."""


FieldLike: TypeAlias = Field | HasField
VolumeFieldLike: TypeAlias = VolumeField | HasVolumeField
TransformLike: TypeAlias = Transform | HasTransform | Numbers


def as_transform(given: TransformLike, name: str = "transform") -> Transform:
    """Return what stands for a transform as one, or raise `InputError`.

    Parameters
    ----------
    given : Transform, something with a `transform`, or array_like of shape (3, 3) or (2, 3)
        A matrix has the narrowest motion model that it belongs to.
    name : str
        Of the argument, for the message.
    """
    held: Any = getattr(given, "transform", given)
    if isinstance(held, Transform):
        return held
    if isinstance(held, Field):
        raise InputError(f"{name} must be a Transform or a matrix: no matrix stands for a Field")
    if held is None or isinstance(given, (str, bytes)):
        what = "None" if held is None else f"{given!r:.60}"
        raise InputError(
            f"{name} must be a Transform, a result that holds one, or a matrix, not {what}"
            + ("" if held is None else "; Transform.load reads a file")
        )
    try:
        return Transform(given)  # type: ignore[arg-type]
    except InputError as error:
        raise InputError(f"{name} cannot be used: {error}") from error


def as_map(given: TransformLike | FieldLike, name: str = "transform") -> Transform | Field:
    """Return a field, or what stands for a transform as one, or raise `InputError`."""
    held: Any = getattr(given, "transform", given)
    return held if isinstance(held, Field) else as_transform(given, name)  # type: ignore[arg-type]
