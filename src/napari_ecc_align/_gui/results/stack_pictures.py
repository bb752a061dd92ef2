"""The frames of an aligned stack beside what they were aligned to, as layers of their own."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._align.stack_masks import StackMasks
from ..._common.errors import InputError
from ..._compare.binary import compare
from ..._compare.difference import difference
from ..._compare.views import checkerboard, overlay
from ..._images.pixels import to_gray, valid_pixels
from ..._images.sources import is_lazy
from ..._images.warping import overlap
from ..layers.attributes import METADATA_KEY
from ..layers.comparison_layers import difference_colours, intensity_span, label_colours
from ..layers.lazy_planes import plane_of
from ..runs.finished_stack import FinishedStack
from ..shared.refusal import Refusal, refusing
from .layers_in_viewer import LayerTuple

# As of a pair, regions bound what is counted and subtracted, not the pictures of both images.
_WITHIN_REGIONS = ("difference", "binary difference")
# So many bytes of pictures are drawn at once; more, and those of lazy stacks, frame by frame as
# they are shown.
_AT_ONCE = 2**29
# A frame of more pixels takes too long to be drawn while a person waits for it.
_MOST_PIXELS = 2**24
_NAMED = 5

Index = tuple[int, ...]
Draw = Callable[[NDArray[Any], NDArray[Any], NDArray[np.bool_]], NDArray[Any]]


def can_be_drawn(run: FinishedStack) -> bool:
    """Tell whether there is an aligned stack whose frames can be compared."""
    data = run.outcome.data
    if data is None:
        return False
    height, width = run.job.reference_grid.shape
    return height * width <= _MOST_PIXELS


@dataclass(frozen=True, eq=False)
class Pictures:
    """The layers of what was drawn, by role, and a sentence on what could not be."""

    layers: dict[str, LayerTuple]
    note: str = ""


def picture_steps(
    run: FinishedStack, roles: Sequence[str]
) -> Generator[str, None, Pictures | Refusal]:
    """Draw every frame of an aligned stack beside what it was aligned to.

    Parameters
    ----------
    run : FinishedStack
        With an aligned stack.
    roles : sequence of str
        Of `STACK_VIEWS`, but for "aligned"; also the layers' names.

    Returns
    -------
    generator
        Yields what is being drawn before every frame and returns the layers, which lie exactly
        on the aligned stack; lazy where that is.
    """

    def steps() -> Generator[str, None, Pictures]:
        layers, notes = {}, []
        for role in roles:
            beside = _Beside(run, within_regions=role in _WITHIN_REGIONS)
            data, note = yield from _drawn(beside, role, _draw(run, role))
            layers[role] = _layer(run, role, data)
            notes += [note] if note else []
        return Pictures(layers, " ".join(notes))

    return (yield from refusing(steps))


class _Beside:
    """Looks up each plane of an aligned stack, and what it was aligned to."""

    def __init__(self, run: FinishedStack, *, within_regions: bool) -> None:
        self._run = run
        job = run.job
        masks = job.masks() if within_regions else {}
        many = job.every and (job.itself or job.references is not None)
        counts = {"reference_mask": len(job.stack) if many else 1, "moving_mask": len(job.stack)}
        self._masks = {
            name: StackMasks(masks.get(name), count, name) for name, count in counts.items()
        }
        self._one_each = many
        data = run.outcome.data
        self._data = data[0] if isinstance(data, list) else data
        self._stack = run.job.stack
        self._means: dict[Index, NDArray[Any]] = {}
        self.indices = list(product(*map(range, self._stack.leading)))
        self.leading, self.axis = self._stack.leading, self._stack.axis
        self.shape = run.job.reference_grid.shape
        self.in_memory = not is_lazy(self._data)

    @property
    def on_show(self) -> Index:
        """The plane that was on show when the run began."""
        return self._stack.shown.index

    def number(self, index: Index) -> int:
        """Return which frame a plane belongs to."""
        return index[self._stack.axis]

    def planes(self, index: Index) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.bool_]]:
        """Return what a plane was aligned to, the plane, and where both hold data."""
        reference, inside = self._reference(index)
        return reference, self._aligned(index), inside & self._covered(index)

    def prepared(self) -> Generator[str, None, None]:
        """Look up beforehand what takes all frames."""
        if self._run.job.choice.to == "mean":
            for index in self.indices:
                if index[self._stack.axis] == 0:
                    yield "the mean of all frames"
                    self._mean(index)

    def _reference(self, index: Index) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        job, frame = self._run.job, self.number(index)
        if not job.itself:
            stack = job.references if job.every else None
            image = job.task.reference.data if stack is None else stack.frame(frame)
            mask = self._masks["reference_mask"][frame if self._one_each else 0]
            everywhere = np.ones(self.shape, bool)
            return np.asarray(image), everywhere if mask is None else np.asarray(mask, bool)
        before = max(0, frame - 1) if job.choice.to == "previous" else 0
        there = self._at(index, before)
        counts = self._covered(there, "reference_mask")
        if job.choice.to == "mean":
            # Pixels that no frame covers are NaN in the mean, those of other frames are not.
            masked = self._masks["reference_mask"][0] is not None
            return self._mean(index), counts if masked else np.ones(self.shape, bool)
        return self._aligned(there), counts

    def _at(self, index: Index, frame: int) -> Index:
        axis = self._stack.axis
        return (*index[:axis], frame, *index[axis + 1 :])

    def _aligned(self, index: Index) -> NDArray[Any]:
        return np.asarray(plane_of(self._data, index))

    def _covered(self, index: Index, mask: str | None = "moving_mask") -> NDArray[np.bool_]:
        """Return where a frame holds data, and counts, on the grid of the aligned stack."""
        frame = self.number(index)
        counts = None if mask is None else self._masks[mask][frame]
        return overlap(
            self._run.outcome.transforms[frame],
            output_shape=self.shape,
            moving_shape=self._stack.shown.grid.shape,
            moving_valid=None if counts is None else np.asarray(counts, bool),
        )

    def _mean(self, index: Index) -> NDArray[Any]:
        """Return the mean of the frames that were aligned, as the alignment has made it."""
        key = self._at(index, 0)
        if key in self._means:
            return self._means[key]
        total, count = np.zeros(self.shape), np.zeros(self.shape)
        for frame, result in enumerate(self._run.outcome.results):
            if frame and result.verdict != "aligned":
                continue
            there = self._at(index, frame)
            plane = self._aligned(there)
            inside = self._covered(there, None) & valid_pixels(plane)
            gray = to_gray(plane).astype(np.float64)
            total += np.where(inside, -gray if result.inverted else gray, 0)
            count += inside
        self._means[key] = total / np.where(count > 0, count, np.nan)
        return self._means[key]


def _draw(run: FinishedStack, role: str) -> tuple[Draw, np.dtype[Any], tuple[int, ...]]:
    """Return what draws a plane, its dtype, and its axes beyond height and width."""
    chosen = run.job.parameters
    thresholding = vars(chosen.thresholding)

    ways: dict[str, tuple[Draw, Any, tuple[int, ...]]] = {
        "difference": (
            lambda a, b, inside: difference(a, b, mode=chosen.difference, mask=inside),
            np.float32,
            (),
        ),
        "binary difference": (
            lambda a, b, inside: compare(a, b, mask=inside, **thresholding).map,
            np.uint8,
            (),
        ),
        "overlay": (lambda a, b, inside: overlay(a, b, mask=inside), np.uint8, (3,)),
        "checkerboard": (lambda a, b, inside: checkerboard(a, b, mask=inside), np.float32, ()),
    }
    draw, dtype, beyond = ways[role]
    return draw, np.dtype(dtype), beyond


def _drawn(
    beside: _Beside, role: str, way: tuple[Draw, np.dtype[Any], tuple[int, ...]]
) -> Generator[str, None, tuple[Any, str]]:
    """Draw all planes, or have them drawn when they are asked for; tell which cannot be."""
    draw, dtype, beyond = way
    shape = (*beside.leading, *beside.shape, *beyond)
    yield from beside.prepared()
    if not beside.in_memory or np.prod(shape, dtype=float) * dtype.itemsize > _AT_ONCE:
        yield role
        # What does not suit the plane on show is refused in words; later there is nobody to ask.
        draw(*beside.planes(beside.on_show))
        return _drawn_later(beside, way), ""
    out = np.zeros(shape, dtype)
    refused: dict[int, str] = {}
    for at, index in enumerate(beside.indices):
        yield f"{role}: frame {at + 1} of {len(beside.indices)}"
        try:
            out[index] = draw(*beside.planes(index))
        except InputError as error:
            refused[beside.number(index)] = str(error)
    if len(refused) == beside.leading[beside.axis]:
        raise InputError(next(iter(refused.values())))
    return out, _told(refused)


def _drawn_later(beside: _Beside, way: tuple[Draw, np.dtype[Any], tuple[int, ...]]) -> Any:
    import dask
    import dask.array as da

    draw, dtype, beyond = way
    shape = (*beside.shape, *beyond)

    def plane(index: Index) -> NDArray[Any]:
        try:
            return draw(*beside.planes(index))
        except InputError:
            # The canvas asks, and an error would leave it empty for good.
            return np.zeros(shape, dtype)

    later = dask.delayed(plane, pure=False)
    planes = [da.from_delayed(later(index), shape, dtype) for index in beside.indices]
    return da.stack(planes).reshape((*beside.leading, *shape))


def _told(refused: dict[int, str]) -> str:
    """Return which frames stay blank, and why, in a sentence."""
    if not refused:
        return ""
    some = [str(frame) for frame in list(refused)[:_NAMED]]
    frames = ", ".join(some) + (", …" if len(refused) > _NAMED else "")
    which = f"Frame {frames} stays" if len(refused) == 1 else f"Frames {frames} stay"
    return f"{which} blank: {next(iter(refused.values()))}"


def _layer(run: FinishedStack, role: str, data: Any) -> LayerTuple:
    options: dict[str, Any] = {
        "name": role,
        # Marked as ours, so that no form offers it as an image to align.
        "metadata": {METADATA_KEY: {"view": role}},
        **run.job.stack.placement,
    }
    if role == "binary difference":
        return data, {**options, "colormap": label_colours()}, "labels"
    if role == "overlay":
        options["rgb"] = True
    elif role == "checkerboard":
        options |= {"colormap": "gray", "contrast_limits": [0.0, 1.0]}
    else:
        signed = run.job.parameters.difference == "signed"
        span = intensity_span(_compared_to(run))
        options["colormap"] = difference_colours(signed)
        options["contrast_limits"] = [-span if signed else 0.0, span]
    return data, options, "image"


def _compared_to(run: FinishedStack) -> Any:
    shown = run.job.stack.shown if run.job.itself else run.job.task.reference
    return shown.data
