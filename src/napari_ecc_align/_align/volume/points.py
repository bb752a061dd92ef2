"""The transform between two volumes that pairs of points suggest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..._common.errors import InputError
from ..._transform.models import Array
from .motion import VOLUME_MODELS
from .transform import VolumeTransform

# Of the spread of points along an axis, to that along the first, below which they are flat.
_FLAT = 1e-6
_FEWEST = 3


def volume_from_points(
    reference_points: Array,
    moving_points: Array,
    spacing: Sequence[float],
    moving_spacing: Sequence[float],
) -> VolumeTransform:
    """Return the transform that carries points of the reference to the moving volume.

    Four points or more that do not lie in a plane determine an affine transform, three a rigid
    one, one or two a shift.

    Parameters
    ----------
    reference_points, moving_points : ndarray, shape (n, 3)
        The same places in both volumes as (z, y, x), in voxels.
    spacing, moving_spacing : sequence of 3 floats
        Lengths of the voxels along (z, y, x).

    Raises
    ------
    InputError
        If there are not as many points in both, or none.
    """
    if len(reference_points) != len(moving_points) or not len(reference_points):
        raise InputError(
            f"There are {len(reference_points)} points in the reference and {len(moving_points)} "
            "in the moving volume: mark the same places in both, in the same order."
        )
    steps = [np.array(given, np.float64) for given in (spacing, moving_spacing)]
    here, there = reference_points * steps[0], moving_points * steps[1]
    middles = here.mean(axis=0), there.mean(axis=0)
    here, there = here - middles[0], there - middles[1]
    spread = np.linalg.svd(here, compute_uv=False)
    linear = np.eye(3)
    if len(spread) == 3 and spread[2] > _FLAT * spread[0]:
        linear = np.linalg.lstsq(here, there, rcond=None)[0].T
    elif len(here) >= _FEWEST and spread[1] > _FLAT * spread[0]:
        linear = VOLUME_MODELS["euclidean"].project(there.T @ here)
    matrix = np.eye(4)
    matrix[:3, :3] = linear * steps[0] / steps[1][:, np.newaxis]
    matrix[:3, 3] = middles[1] / steps[1] - matrix[:3, :3] @ (middles[0] / steps[0])
    flipped = np.eye(4)[[2, 1, 0, 3]]
    return VolumeTransform(flipped @ matrix @ flipped)
