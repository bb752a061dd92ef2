"""The front door: align two volumes."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Literal, overload

import numpy as np
from numpy.typing import ArrayLike

from ..._common.errors import InputError
from ..._ecc.options import DEFAULTS, SearchOptions
from ..._images.sources import LazyArray
from ..._transform.matrices import checked_spacing, checked_volume_matrix
from ..._transform.models import Array
from ..progress import Progress
from ..smooth import check_stiffness
from .bent.result import SmoothVolumeAlignment
from .bent.smooth import SmoothJob, smooth_volume_result
from .refine import VolumeRefiner
from .result import VolumeAlignment
from .run import asking, cancelled_volume, driven, pyramids_of, searched
from .sources import Volume, VolumeLike, checked_volume
from .transform import (
    VOLUME_MOTION_MODELS,
    VolumeMotionModel,
    VolumeTransform,
)

_TURNED = np.eye(4)[[2, 1, 0, 3]]


@overload
def align_volume(
    reference: VolumeLike,
    moving: VolumeLike,
    *,
    model: VolumeMotionModel = "euclidean",
    spacing: Sequence[float] | float | None = None,
    moving_spacing: Sequence[float] | float | None = None,
    precision: float = DEFAULTS.precision,
    max_iterations: int = DEFAULTS.max_iterations,
    tolerance: float = DEFAULTS.tolerance,
    reference_mask: ArrayLike | LazyArray | None = None,
    moving_mask: ArrayLike | LazyArray | None = None,
    initial: VolumeTransform | ArrayLike | None = None,
    all_turns: bool = False,
    progress: Callable[[Progress], object] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> VolumeAlignment: ...
@overload
def align_volume(
    reference: VolumeLike,
    moving: VolumeLike,
    *,
    model: Literal["smooth"],
    stiffness: float | None = None,
    spacing: Sequence[float] | float | None = None,
    moving_spacing: Sequence[float] | float | None = None,
    reference_mask: ArrayLike | LazyArray | None = None,
    moving_mask: ArrayLike | LazyArray | None = None,
    initial: VolumeTransform | ArrayLike | None = None,
    all_turns: bool = False,
    progress: Callable[[Progress], object] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> SmoothVolumeAlignment: ...
def align_volume(
    reference: VolumeLike,
    moving: VolumeLike,
    *,
    model: VolumeMotionModel | Literal["smooth"] = "euclidean",
    stiffness: float | None = None,
    spacing: Sequence[float] | float | None = None,
    moving_spacing: Sequence[float] | float | None = None,
    precision: float = DEFAULTS.precision,
    max_iterations: int = DEFAULTS.max_iterations,
    tolerance: float = DEFAULTS.tolerance,
    reference_mask: ArrayLike | LazyArray | None = None,
    moving_mask: ArrayLike | LazyArray | None = None,
    initial: VolumeTransform | ArrayLike | None = None,
    all_turns: bool = False,
    progress: Callable[[Progress], object] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> VolumeAlignment | SmoothVolumeAlignment:
    """Find the transform that lays the moving volume on the reference.

    Parameters
    ----------
    reference, moving : array_like, lazy array or sequence of such, shape (planes, rows, columns)
        Volumes of at least 8 voxels along each axis, of any real dtypes; their shapes may differ.
        NaN and infinity mean "no data here". Of what is lazy (dask, zarr), blocks are read where
        they are needed; of a sequence, the same volume at decreasing sizes, far fewer.
    model : {"euclidean", "translation", "similarity", "affine", "smooth"}
        The motion model. With "smooth" a field that bends, after an affine motion: the result is
        a `SmoothVolumeAlignment`, and `precision`, `max_iterations` and `tolerance` are not used.
    stiffness : float, optional
        With "smooth": over which length in shortest sides of a voxel the volumes bend; by default
        as they make likely.
    spacing, moving_spacing : float or sequence of 3 floats, optional
        Length of a voxel along (z, y, x), as the scale of a napari layer: a rigid motion is rigid
        in that unit. By default 1, and that of the reference for the moving volume.
    precision : float, default: 0.02
        Corner uncertainty, in the shortest side of a voxel, at which no more blocks are read.
    max_iterations : int, default: 100
        Most iterations on a level.
    tolerance : float, default: 1e-7
        Stop when an iteration changes the correlation by less.
    reference_mask, moving_mask : array_like or lazy array, optional
        Voxels that count, as booleans or numbers (0 does not count), of the same shape.
    initial : VolumeTransform or array_like of shape (4, 4) or (3, 4), optional
        Where to start first. Reference (x, y, z, 1) to moving, in voxels.
    all_turns : bool, default: False
        Where nothing else aligns them, search all turns, which takes some seconds, instead of any
        about z and up to 30 degrees about x and y.
    progress : callable, optional
        Called with a `Progress` after every step.
    cancel : callable, optional
        Asked after every step, and before anything lazy is read; the alignment ends when it
        returns True.

    Returns
    -------
    VolumeAlignment, or SmoothVolumeAlignment with "smooth"
        With a `verdict` to look at before anything else.

    Raises
    ------
    InputError
        If an argument cannot be used; a `ValueError` whose message names it.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.ndimage import gaussian_filter
    >>> from napari_ecc_align import align_volume
    >>> noise = np.random.default_rng(0).normal(size=(60, 64, 64))
    >>> volume = gaussian_filter(noise, 2)
    >>> result = align_volume(volume[4:52, 4:60, 4:60], volume[6:54, :56, 5:61])
    >>> result.verdict, result.transform.matrix[:3, 3].round(1).tolist()
    ('aligned', [-1.0, 4.0, -2.0])
    """
    if model != "smooth" and model not in VOLUME_MOTION_MODELS:
        known = ", ".join((*VOLUME_MOTION_MODELS, "smooth"))
        raise InputError(f"model must be one of {known}, not {model!r:.80}")
    check_stiffness(stiffness, bending=model == "smooth")
    own = checked_spacing(spacing, "spacing", (1.0, 1.0, 1.0))
    other = checked_spacing(moving_spacing, "moving_spacing", own)
    asked = asking(cancel)
    volumes = (
        checked_volume(reference, reference_mask, "reference", asked),
        checked_volume(moving, moving_mask, "moving", asked),
    )
    start = None if initial is None else _TURNED @ checked_volume_matrix(initial) @ _TURNED
    if model == "smooth":
        length = None if stiffness is None else float(stiffness)
        job = SmoothJob((own, other), start, length, asked, bool(all_turns))
        return smooth_volume_result(job, volumes, progress, cancel)
    options = SearchOptions(model, "pyramid", precision, max_iterations, tolerance)
    reached: list[VolumeAlignment] = []
    steps = _steps(volumes, (own, other), options, start, reached, asked, bool(all_turns))
    cancelled = cancelled_volume(model, volumes[0].shape, own)
    return driven(steps, reached, cancelled, progress, cancel)


def _steps(
    volumes: tuple[Volume, Volume],
    spacings: tuple[Array, Array],
    options: SearchOptions,
    initial: Array | None,
    results: list[VolumeAlignment],
    asked: Callable[[], object],
    all_turns: bool,
) -> Generator[Progress, None, VolumeAlignment]:
    """Try starts until one passes the verdict; return the most trusted result."""
    own, other = yield from pyramids_of(volumes, spacings)
    before = np.diag([*(spacings[0] / spacings[1]), 1.0]) if initial is None else initial
    start = None if initial is None else before
    refiner = VolumeRefiner(own, other, options, asked, all_turns=all_turns)
    return (yield from searched(refiner, before, results, start=start))
