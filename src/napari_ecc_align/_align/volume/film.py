"""Align every volume of a film, with one transform for each."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike

from ..._common.errors import InputError
from ..._common.steps import outcome_of
from ..._ecc.options import DEFAULTS, SearchOptions
from ..._images.sources import LazyArray
from ..._transform.matrices import checked_spacing, checked_volume_matrix
from ..frame_by_frame import FrameSteps, Series
from ..frame_options import Bending
from ..passes import (
    ONE_PROCESS,
    Anchor,
    StackRun,
    aligned_series,
    anchor_of,
    checked_workers,
    own_steps,
)
from ..progress import FrameProgress, Progress
from ..smooth import check_stiffness
from ..stack_masks import StackMasks
from .bent.result import SmoothVolumeAlignment
from .bent.stack import SmoothVolumeStack
from .film_frames import ReadVolumes, VolumeOptions
from .film_result import VolumeStackResult
from .result import VolumeAlignment
from .steps import volume_models
from .transform import (
    VOLUME_MOTION_MODELS,
    VolumeMotionModel,
    VolumeTransform,
)

Volumes = ArrayLike | LazyArray | Sequence[ArrayLike | LazyArray]
FilmSteps = Generator[Progress, None, VolumeStackResult | SmoothVolumeStack]


@overload
def align_volume_stack(
    volumes: Volumes,
    *,
    reference: Anchor | int | ArrayLike = 0,
    model: VolumeMotionModel = "euclidean",
    spacing: Sequence[float] | float | None = None,
    moving_spacing: Sequence[float] | float | None = None,
    precision: float = DEFAULTS.precision,
    max_iterations: int = DEFAULTS.max_iterations,
    tolerance: float = DEFAULTS.tolerance,
    reference_mask: ArrayLike | None = None,
    moving_mask: ArrayLike | None = None,
    initial: VolumeTransform | ArrayLike | None = None,
    workers: int = 1,
    progress: Callable[[Progress], object] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> VolumeStackResult: ...
@overload
def align_volume_stack(
    volumes: Volumes,
    *,
    model: Literal["smooth"],
    reference: Anchor | int | ArrayLike = 0,
    stiffness: float | None = None,
    spacing: Sequence[float] | float | None = None,
    moving_spacing: Sequence[float] | float | None = None,
    reference_mask: ArrayLike | None = None,
    moving_mask: ArrayLike | None = None,
    initial: VolumeTransform | ArrayLike | None = None,
    workers: int = 1,
    progress: Callable[[Progress], object] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> SmoothVolumeStack: ...
def align_volume_stack(
    volumes: Volumes,
    *,
    reference: Anchor | int | ArrayLike = 0,
    model: VolumeMotionModel | Literal["smooth"] = "euclidean",
    stiffness: float | None = None,
    spacing: Sequence[float] | float | None = None,
    moving_spacing: Sequence[float] | float | None = None,
    precision: float = DEFAULTS.precision,
    max_iterations: int = DEFAULTS.max_iterations,
    tolerance: float = DEFAULTS.tolerance,
    reference_mask: ArrayLike | None = None,
    moving_mask: ArrayLike | None = None,
    initial: VolumeTransform | ArrayLike | None = None,
    workers: int = 1,
    progress: Callable[[Progress], object] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> VolumeStackResult | SmoothVolumeStack:
    """Find one transform per time point that lays the volumes of a film on each other.

    Parameters
    ----------
    volumes : array_like, shape (n, planes, rows, columns), or a sequence of volumes
        Of what is lazy (dask, zarr), a volume is read when its turn comes.
    reference : int, {"first", "previous", "mean"} or array_like, default: 0
        What they are aligned to: the volume of that index (negative ones count from the end), or
        one that is none of the film, of shape (planes, rows, columns); or, as in `align_stack`,
        each to the one before it, composed and corrected against the first wherever that still
        aligns, for films that change along the way; or all to the mean of up to ten of them,
        aligned to the first in a first pass, for films that are noisy.
    model, stiffness, spacing, precision, max_iterations, tolerance
        As in `align_volume`; with the model "smooth" each volume has a field that bends. The
        spacing is that of what they are aligned to.
    moving_spacing : float or sequence of 3 floats, optional
        That of the volumes of the film, if they are aligned to another one; by default the same.
    reference_mask, moving_mask : array_like, shape (planes, rows, columns), optional
        Voxels that count of the reference (of the mean, that of the first volume), and of every
        volume; or one mask for each, with an axis more.
    initial : VolumeTransform or array_like of shape (4, 4) or (3, 4), optional
        Where to start first, as in `align_volume`, if `reference` is none of the film. Later
        volumes start where one before was found.
    workers : int, default: 1
        How many processes align the volumes, eight of them each at a time; the results are the
        same. Not with "previous", where each volume waits for the one before.
    progress : callable, optional
        Called with a `Progress` after every volume.
    cancel : callable, optional
        Asked often; when it returns True the volumes that are left are "cancelled".

    Returns
    -------
    VolumeStackResult, or SmoothVolumeStack with "smooth"
        A sequence of one `VolumeAlignment` or `SmoothVolumeAlignment` per volume; that of the
        reference is the identity. A volume that cannot be read has "failed".

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
    bends = model == "smooth"
    if not bends and model not in VOLUME_MOTION_MODELS:
        known = ", ".join((*VOLUME_MOTION_MODELS, "smooth"))
        raise InputError(f"model must be one of {known}, not {model!r:.80}")
    check_stiffness(stiffness, bending=bends)
    steps = volume_film_steps(
        volumes,
        SearchOptions(model, "pyramid", precision, max_iterations, tolerance),
        reference=reference,
        spacing=spacing,
        moving_spacing=moving_spacing,
        masks=(reference_mask, moving_mask),
        initial=initial,
        run=StackRun(
            workers=checked_workers(workers),
            cancel=cancel,
            bending=Bending(stiffness) if bends else None,
        ),
    )

    def told(step: Progress) -> None:
        if progress is not None and isinstance(step, FrameProgress):
            progress(step)

    return outcome_of(steps, told)


def volume_film_steps(
    volumes: Volumes,
    search: SearchOptions,
    *,
    reference: Anchor | int | ArrayLike = 0,
    spacing: Sequence[float] | float | None = None,
    moving_spacing: Sequence[float] | float | None = None,
    masks: tuple[Any, Any] = (None, None),
    initial: VolumeTransform | ArrayLike | None = None,
    run: StackRun = ONE_PROCESS,
) -> FilmSteps:
    """Align the volumes of a film as `align_volume_stack` does, each in a thread of its own.

    Arguments are checked at once, not at the first step. The model may be "auto", as in
    `volume_steps`; `masks` are those of the reference and of every volume.

    Returns
    -------
    generator
        Yields a `Progress` many times a second, a `FrameProgress` after every volume, and returns
        the `VolumeStackResult` or, if they bend, the `SmoothVolumeStack`. If it is closed, the
        alignment ends at its next step.
    """
    if run.bending is None:
        volume_models(search.model)
    images = ReadVolumes(volumes)
    itself = isinstance(reference, (str, int, np.integer))
    own = checked_spacing(spacing, "spacing", (1.0, 1.0, 1.0))
    other = checked_spacing(moving_spacing, "moving_spacing", own)
    options = VolumeOptions(
        search,
        StackMasks(masks[0], len(images) if itself else 1, "reference_mask", axes=3),
        StackMasks(masks[1], len(images), "moving_mask", axes=3),
        run.cancel,
        "volumes",
        run.brief,
        run.bending,
        (own, other),
    )
    if itself:
        anchor = anchor_of(reference, len(images), "volumes", "a volume")
        steps = own_steps(reference, anchor, images, options, run)
        return _whole(steps, reference if isinstance(reference, str) else anchor)
    start = None if initial is None else checked_volume_matrix(np.asarray(initial))
    series = Series([np.asarray(reference)], images, options, start).begun()
    return _whole(aligned_series(series, run), "volume")


def _whole(steps: FrameSteps, reference: str | int) -> FilmSteps:
    """Return the results of all volumes together, with what they were aligned to."""
    found = yield from steps
    bent = tuple(one for one in found if isinstance(one, SmoothVolumeAlignment))
    if bent:
        return SmoothVolumeStack(bent, reference, called="volumes")
    results = tuple(one for one in found if isinstance(one, VolumeAlignment))
    return VolumeStackResult(results, reference, called="volumes")
