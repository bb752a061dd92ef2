"""Aligned frames beside what they were aligned to, as layers of their own."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._align.stack_masks import StackMasks
from ..._align.volume.inspection import (
    chequered_volumes,
    covered_volume,
    volume_checkerboard,
    volume_overlay,
)
from ..._align.volume.sources import gray_volume
from ..._common.errors import InputError
from ..._compare.binary import OUTSIDE, compare
from ..._compare.difference import difference
from ..._compare.views import checkerboard, overlay
from ..._images.coverage import overlap
from ..._images.opacity import flattened
from ..._images.pixels import to_gray, valid_pixels
from ..._images.sources import is_lazy
from ..layers.aligned_layers import LayerTuple
from ..layers.lazy_planes import plane_of
from ..runs.finished_run import FinishedRun, first_few
from ..shared.refusal import Refusal, refusing
from .large_pictures import layer_where_looked_at
from .picture_layer import picture_layer

# Regions bound what is counted and subtracted, not the pictures of both images.
_WITHIN_REGIONS = ("difference", "binary difference")
# So many bytes of pictures are drawn at once; more, and those of lazy stacks, frame by frame as
# they are shown.
_AT_ONCE = 2**29

Index = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Pictures:
    """The layers of what was drawn, by role, and a sentence on what could not be."""

    layers: dict[str, LayerTuple]
    note: str = ""


@dataclass(frozen=True)
class _Drawing:
    """How a plane is drawn: by what, of which dtype, and its axes beyond height and width."""

    draw: Callable[..., NDArray[Any]]
    dtype: np.dtype[Any]
    beyond: tuple[int, ...] = ()

    def of(self, planes: _AlignedPlanes, index: Index) -> NDArray[Any]:
        reference, aligned, inside = planes.pair(index)
        if inside.ndim == 2:
            drawn = self.draw(reference, aligned, mask=inside)
        elif self.draw is checkerboard:
            drawn = chequered_volumes(reference, aligned, inside, planes.spacing)
        else:
            # Planes one below the other are an image.
            flat = (each.reshape(-1, *each.shape[2:]) for each in (reference, aligned))
            drawn = self.draw(*flat, mask=inside.reshape(-1, inside.shape[2]))
            drawn = drawn.reshape(*inside.shape, *self.beyond)
        if self.dtype.kind == "f":
            drawn[~inside] = np.nan
        return drawn

    def blank(self, shape: tuple[int, ...]) -> NDArray[Any]:
        """Return planes that say of no pixel that it was compared."""
        nothing: Any = OUTSIDE if self.beyond else np.nan if self.dtype.kind == "f" else 0
        return np.full(shape, nothing, self.dtype)


def picture_steps(
    run: FinishedRun, roles: Sequence[str]
) -> Generator[str, None, Pictures | Refusal]:
    """Draw every aligned frame beside what it was aligned to.

    Parameters
    ----------
    run : FinishedRun
        With something aligned.
    roles : sequence of str
        Of the views "difference", "binary difference", "overlay" and "checkerboard"; also the
        layers' names.

    Returns
    -------
    generator
        Yields what is being drawn before every frame and returns the layers, which lie exactly
        on what was aligned; lazy where that is.
    """

    def steps() -> Generator[str, None, Pictures]:
        layers, notes = {}, []
        for role in roles if run.drawn_where_looked_at else ():
            yield role
            layers[role] = layer_where_looked_at(run, role)
        for role in roles if run.task.is_volume and not run.drawn_where_looked_at else ():
            yield role
            layers[role] = picture_layer(run, role, _of_volumes(run, role))
        for role in () if run.task.is_volume or run.drawn_where_looked_at else roles:
            planes = _AlignedPlanes(run, within_regions=role in _WITHIN_REGIONS)
            data, note = yield from _drawn(planes, role, _drawing(run, role))
            layers[role] = picture_layer(run, role, data)
            notes += [note] if note else []
        return Pictures(layers, " ".join(notes))

    return (yield from refusing(steps))


def _of_volumes(run: FinishedRun, role: str) -> NDArray[Any]:
    """Return an overlay or checkerboard of volumes: they were compared when they were aligned."""
    assert run.inspection is not None
    if role == "overlay":
        return volume_overlay(run.inspection)
    return volume_checkerboard(run.inspection, run.task.spacings[0])


class _AlignedPlanes:
    """Looks up each aligned plane, and what it was aligned to."""

    def __init__(self, run: FinishedRun, *, within_regions: bool) -> None:
        task = run.task
        self._run, self._task = run, task
        self.frames = task.frames
        masks = task.masks() if within_regions else {}
        self._reference_masks, self._moving_masks = (
            StackMasks(masks.get(name), len(self.frames), name)
            for name in ("reference_mask", "moving_mask")
        )
        self._data = run.data[0] if isinstance(run.data, list) else run.data
        self._means: dict[Index, NDArray[Any]] = {}
        self.indices = list(product(*map(range, self.frames.leading)))
        self.shape, self.spacing = task.shape, task.spacings[0]
        # A single image is drawn at once, however large it is: it was compared so already.
        self.lazy = is_lazy(self._data)

    def pair(self, index: Index) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.bool_]]:
        """Return what a plane was aligned to, the plane, and where both hold data."""
        reference, inside = self._reference(index)
        mask = self._moving_masks[self.frames.number(index)]
        return reference, self._aligned(index), inside & self._covered(index, mask)

    def prepared(self) -> Generator[str, None, None]:
        """Look up beforehand what takes all frames."""
        for index in self.indices if self._task.anchor == "mean" else ():
            if self.frames.number(index) == 0:
                yield "the mean of all frames"
                self._mean(index)

    def _reference(self, index: Index) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        task, frame = self._task, self.frames.number(index)
        everywhere = np.ones(self.shape, bool)
        if task.anchor is None:
            image = task.reference.data if task.references is None else task.references[frame]
            mask = self._reference_masks[frame]
            return np.asarray(image), everywhere if mask is None else np.asarray(mask, bool)
        other = task.anchor if isinstance(task.anchor, int) else 0
        if task.anchor == "previous":
            other = max(0, frame - 1)
        there = self.frames.at(index, other)
        mask = self._reference_masks[other]
        if task.anchor == "mean":
            # Pixels that no frame covers are NaN in the mean, those of other frames are not.
            return self._mean(index), everywhere if mask is None else self._covered(there, mask)
        return self._aligned(there), self._covered(there, mask)

    def _aligned(self, index: Index) -> NDArray[Any]:
        return np.asarray(plane_of(self._data, index))

    def _covered(self, index: Index, mask: Any) -> NDArray[np.bool_]:
        """Return where a frame holds data, and counts, on the grid of the aligned stack."""
        transform = self._run.transforms[self.frames.number(index)]
        valid = None if mask is None else np.asarray(mask, bool)
        moving = self._task.moving.grid.shape
        if len(moving) == 3:
            held = np.broadcast_to(True, moving) if valid is None else valid
            return covered_volume(transform, self.shape, held)
        return overlap(
            transform,
            output_shape=(self.shape[0], self.shape[1]),
            moving_shape=moving,
            moving_valid=valid,
        )

    def _mean(self, index: Index) -> NDArray[Any]:
        """Return the mean of the frames that were aligned."""
        # Loaded when it is needed: with it comes all that aligns.
        from ..._align.mean_frame import mean_image

        key = self.frames.at(index, 0)
        if key not in self._means:
            gray = partial(self._gray, key)
            results: Any = self._run.results
            self._means[key] = mean_image(results, self.shape, gray)
        return self._means[key]

    def _gray(self, index: Index, frame: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return the gray values of another frame, and where they hold."""
        there = self.frames.at(index, frame)
        image = self._aligned(there)
        if len(self.shape) == 3:
            volume = gray_volume(image)
            return volume, self._covered(there, None) & np.isfinite(volume)
        plane = flattened(image)
        inside = self._covered(there, None) & valid_pixels(plane)
        return to_gray(plane).astype(np.float64), inside


def _drawing(run: FinishedRun, role: str) -> _Drawing:
    """Return how the planes of a view are drawn."""
    chosen = run.task.parameters

    def binary(*images: NDArray[Any], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
        return compare(*images, mask=mask, **vars(chosen.thresholding)).labels

    gray, colour = np.dtype(np.float32), np.dtype(np.uint8)
    return {
        "difference": _Drawing(partial(difference, signed=chosen.signed), gray),
        "binary difference": _Drawing(binary, colour),
        "overlay": _Drawing(overlay, colour, (3,)),
        "checkerboard": _Drawing(checkerboard, gray),
    }[role]


def _drawn(
    planes: _AlignedPlanes, role: str, drawing: _Drawing
) -> Generator[str, None, tuple[Any, str]]:
    """Draw all planes, or have them drawn when they are asked for; tell which cannot be."""
    frames = planes.frames
    shape = (*frames.leading, *planes.shape, *drawing.beyond)
    yield from planes.prepared()
    size = np.prod(shape, dtype=float) * drawing.dtype.itemsize
    if frames.leading and (planes.lazy or size > _AT_ONCE):
        yield role
        # What does not suit the plane on show is refused in words; later there is nobody to ask.
        drawing.of(planes, frames.on_show)
        return _drawn_later(planes, drawing), ""
    out = drawing.blank(shape)
    refused: dict[int, str] = {}
    for at, index in enumerate(planes.indices):
        yield f"{role}: frame {at + 1} of {len(planes.indices)}" if frames.leading else role
        try:
            out[index] = drawing.of(planes, index)
        except InputError as error:
            refused[frames.number(index)] = str(error)
    if len(refused) == len(frames):
        raise InputError(next(iter(refused.values())))
    return out, _blank_frames(refused)


def _drawn_later(planes: _AlignedPlanes, drawing: _Drawing) -> Any:
    import dask
    import dask.array as da

    shape = (*planes.shape, *drawing.beyond)

    def plane(index: Index) -> NDArray[Any]:
        try:
            return drawing.of(planes, index)
        except InputError:
            # The canvas asks, and an error would leave it empty for good.
            return drawing.blank(shape)

    later = dask.delayed(plane, pure=False)
    drawn = [da.from_delayed(later(index), shape, drawing.dtype) for index in planes.indices]
    return da.stack(drawn).reshape((*planes.frames.leading, *shape))


def _blank_frames(refused: dict[int, str]) -> str:
    """Return which frames stay blank, and why, in a sentence."""
    if not refused:
        return ""
    frames = first_few([*refused])
    which = f"Frame {frames} stays" if len(refused) == 1 else f"Frames {frames} stay"
    return f"{which} blank: {next(iter(refused.values()))}"
