"""The arguments of an alignment, checked before any work is done."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._common.errors import InputError
from .._ecc.options import SearchOptions
from .._images.sources import ImageLike, LazyArray, Source, checked_source
from .._transform.transform import Transform


@dataclass(frozen=True, eq=False)
class Job:
    """Arguments of `align` that can be used."""

    reference: Source
    moving: Source
    options: SearchOptions
    initial: NDArray[np.float64] | None


def checked_job(
    reference: ImageLike,
    moving: ImageLike,
    options: SearchOptions,
    *,
    reference_mask: ArrayLike | LazyArray | None,
    moving_mask: ArrayLike | LazyArray | None,
    initial: Transform | ArrayLike | None,
) -> Job:
    """Return the arguments of `align` as a `Job`, or raise an `InputError` that names one."""
    # OpenCV's ECC reads every pixel on every iteration.
    whole = options.engine == "opencv"
    return Job(
        reference=checked_source(reference, reference_mask, "reference", whole=whole),
        moving=checked_source(moving, moving_mask, "moving", whole=whole),
        options=options,
        initial=_checked_initial(initial),
    )


def _checked_initial(initial: Transform | ArrayLike | None) -> NDArray[np.float64] | None:
    if initial is None:
        return None
    if isinstance(initial, Transform):
        return initial.matrix
    try:
        return Transform(np.asarray(initial), "homography").matrix
    except InputError as error:
        raise InputError(f"initial cannot be used: {error}") from error
