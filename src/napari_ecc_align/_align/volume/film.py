"""Align every volume of a film, with one transform for each."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from os import PathLike
from threading import Event
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..._common.errors import InputError
from ..._common.steps import outcome_of, retold
from ..._ecc.options import DEFAULTS, SearchOptions
from ..._images.pixels import refuse_paths
from ..._images.sources import LazyArray
from ..._transform.matrices import checked_volume_matrix
from ..._transform.models import Array
from ..progress import FrameProgress, Progress
from .film_result import VolumeStackResult
from .levels import VolumeLevel, volume_pyramid
from .refine import VolumeRefiner
from .result import VolumeAlignment, counted_volume
from .run import asking, cancelled_volume, driven, searched
from .sources import loaded_volume
from .steps import TOO_STIFF, in_a_thread, volume_models
from .transform import (
    VOLUME_MOTION_MODELS,
    VolumeMotionModel,
    VolumeTransform,
    checked_spacing,
)

_TURNED = np.eye(4)[[2, 1, 0, 3]]

Volumes = ArrayLike | LazyArray | Sequence[ArrayLike | LazyArray]
FilmSteps = Generator[Progress, None, VolumeStackResult]


def align_volume_stack(
    volumes: Volumes,
    *,
    reference: int | ArrayLike = 0,
    model: VolumeMotionModel = "euclidean",
    spacing: Sequence[float] | float | None = None,
    moving_spacing: Sequence[float] | float | None = None,
    precision: float = DEFAULTS.precision,
    max_iterations: int = DEFAULTS.max_iterations,
    tolerance: float = DEFAULTS.tolerance,
    reference_mask: ArrayLike | None = None,
    moving_mask: ArrayLike | None = None,
    initial: VolumeTransform | ArrayLike | None = None,
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
    model, spacing, precision, max_iterations, tolerance
        As in `align_volume`; the spacing is that of what they are aligned to.
    moving_spacing : float or sequence of 3 floats, optional
        That of the volumes of the film, if they are aligned to another one; by default the same.
    reference_mask, moving_mask : array_like, shape (planes, rows, columns), optional
        Voxels that count of the reference, and of every volume.
    initial : VolumeTransform or array_like of shape (4, 4) or (3, 4), optional
        Where to start first, as in `align_volume`; later volumes start where those before lie.
    progress : callable, optional
        Called with a `Progress` after every volume.
    cancel : callable, optional
        Asked often; when it returns True the volumes that are left are "cancelled".

    Returns
    -------
    VolumeStackResult
        A sequence of one `VolumeAlignment` per volume; that of the reference is the identity. A
        volume that cannot be read has "failed".

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
    steps = volume_film_steps(
        volumes,
        SearchOptions(model, "pyramid", precision, max_iterations, tolerance),
        reference=reference,
        spacing=spacing,
        moving_spacing=moving_spacing,
        masks=(reference_mask, moving_mask),
        initial=initial,
        run=VolumeFilmRun(cancel=cancel),
    )

    def told(step: Progress) -> None:
        if progress is not None and isinstance(step, FrameProgress):
            progress(step)

    return outcome_of(steps, told)


@dataclass(frozen=True)
class VolumeFilmRun:
    """How a film of volumes is gone through.

    Attributes
    ----------
    known : sequence of VolumeAlignment
        Results that a `FrameProgress` has told of before, in their order.
    cancel : callable, optional
        Asked often; returns True where the volumes that are left are "cancelled".
    brief : bool
        Tiles are just counted in the results.
    """

    known: Sequence[VolumeAlignment] = ()
    cancel: Callable[[], bool] | None = None
    brief: bool = False

    @property
    def is_cancelled(self) -> bool:
        """Whether the volumes that are left are not wanted."""
        return self.cancel is not None and self.cancel()


@dataclass(frozen=True, eq=False)
class _Reference:
    """What volumes are aligned to, prepared once, and how."""

    levels: list[VolumeLevel]
    spacings: tuple[Array, Array]
    search: SearchOptions

    @property
    def unit(self) -> float:
        return max(float(each.min()) for each in self.spacings)

    @property
    def nothing(self) -> VolumeAlignment:
        """The result of a volume that was not looked at."""
        model = volume_models(self.search.model)[0]
        return cancelled_volume(model, self.levels[0].shape, self.spacings[0])

    def align(
        self,
        read: Callable[[], NDArray[Any]],
        mask: Any,
        start: Array | None,
        progress: Callable[[Progress], object],
        cancel: Callable[[], bool],
    ) -> VolumeAlignment:
        """Align a volume, or say why it cannot be read."""
        asked, own, other = asking(cancel), *self.spacings
        try:
            moving = read()
        except (OSError, RuntimeError, ValueError) as error:
            reason = f"The volume cannot be read: {error}"
            return replace(self.nothing, verdict="failed", reason=reason)
        levels = volume_pyramid(loaded_volume(moving, mask, "moving"), other, self.unit)
        before, models = np.diag([*(own / other), 1.0]), volume_models(self.search.model)
        for model in models:
            refiner = VolumeRefiner(self.levels, levels, replace(self.search, model=model), asked)
            reached: list[VolumeAlignment] = []
            steps = searched(refiner, before, reached, start=start)
            result = driven(steps, reached, self.nothing, progress, cancel)
            if TOO_STIFF not in result.reason:
                break
            start = _inner(result)
        return result


def volume_film_steps(
    volumes: Volumes,
    search: SearchOptions,
    *,
    reference: int | ArrayLike = 0,
    spacing: Sequence[float] | float | None = None,
    moving_spacing: Sequence[float] | float | None = None,
    masks: tuple[Any, Any] = (None, None),
    initial: VolumeTransform | ArrayLike | None = None,
    run: VolumeFilmRun = VolumeFilmRun(),
) -> FilmSteps:
    """Align the volumes of a film as `align_volume_stack` does, each in a thread of its own.

    Arguments are checked at once, not at the first step. The model may be "auto", as in
    `volume_steps`; `masks` are those of the reference and of every volume.

    Returns
    -------
    generator
        Yields a `Progress` many times a second, a `FrameProgress` after every volume, and returns
        the `VolumeStackResult`. If it is closed, the alignment ends at its next step.
    """
    volume_models(search.model)
    if isinstance(volumes, (list, tuple, str, bytes, PathLike)):
        # Of what reads its volumes itself, none is read for that.
        refuse_paths(volumes, "volumes")
    own = checked_spacing(spacing, "spacing", (1.0, 1.0, 1.0))
    other = checked_spacing(moving_spacing, "moving_spacing", own)
    film = cast(Sequence[ArrayLike], volumes)
    if not len(film):
        raise InputError("volumes must hold at least one volume")
    anchor = _anchor(reference, len(film))
    given = reference if anchor is None else film[anchor]
    start = None if initial is None else _TURNED @ checked_volume_matrix(initial) @ _TURNED
    fixed = loaded_volume(np.asarray(given), masks[0], "reference")
    unit = max(float(own.min()), float(other.min()))
    prepared = _Reference(volume_pyramid(fixed, own, unit), (own, other), search)
    return _each(film, prepared, anchor, masks[1], start, run)


def _each(
    film: Sequence[ArrayLike],
    prepared: _Reference,
    anchor: int | None,
    mask: Any,
    start: Array | None,
    run: VolumeFilmRun,
) -> FilmSteps:
    results, count = list(run.known), len(film)
    for result in results:
        start = _inner(result) if result.aligned else start
    for index in range(len(results), count):
        result = prepared.nothing
        if index == anchor:
            result = _itself(result)
        elif not run.is_cancelled:
            work = partial(prepared.align, partial(_read, film, index), mask, start)
            result = yield from _aligned(work, (index, count), run)
        results.append(counted_volume(result) if run.brief else result)
        if result.aligned and index != anchor:
            start = _inner(result)
        said = f"volume {index + 1} of {count}: {result.verdict}"
        yield FrameProgress((index + 1) / count, said, None, results[-1])
    return VolumeStackResult(
        tuple(results), "volume" if anchor is None else anchor, called="volumes"
    )


def _aligned(
    work: Callable[..., VolumeAlignment], turn: tuple[int, int], run: VolumeFilmRun
) -> Generator[Progress, None, VolumeAlignment]:
    """Align one volume of so many in a thread of its own, until that is cancelled."""
    index, count = turn
    enough = Event()

    def told(step: Progress) -> Progress:
        # Whoever asked to be asked is asked in his own thread.
        if run.is_cancelled:
            enough.set()
        stage = f"volume {index + 1} of {count}: {step.stage}"
        return replace(step, fraction=(index + step.fraction) / count, stage=stage)

    def one(progress: Callable[[Progress], object], cancel: Callable[[], bool]) -> VolumeAlignment:
        return work(progress, lambda: enough.is_set() or cancel())

    return (yield from retold(in_a_thread(one), told))


def _read(film: Sequence[ArrayLike], index: int) -> NDArray[Any]:
    return np.asarray(film[index])


def _inner(result: VolumeAlignment) -> Array:
    """Return the matrix of a result between places (z, y, x)."""
    return _TURNED @ result.transform.matrix @ _TURNED


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
