"""The volumes of a film as frames of a series: how they are read, prepared and aligned."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from os import PathLike
from threading import Event
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._common.errors import InputError
from ..._common.steps import retold
from ..._images.pixels import refuse_paths
from ..._transform.matrices import checked_volume_matrix
from ..._transform.models import Array
from ..._transform.volume_field import VolumeField
from ..._verdict.verdict import TOO_STIFF
from ..cancelling import CANCELLED
from ..frame_options import AnyFollower, FrameOptions, Turn
from ..mean_frame import mean_image
from ..progress import Progress
from ..read_frames import ReadFrames
from .bent.result import SmoothVolumeAlignment
from .bent.smooth import (
    SmoothJob,
    bent_or_cancelled,
    nothing_of_volumes,
    smooth_volume_steps,
    volume_known_to_lie_still,
)
from .inspection import covered_volume
from .levels import VolumeLevel, volume_pyramid
from .motion import Shape
from .refine import VolumeRefiner
from .result import VolumeAlignment, counted_volume
from .run import asking, cancelled_volume, driven, searched
from .sources import loaded_volume
from .steps import in_a_thread, volume_models
from .warp import warp_volume

VolumeResult = VolumeAlignment | SmoothVolumeAlignment
"""What comes of a volume: a matrix or, of a film that bends, a field."""

_TURNED = np.eye(4)[[2, 1, 0, 3]]
_ITSELF = "The volume that the others are aligned to."


class ReadVolumes(ReadFrames):
    """Volumes that are read when they are asked for; none is before."""

    one = "volume"

    def __init__(self, volumes: Any) -> None:
        if isinstance(volumes, (list, tuple, str, bytes, PathLike)):
            # Of what reads its volumes itself, none is read for that.
            refuse_paths(volumes, "volumes")
        if not len(volumes):
            raise InputError("volumes must hold at least one volume")
        self._frames, self._name = volumes, "volumes"
        self._numbers: Sequence[int] = range(len(volumes))
        self.in_files = bool(getattr(volumes, "in_files", False))

    def __getitem__(self, index: int) -> NDArray[Any]:
        return np.asarray(self._frames[self._numbers[index]])


@dataclass(frozen=True, eq=False)
class PreparedVolume:
    """What volumes are aligned to: its levels, the finest first."""

    levels: list[VolumeLevel]

    @property
    def shape(self) -> Shape:
        """Planes, rows and columns."""
        return self.levels[0].shape


@dataclass(frozen=True)
class VolumeOptions(FrameOptions):
    """What every alignment of the volumes of a film has in common; they may bend.

    Attributes
    ----------
    spacings : tuple of (3,) array
        Length of the voxels of what they are aligned to, and of theirs.
    """

    # A volume takes as long as a hundred frames, and there are fewer.
    block = 8

    spacings: tuple[Array, Array] = field(default_factory=lambda: (np.ones(3), np.ones(3)))

    def follower(self) -> AnyFollower | None:
        """Return None: of a volume everything is asked anew."""
        return None

    def prepared(self, image: NDArray[Any], index: int) -> PreparedVolume:
        """Return a volume that others are aligned to, of a number, as a reference for all."""
        volume = loaded_volume(image, self.reference_masks[index], "reference")
        return PreparedVolume(volume_pyramid(volume, self.spacings[0], self._unit))

    def aligned(
        self,
        reference: PreparedVolume,
        moving: NDArray[Any],
        start: Any,
        turn: Turn,
        follower: AnyFollower | None = None,
    ) -> Generator[Progress, None, VolumeResult]:
        """Align a volume in a thread of its own, until that is cancelled."""
        enough = Event()
        given = start.matrix if isinstance(start, VolumeField) else start
        matrix = None if given is None else checked_volume_matrix(np.asarray(given))

        def told(step: Progress) -> Progress:
            # Whoever asked to be asked is asked in his own thread.
            if self.is_cancelled:
                enough.set()
            return turn.of_all(step, self.called)

        def one(
            progress: Callable[[Progress], object], cancel: Callable[[], bool]
        ) -> VolumeResult:
            both = partial(_either, enough, cancel)
            mask = self.moving_masks[turn.index]
            return self._alone(reference, loaded_volume(moving, mask, "moving"), matrix,
                               progress, both)  # fmt: skip

        result = yield from retold(in_a_thread(one), told)
        return counted_volume(result) if self.brief else result

    def mean(self, images: ReadFrames, results: Sequence[VolumeResult]) -> NDArray[Any]:
        """Return the mean of volumes on the first of them; NaN where there are none."""
        planes, rows, columns = results[0].shape
        shape = planes, rows, columns

        def on_the_first(index: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
            volume, transform = images[index], results[index].transform
            volume = loaded_volume(volume, None, "moving").astype(np.float32, copy=False)
            valid = np.isfinite(volume)
            if not valid.all():
                volume = np.where(valid, volume, volume.mean(where=valid))
            # Linear, a mean would be more blurred than the volume that it lies on.
            laid = warp_volume(volume, transform, output_shape=shape, interpolation="cubic")
            return laid, covered_volume(transform, shape, valid)

        return mean_image(results, shape, on_the_first).astype(np.float32)

    def failed(self, shape: tuple[int, ...], reason: str) -> VolumeResult:
        """Return the result of a volume that nothing came of."""
        return replace(self.cancelled(shape), verdict="failed", reason=reason)

    def cancelled(self, shape: tuple[int, ...]) -> VolumeResult:
        """Return the result of a volume that was not looked at."""
        size = (shape[0], shape[1], shape[2])
        if self.bending is not None:
            return nothing_of_volumes(size, self.spacings[0], "cancelled", CANCELLED)
        return self._unmoved(size)

    def _unmoved(self, shape: Shape) -> VolumeAlignment:
        return cancelled_volume(volume_models(self.search.model)[0], shape, self.spacings[0])

    def itself(self, shape: tuple[int, ...]) -> VolumeResult:
        """Return the result of the volume that the others are aligned to."""
        size = (shape[0], shape[1], shape[2])
        if self.bending is not None:
            return volume_known_to_lie_still(size, self.spacings[0], _ITSELF)
        return replace(
            self._unmoved(size),
            verdict="aligned",
            reason=_ITSELF,
            ecc=1.0,
            overlap_fraction=1.0,
            corner_uncertainty=0.0,
            axis_uncertainty=(0.0, 0.0, 0.0),
            converged=True,
            start="identity",
        )

    @property
    def _unit(self) -> float:
        return max(float(each.min()) for each in self.spacings)

    def _alone(
        self,
        reference: PreparedVolume,
        moving: NDArray[Any],
        start: Array | None,
        progress: Callable[[Progress], object],
        cancel: Callable[[], bool],
    ) -> VolumeResult:
        """Align a volume by a field or, where none is asked for, the first model that suffices."""
        asked, (own, other) = asking(cancel), self.spacings
        levels = volume_pyramid(moving, other, self._unit)
        before = np.diag([*(own / other), 1.0])
        initial = None if start is None else _TURNED @ start @ _TURNED
        if self.bending is not None:
            job = SmoothJob(self.spacings, initial, self.bending.stiffness, asked)
            bending = smooth_volume_steps(job, reference.levels, levels)
            return bent_or_cancelled(bending, job, reference.shape, progress, cancel)
        for model in volume_models(self.search.model):
            search = replace(self.search, model=model)
            refiner = VolumeRefiner(reference.levels, levels, search, asked)
            reached: list[VolumeAlignment] = []
            steps = searched(refiner, before, reached, start=initial)
            result = driven(steps, reached, self._unmoved(reference.shape), progress, cancel)
            if TOO_STIFF not in result.reason:
                break
            initial = _TURNED @ result.transform.matrix @ _TURNED
        return result


def _either(enough: Event, cancel: Callable[[], bool]) -> bool:
    return enough.is_set() or cancel()
