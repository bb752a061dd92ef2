"""Stack layers: what is taken of one before a run.

A stack is an Image layer with an axis before its last two (and its colours): frames, planes or
channels. A transform belongs to a number along one of them; further axes share it.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from napari.components import ViewerModel
from napari.layers import Image

from ..._align.progress import Progress
from ..._common.errors import InputError
from ..._images.warping import Resampling
from .attributes import axes_of, levels_of, plane_count
from .lazy_planes import mean_plane, plane_of
from .resampling import resample_steps, resample_volumes_steps, stacked_placement
from .snapshots import ON_SHOW, Channel, LayerSnapshot, snapshot, volume_snapshot
from .world import PixelGrid, data_matrix, own_placement


@dataclass(frozen=True, eq=False)
class StackSnapshot(Sequence[Any]):
    """What a run needs of a stack, taken before it starts so that the layer may go.

    A single image is a stack of one frame, without leading axes.

    Attributes
    ----------
    shown : LayerSnapshot
        The plane on show.
    levels : tuple of array_like, shapes (..., h, w) or (..., h, w, 3 or 4)
        All of the data at every size that the layer has, full resolution first; perhaps lazy. Of
        a film of volumes (..., d, h, w).
    leading : tuple of int
        Lengths of the axes before the plane's, or the volume's.
    axis : int
        Which of those is the one that frames follow each other along.
    placement : dict
        Keywords that put another stack like this one exactly where it is.
    frame_places : tuple of float
        Where the first frame lies in the world along that axis, and how far apart frames are.
    called : str
        What the frames are: "frames", "planes", "channels" or "volumes".
    """

    shown: LayerSnapshot
    levels: tuple[Any, ...]
    leading: tuple[int, ...]
    axis: int
    placement: dict[str, Any]
    frame_places: tuple[float, float]
    called: str = "frames"

    def __len__(self) -> int:
        return self.leading[self.axis] if self.leading else 1

    def __getitem__(self, number: Any) -> Any:
        """Return one frame at full resolution; other leading axes stay at what is on show."""
        index = self.at(self.on_show, number)
        _ = self._first
        if self.shown.mean_axis is not None:
            return mean_plane(self.levels[0], index, self.leading, self.shown.mean_axis)
        return plane_of(self.levels[0], index)

    @cached_property
    def _first(self) -> Any:
        """One plane, with which what all are sliced from is kept."""
        return plane_of(self.levels[0], self.on_show)

    @property
    def on_show(self) -> tuple[int, ...]:
        """Which plane was on show, one number per leading axis."""
        return self.shown.index if self.leading else ()

    def number(self, index: tuple[int, ...]) -> int:
        """Return which frame a plane belongs to."""
        return index[self.axis] if self.leading else 0

    def at(self, index: tuple[int, ...], number: int) -> tuple[int, ...]:
        """Return the plane that lies as another one does, on a frame."""
        if not self.leading:
            return ()
        return (*index[: self.axis], number, *index[self.axis + 1 :])

    def resample_steps(
        self,
        transforms: Sequence[Any],
        shape: tuple[int, ...],
        resampling: Resampling,
    ) -> Generator[Progress, None, Any]:
        """Put every plane, or volume, where the transform of its frame says, step by step.

        Parameters
        ----------
        transforms : sequence of Transform, Field, VolumeTransform or VolumeField
            One per frame: reference pixels to those of the frame.
        shape : tuple of int
            (height, width) of the reference; of volumes (depth, height, width).
        resampling : Resampling
            Between the pixels, and beyond them.

        Returns
        -------
        generator
            Yields a `Progress` before every plane and returns the data: an array, a lazy one if
            the stack is, or a list of those if it has several sizes.
        """
        put: Any = resample_steps if len(shape) == 2 else resample_volumes_steps
        return put(  # type: ignore[no-any-return]
            self.levels,
            self.leading,
            lambda index: transforms[self.number(index)],
            shape,
            resampling,
            multiscale=len(self.levels) > 1,
        )


def single_frame(shown: LayerSnapshot, target: PixelGrid) -> StackSnapshot:
    """Return one plane as a stack of one frame.

    Parameters
    ----------
    shown : LayerSnapshot
        The plane.
    target : PixelGrid
        Where it is to lie when it is aligned.
    """
    levels = tuple(shown.source) if isinstance(shown.source, list) else (shown.source,)
    return StackSnapshot(shown, levels, (), 0, target.placement, (0.0, 1.0))


def is_stack(layer: Image) -> bool:
    """Return whether a layer has more than one plane."""
    return any(length > 1 for length in plane_count(layer))


def stack_snapshot(
    layer: Image,
    viewer: ViewerModel,
    *,
    target: PixelGrid | None = None,
    channel: Channel = ON_SHOW,
    channels: bool = False,
) -> StackSnapshot:
    """Take what a run needs of a stack.

    Parameters
    ----------
    layer : napari.layers.Image
        Of three or more axes, of which `axes_of` tells what they hold.
    viewer : napari.components.ViewerModel
        Which planes are on show.
    target : PixelGrid, optional
        Where the aligned stack is to lie; on the stack itself when left out.
    channel : "on show", "mean of all" or int, default: "on show"
        Which channel is looked at.
    channels : bool, default: False
        Take the channels for the frames, as it has to be where there is nothing else.

    Raises
    ------
    InputError
        If the layer is no stack, or shows other axes than its last two.
    """
    leading = plane_count(layer)
    axes = axes_of(layer, viewer)
    axis = axes.channels if channels or axes.along is None else axes.along
    if axis is None:
        raise InputError(f"{layer.name!r} is a single image, not a stack")
    matrix = data_matrix(layer)
    return StackSnapshot(
        shown=snapshot(layer, viewer, channel),
        levels=tuple(levels_of(layer)),
        leading=leading,
        axis=axis,
        placement=own_placement(layer) if target is None else stacked_placement(layer, target),
        frame_places=(float(matrix[axis, -1]), float(matrix[axis, axis])),
        called=axes.noun(axis),
    )


def volume_film_snapshot(
    layer: Image,
    viewer: ViewerModel,
    *,
    target: PixelGrid | None = None,
    channel: Channel = ON_SHOW,
) -> StackSnapshot:
    """Take what a run needs of a film of volumes, of which `axes_of` tells the time and depth.

    Parameters
    ----------
    layer, viewer, target, channel
        As for `stack_snapshot`.
    """
    film = stack_snapshot(layer, viewer, target=target, channel=channel)
    shown = volume_snapshot(layer, viewer, channel)
    return replace(film, shown=shown, leading=film.leading[:-1], called="volumes")
