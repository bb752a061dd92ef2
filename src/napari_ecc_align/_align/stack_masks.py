"""Masks for the images of a stack: none, one for all, or one for each."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

import numpy as np

from .._common.errors import InputError
from .._images.sources import count_of


class StackMasks:
    """The mask of every image of a stack.

    Parameters
    ----------
    mask : array_like, shape (h, w) or (n, h, w), a sequence of such, or None
        Anything with an ``ndim`` is asked for no more than its parts, one image at a time; the
        parts of a sequence may be None.
    count : int
        How many images there are.
    name : str
        What to call the argument in an error.
    axes : int, default: 2
        Of one mask: 3 of a volume's.

    Raises
    ------
    InputError
        If there are not as many masks as images.
    """

    def __init__(self, mask: Any, count: int, name: str, axes: int = 2) -> None:
        self._each = mask is not None and _is_one_each(mask, name, axes)
        self._mask = mask
        self._numbers: Sequence[int] = range(count)
        if self._each and count_of(mask, name) != count:
            one = "image" if axes == 2 else "volume"
            images = f"one {one}" if count == 1 else f"{count} {one}s"
            raise InputError(f"{name} must be one mask, or one for each of {images}")

    def __getitem__(self, index: int) -> Any:
        return self._mask[self._numbers[index]] if self._each else self._mask

    def chosen(self, numbers: Sequence[int]) -> StackMasks:
        """Return the masks of some of the images."""
        some = copy(self)
        some._numbers = [self._numbers[number] for number in numbers]
        return some


def _is_one_each(mask: Any, name: str, of_one: int) -> bool:
    axes = getattr(mask, "ndim", None)
    if axes is None and isinstance(mask, Sequence) and len(mask):
        one = next((part for part in mask if part is not None), None)
        axes = of_one + 1 if one is None else 1 + np.ndim(one)
    if axes not in (of_one, of_one + 1):
        shape = "h, w" if of_one == 2 else "planes, rows, columns"
        raise InputError(
            f"{name} must be of shape ({shape}) or (n, {shape}), or a sequence of masks"
        )
    return bool(axes == of_one + 1)
