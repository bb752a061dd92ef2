"""Two images as pyramids, and what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..._common.steps import outcome_of
from ..._transform.matrices import Matrix
from ..opacity import opacity_of_lazy
from ..pixels import LUMINANCE, GrayView, channel_weights, counted_pixels, mixed
from ..sources import LazyImage, Source
from .colours import has_colours
from .halving import SMALLEST, image_pyramid_steps
from .levels import InSteps, Level, index_below, row_strips
from .on_demand import lazy_pyramid

# Of the largest value of floats, which may differ by rounding; whole numbers differ or do not.
_FLAT = 1e-7
# A gray copy of a colour image of at most so many pixels is no burden, and its pyramid takes
# less time than telling of its steps.
_COPIED_PIXELS = 2**20
# Colours are weighed on a level of at most so many pixels, where there is one.
_SAMPLE_PIXELS = 2**23


@dataclass(frozen=True, eq=False)
class Pyramids:
    """Both images as pyramids, full resolution first, and why nothing can be done with them.

    `flaw` is a sentence, or None. `unmoved` maps pixels of the reference to where they lie in the
    moving image without any alignment. `colours` are the images, if both are in colour and in
    memory.
    """

    reference: list[Level]
    moving: list[Level]
    flaw: str | None
    unmoved: Matrix = field(default_factory=lambda: np.eye(3))
    colours: tuple[Source, Source] | None = None

    def index_below(self, pixels: int) -> int:
        """Return the finest level on which neither image has more pixels than that."""
        return index_below(pixels, self.reference, self.moving)


def make_pyramids(reference: Source, moving: Source, unmoved: Matrix) -> InSteps[Pyramids]:
    """Return the pyramids of two images, strip by strip."""
    first = yield from _kept(reference)
    if first.flaw:
        return Pyramids([], [], f"The reference {first.flaw}.", unmoved)
    second = yield from _kept(moving, first.weights)
    if second.flaw:
        return Pyramids([], [], f"The moving image {second.flaw}.", unmoved)
    both = has_colours(reference) and has_colours(moving)
    colours = (reference, moving) if both else None
    return Pyramids(first.levels, second.levels, None, unmoved, colours)


@dataclass(frozen=True, eq=False)
class _Made:
    """The pyramid of one image, how its colours were weighed, and what is wrong with it."""

    levels: list[Level]
    weights: NDArray[np.float64] | None
    flaw: str | None


def _kept(source: Source, before: NDArray[np.float64] | None = None) -> InSteps[_Made]:
    """Return the pyramid of an image, which is made once for as long as that is held."""
    if isinstance(source, LazyImage):
        return (yield from _made(source, before))
    key = "pyramid" if before is None else f"pyramid {before.tolist()}"
    if key not in source.kept:
        steps = _made(source, before)
        small = source.image.size <= _COPIED_PIXELS
        source.kept[key] = outcome_of(steps) if small else (yield from steps)
    made: _Made = source.kept[key]
    return made


def _made(source: Source, before: NDArray[np.float64] | None = None) -> InSteps[_Made]:
    weights = yield from _weights(source)
    if weights is not None and before is not None and weights @ before < 0:
        # Colours that vary most come with either sign: one that makes a negative says nothing.
        weights = -weights
    levels = yield from _levels(source, weights)
    return _Made(levels, weights, (yield from _flaw(levels)))


def _weights(source: Source) -> InSteps[NDArray[np.float64] | None]:
    """Return how the colours of an image are weighed; None where it has none."""
    if len(source.shape) == 2 or source.shape[2] == 1:
        return None
    if not isinstance(source, LazyImage):
        valid = yield from counted_pixels(source.image, source.mask)
        return channel_weights(np.ma.getdata(source.image), valid)
    last = source.levels[-1]
    if len(source.levels) > 1 and last.shape[0] * last.shape[1] <= _SAMPLE_PIXELS:
        return channel_weights(np.asarray(last[:, :]))
    # Weighing its colours would take reading it twice.
    return LUMINANCE


def _levels(source: Source, weights: NDArray[np.float64] | None) -> InSteps[list[Level]]:
    if isinstance(source, LazyImage):
        mixer = np.asarray if weights is None else partial(mixed, weights=weights)
        opacity = weights is None or source.shape[2] < 4 or opacity_of_lazy(source.levels)
        yield
        return (
            yield from lazy_pyramid(source.levels, mixer, source.mask, SMALLEST, opacity=opacity)
        )
    image = source.image
    if weights is None and not isinstance(image, np.ma.MaskedArray):
        return (yield from image_pyramid_steps(image, source.mask))
    valid = yield from counted_pixels(image, source.mask)
    data = np.ma.getdata(image)
    if weights is None:
        return (yield from image_pyramid_steps(data, valid))
    if image.shape[0] * image.shape[1] <= _COPIED_PIXELS:
        return (yield from image_pyramid_steps(mixed(data, weights), valid))
    # A gray copy of the whole would be larger than all else that is needed.
    return (yield from image_pyramid_steps(GrayView(data, weights), valid))


def _flaw(levels: list[Level]) -> InSteps[str | None]:
    # Of a large image the finest level in memory has to speak for it.
    level = next(level for level in levels if isinstance(level.image, np.ndarray))
    low, high, counted = np.inf, -np.inf, False
    for top, bottom in row_strips(level.shape):
        values = level.image[top:bottom]
        if level.valid is not None:
            values = values[level.valid[top:bottom]]
        if values.size:
            counted = True
            low, high = min(low, float(values.min())), max(high, float(values.max()))
        yield
    if not counted:
        return "has no pixel that counts"
    flat = _FLAT if level.image.dtype.kind == "f" else 0
    if high / 2 - low / 2 <= flat * max(abs(low), abs(high)):
        return "has no contrast"
    return None
