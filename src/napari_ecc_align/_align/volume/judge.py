"""The front door: judge an alignment of volumes that is known."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import overload

import numpy as np
from numpy.typing import ArrayLike

from ..._images.sources import LazyArray
from ..._transform.matrices import checked_spacing, checked_volume_matrix
from ..._transform.models import Array
from ..._transform.volume_field import VolumeField
from ..._verdict.result import GIVEN
from ..given_field import judged_by
from ..progress import Progress
from .bent.result import SmoothVolumeAlignment
from .bent.smooth import SmoothJob, smooth_volume_result
from .judged import judging_levels
from .result import VolumeAlignment
from .run import asking, cancelled_volume, driven, pyramids_of
from .sources import Volume, VolumeLike, checked_volume
from .transform import VolumeMotionModel, VolumeTransform

_TURNED = np.eye(4)[[2, 1, 0, 3]]


@overload
def judge_volume(
    reference: VolumeLike,
    moving: VolumeLike,
    transform: VolumeField | SmoothVolumeAlignment,
    *,
    spacing: Sequence[float] | float | None = None,
    moving_spacing: Sequence[float] | float | None = None,
    reference_mask: ArrayLike | LazyArray | None = None,
    moving_mask: ArrayLike | LazyArray | None = None,
    progress: Callable[[Progress], object] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> SmoothVolumeAlignment: ...
@overload
def judge_volume(
    reference: VolumeLike,
    moving: VolumeLike,
    transform: VolumeTransform | VolumeAlignment | ArrayLike | None = None,
    *,
    spacing: Sequence[float] | float | None = None,
    moving_spacing: Sequence[float] | float | None = None,
    reference_mask: ArrayLike | LazyArray | None = None,
    moving_mask: ArrayLike | LazyArray | None = None,
    progress: Callable[[Progress], object] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> VolumeAlignment: ...
def judge_volume(
    reference: VolumeLike,
    moving: VolumeLike,
    transform: VolumeTransform
    | VolumeAlignment
    | VolumeField
    | SmoothVolumeAlignment
    | ArrayLike
    | None = None,
    *,
    spacing: Sequence[float] | float | None = None,
    moving_spacing: Sequence[float] | float | None = None,
    reference_mask: ArrayLike | LazyArray | None = None,
    moving_mask: ArrayLike | LazyArray | None = None,
    progress: Callable[[Progress], object] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> VolumeAlignment | SmoothVolumeAlignment:
    """Say whether a transform lays the moving volume on the reference, whoever has found it.

    The verdict rests on what `align_volume` judges its own results by. The volumes are looked at
    where the transform lays them, and nothing is searched for but whether they fit better close
    by: if they do, the reason says where.

    Parameters
    ----------
    reference, moving : array_like, lazy array or sequence of such, shape (planes, rows, columns)
        Volumes as `align_volume` takes them.
    transform : VolumeTransform, VolumeAlignment or array_like of shape (4, 4) or (3, 4), optional
        Maps reference voxels (x, y, z, 1) to moving voxels. Left out, the volumes are judged as
        they lie, first voxel on first voxel. Or a VolumeField, or a SmoothVolumeAlignment: one is
        looked for, and the two are compared where that is known.
    spacing, moving_spacing : float or sequence of 3 floats, optional
        Length of a voxel along (z, y, x), as in `align_volume`.
    reference_mask, moving_mask : array_like or lazy array, optional
        Voxels that count.
    progress : callable, optional
        Called with a `Progress` after every step.
    cancel : callable, optional
        Asked after every step; the judging ends when it returns True.

    Returns
    -------
    VolumeAlignment, or SmoothVolumeAlignment of a field
        With the transform as it was given. Its `corner_uncertainty` holds how far the volumes fit
        from there, too; it is infinite where they fit nowhere close by. Of a field `sigma` does.

    Raises
    ------
    InputError
        If an argument cannot be used; a `ValueError` whose message names it.

    See Also
    --------
    align_volume : Finds the transform.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.ndimage import gaussian_filter
    >>> from napari_ecc_align import judge_volume
    >>> volume = gaussian_filter(np.random.default_rng(0).normal(size=(60, 64, 64)), 2)
    >>> reference, moving = volume[4:52, 4:60, 4:60], volume[6:54, :56, 5:61]
    >>> shift = np.eye(3, 4) + [[0, 0, 0, -1], [0, 0, 0, 4], [0, 0, 0, -2]]
    >>> judge_volume(reference, moving, shift).verdict
    'aligned'
    >>> wrong = judge_volume(reference, moving, np.eye(4))
    >>> wrong.verdict, wrong.reason
    ('failed', 'The tiles lie 4.6 from where the transform puts them: -1.0 along x, 4.0 ...')
    """
    own = checked_spacing(spacing, "spacing", (1.0, 1.0, 1.0))
    other = checked_spacing(moving_spacing, "moving_spacing", own)
    asked = asking(cancel)
    volumes = (
        checked_volume(reference, reference_mask, "reference", asked),
        checked_volume(moving, moving_mask, "moving", asked),
    )
    held = getattr(transform, "transform", transform)
    if isinstance(held, VolumeField):
        return _judged_field(volumes, (own, other), held, progress, cancel)
    model: VolumeMotionModel = getattr(held, "model", "affine")
    given = np.diag([*(own / other), 1.0])
    if held is not None:
        given = _TURNED @ checked_volume_matrix(np.asarray(held)) @ _TURNED
    steps = _steps(volumes, (own, other), given, model, asked)
    cancelled = replace(
        cancelled_volume(model, volumes[0].shape, own), transform=_transform(given, model)
    )
    result = driven(steps, [], cancelled, progress, cancel)
    return replace(result, transform=cancelled.transform, start=GIVEN)


def _transform(matrix: Array, model: VolumeMotionModel) -> VolumeTransform:
    return VolumeTransform(_TURNED @ matrix @ _TURNED, model)


def _steps(
    volumes: tuple[Volume, Volume],
    spacings: tuple[Array, Array],
    given: Array,
    model: VolumeMotionModel,
    asked: Callable[[], object],
) -> Generator[Progress, None, VolumeAlignment]:
    """Look with the freedoms of the motion model, then with more, until it is clear."""
    own, other = yield from pyramids_of(volumes, spacings)
    return (yield from judging_levels(own, other, spacings, given, model, asked))


def _judged_field(
    volumes: tuple[Volume, Volume],
    spacings: tuple[Array, Array],
    field: VolumeField,
    progress: Callable[[Progress], object] | None,
    cancel: Callable[[], bool] | None,
) -> SmoothVolumeAlignment:
    """Say whether a field lays two volumes: how far from it the field lies that they find."""

    def find(start: Array) -> SmoothVolumeAlignment:
        turned = _TURNED @ start @ _TURNED
        job = SmoothJob(spacings, turned, None, asking(cancel))
        return smooth_volume_result(job, volumes, progress, cancel)

    own, other = spacings
    sizes = tuple((other[::-1] / own.min()).tolist())
    return judged_by(find, field, volumes[0].shape, sizes)
