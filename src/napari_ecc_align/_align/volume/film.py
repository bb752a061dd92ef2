"""Align every volume of a film, with one transform for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import cast

import numpy as np
from numpy.typing import ArrayLike

from ..._common.errors import InputError
from ..._ecc.options import DEFAULTS, SearchOptions
from ..._images.sources import LazyArray
from ..._transform.models import Array
from ..progress import Progress
from .align import asking, cancelled_volume, driven, searched
from .film_result import VolumeStackResult
from .levels import volume_pyramid
from .refine import VolumeRefiner
from .result import VolumeAlignment
from .sources import loaded_volume
from .transform import VOLUME_MOTION_MODELS, VolumeMotionModel, checked_spacing

_TURNED = np.eye(4)[[2, 1, 0, 3]]


def align_volume_stack(
    volumes: ArrayLike | LazyArray | Sequence[ArrayLike | LazyArray],
    *,
    reference: int | ArrayLike = 0,
    model: VolumeMotionModel = "euclidean",
    spacing: Sequence[float] | float | None = None,
    precision: float = DEFAULTS.precision,
    reference_mask: ArrayLike | None = None,
    moving_mask: ArrayLike | None = None,
    progress: Callable[[Progress], object] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> VolumeStackResult:
    """Find one transform per time point that lays the volumes of a film on each other.

    Parameters
    ----------
    volumes : array_like, shape (n, planes, rows, columns), or a sequence of volumes
        Of what is lazy (dask, zarr), a volume is read when its turn comes.
    reference : int or array_like of shape (planes, rows, columns), default: 0
        What they are aligned to: the volume of that index (negative ones count from the end), or
        one that is none of the film.
    model, spacing, precision
        As in `align_volume`; the spacing is that of all volumes.
    reference_mask, moving_mask : array_like, shape (planes, rows, columns), optional
        Voxels that count of the reference, and of every volume.
    progress : callable, optional
        Called with a `Progress` after every volume.
    cancel : callable, optional
        Asked often; when it returns True the volumes that are left are "cancelled".

    Returns
    -------
    VolumeStackResult
        A sequence of one `VolumeAlignment` per volume; that of the reference is the identity.

    Raises
    ------
    InputError
        If an argument cannot be used; a `ValueError` whose message names it.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.ndimage import gaussian_filter
    >>> from napari_ecc_align import align_volume_stack
    >>> noise = gaussian_filter(np.random.default_rng(0).normal(size=(48, 48, 52)), 2)
    >>> film = [noise[k : 40 + k, 4:44, 2 * k : 44 + 2 * k] for k in range(3)]
    >>> align_volume_stack(film, model="translation", spacing=(0.5, 0.1, 0.1))
    3 volumes to volume 0: 3 aligned; x up to 0.40, y up to 0.00, z up to 1.00
    """
    if model not in VOLUME_MOTION_MODELS:
        known = ", ".join(VOLUME_MOTION_MODELS)
        raise InputError(f"model must be one of {known}, not {model!r:.80}")
    options = SearchOptions(model, "pyramid", precision)
    own = checked_spacing(spacing, "spacing", (1.0, 1.0, 1.0))
    film = cast(Sequence[ArrayLike], volumes)
    count = len(film)
    if not count:
        raise InputError("volumes must hold at least one volume")
    anchor = _anchor(reference, count)
    fixed = loaded_volume(
        np.asarray(reference if anchor is None else film[anchor]), reference_mask, "reference"
    )
    levels = volume_pyramid(fixed, own, float(own.min()))
    asked = asking(cancel)
    start: Array | None = None
    results: list[VolumeAlignment] = []
    for index in range(count):
        result = cancelled_volume(model, fixed.shape, own)
        if index == anchor:
            result = _itself(result)
        elif cancel is None or not cancel():
            moving = loaded_volume(np.asarray(film[index]), moving_mask, f"volume {index}")
            others = volume_pyramid(moving, own, float(own.min()))
            reached: list[VolumeAlignment] = []
            refiner = VolumeRefiner(levels, others, options, asked)
            steps = searched(refiner, np.eye(4), reached, start=start)
            result = driven(steps, reached, result, None, cancel)
        results.append(result)
        if result.aligned:
            start = _TURNED @ result.transform.matrix @ _TURNED
        if progress is not None:
            said = f"volume {index + 1} of {count}: {result.verdict}"
            progress(Progress((index + 1) / count, said))
    return VolumeStackResult(
        tuple(results), "volume" if anchor is None else anchor, called="volumes"
    )


def _anchor(reference: int | ArrayLike, count: int) -> int | None:
    """Return the index of the volume that is the reference, None if it is none of the film."""
    if not isinstance(reference, (int, np.integer)):
        return None
    if not -count <= reference < count:
        raise InputError(
            f"reference must be a volume or the index of one of {count}, not {reference}"
        )
    return int(reference) % count


def _itself(nothing: VolumeAlignment) -> VolumeAlignment:
    """Return the result of the volume that the others are aligned to."""
    return replace(
        nothing,
        verdict="aligned",
        reason="The volume that the others are aligned to.",
        ecc=1.0,
        overlap_fraction=1.0,
        corner_uncertainty=0.0,
        axis_uncertainty=(0.0, 0.0, 0.0),
        converged=True,
        start="identity",
    )
