"""Two images that are too large for memory, compared by eye where somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._common.errors import InputError
from .._images.blocks_on_demand import Window, drawn_in_blocks
from .._images.coverage import within_image
from .._images.field_warping import moving_places
from .._images.lazy_warping import warp_pyramid
from .._images.opacity import opacity_of_lazy
from .._images.pixels import as_array, channel_weights, in_doubles, mixed, valid_pixels
from .._transform.field import Field
from .._transform.transform import Transform
from .binary import Comparison, Ink, compare, labelled
from .difference import gap
from .thresholding import Thresholding, window_sides
from .views import SharedLook, other_squares, shared_look

# What all is drawn by is told from so many blocks a side, of so many px: 590 000 in all, of the
# smallest size that holds them.
_BLOCKS, _SIDE = 6, 128
_SQUARES = 8
# A smaller size is of no use to a viewer.
_OVERVIEW = 1024
# So many px are read at once to be thinned: few beside what they are drawn with, and seldom
# fewer rows than chunks have.
_READ = 2**24

_Weights = NDArray[np.float64]
_Draw = Callable[[SharedLook, "Block"], NDArray[Any]]


class _Thinned:
    """Some of the pixels of an image, at even distances, which is read when these are."""

    def __init__(self, image: Window, step: int) -> None:
        self._image, self._step = image, step
        height, width = (length // step for length in image.shape[:2])
        self.shape: tuple[int, ...] = (height, width, *image.shape[2:])

    def __getitem__(self, key: tuple[slice, slice]) -> NDArray[Any]:
        step, parts = self._step, zip(key, self.shape, strict=False)
        rows, columns = (range(length)[part] for part, length in parts)
        # Those at the middle of what they stand for.
        thin = (slice(step // 2, None, step),) * 2
        across = slice(columns.start * step, columns.stop * step)
        at_once = max(1, _READ // (step * max(1, len(columns) * step)))
        starts = range(rows.start, rows.stop, at_once)
        read = (
            self._image[start * step : min(start + at_once, rows.stop) * step, across][thin]
            for start in starts
        )
        return np.concatenate([np.ascontiguousarray(part) for part in read])


@dataclass(frozen=True, eq=False)
class Block:
    """Gray pixels of both images, where both hold data, and where they lie at full resolution."""

    first: NDArray[Any]
    second: NDArray[Any]
    inside: NDArray[np.bool_]
    rows: NDArray[np.float64]
    columns: NDArray[np.float64]
    times: float


@dataclass(frozen=True, eq=False)
class Seen:
    """What is told of the whole from some blocks of it."""

    weights: tuple[_Weights | None, _Weights | None]
    look: SharedLook
    reference: NDArray[Any]
    other: NDArray[Any]
    inside: NDArray[np.bool_]


class LargePair:
    """Two images of which only what is looked at is read.

    Parameters
    ----------
    reference, aligned : sequence of arrays, shapes (h, w) or (h, w, 3 or 4)
        Each at one or several sizes, full resolution first, in memory or lazy; the second lies on
        the pixels of the first, as `warp_pyramid` leaves it.
    transform : Transform or Field
        Maps reference pixels to moving pixels.
    moving_shape : tuple of int
        Height and width of the moving image.
    masks : tuple of array_like or None
        Pixels of the reference, and of the moving image, whose difference counts; perhaps lazy.
    """

    def __init__(
        self,
        reference: Sequence[Any],
        aligned: Sequence[Any],
        transform: Transform | Field,
        moving_shape: tuple[int, ...],
        masks: tuple[Any, Any] = (None, None),
    ) -> None:
        self.shape: tuple[int, int] = tuple(aligned[0].shape[:2])
        self._transform, self._moving_shape, self._masks = transform, moving_shape, masks
        levels = list(reference)
        if len(aligned) > 1:
            same = Transform.identity()
            levels = warp_pyramid(levels, same, output_shape=self.shape, interpolation="nearest")
        self._levels: list[tuple[Any, Any]] = [
            (Window(first), Window(second))
            for first, second in zip(levels, aligned, strict=False)
            if first.shape[:2] == second.shape[:2]
        ]
        # To show all of images that come at one size would take all of their pixels.
        step = 2
        while len(aligned) == 1 and min(self.shape) > _OVERVIEW * step // 2:
            one, two = self._levels[0]
            self._levels.append((_Thinned(one, step), _Thinned(two, step)))
            step *= 2

    @property
    def some_of_the_reference(self) -> NDArray[Any]:
        """Gray values of some of the reference's pixels, of shape (n, m)."""
        return self._seen.reference

    def overlay(self) -> list[Any]:
        """Return what `overlay` draws, at each size, as dask arrays of shape (h, w, 3)."""
        return self._drawn(
            lambda look, at: look.overlaid(at.first, at.second, at.inside), np.uint8, (3,)
        )

    def checkerboard(self) -> list[Any]:
        """Return what `checkerboard` draws, at each size, as dask arrays; NaN outside."""

        def board(look: SharedLook, at: Block) -> NDArray[np.float32]:
            other = other_squares(self.shape, _SQUARES, at.rows, at.columns)
            return _within(look.chequered(at.first, at.second, other), at.inside)

        return self._drawn(board, np.float32)

    def difference(self, *, signed: bool = False) -> list[Any]:
        """Return what `difference` does, at each size, as dask arrays; NaN outside."""

        def differing(look: SharedLook, at: Block) -> NDArray[np.float32]:
            found = gap(at.first, at.second, at.inside, look.contrast, signed=signed)
            return _within(found, at.inside)

        return self._drawn(differing, np.float32, masked=True)

    def binary_difference(self, how: Thresholding, counted: Comparison | None = None) -> list[Any]:
        """Return the labels of `compare`, at each size, as dask arrays.

        Parameters
        ----------
        how : Thresholding
            How both images are binarised.
        counted : Comparison, optional
            Of the whole images, whose thresholds are taken; told from some of their pixels when
            left out.

        Raises
        ------
        InputError
            If the method finds no threshold in them.
        """
        inks = self._inks(how) if counted is None else counted.inks

        def labels(_: SharedLook, at: Block) -> NDArray[np.uint8]:
            ink, other = (
                one.of(image, at.inside, at.times)
                for one, image in zip(inks, (at.first, at.second), strict=True)
            )
            return labelled(ink, other, ink & other)

        def reach(times: float) -> int:
            return max(one.rule.reach(times) for one in inks)

        return self._drawn(labels, np.uint8, masked=True, reach=reach)

    def _inks(self, how: Thresholding) -> tuple[Ink, ...]:
        """Return what is foreground, told from some pixels of the images."""
        seen = self._seen
        told = compare(seen.reference, seen.other, mask=seen.inside, **how.keywords())
        # Windows are as wide as those of the whole images.
        sides = window_sides(how, self.shape)
        return tuple(replace(ink, rule=replace(ink.rule, sides=sides)) for ink in told.inks)

    def _drawn(
        self,
        draw: _Draw,
        dtype: Any,
        beyond: tuple[int, ...] = (),
        *,
        masked: bool = False,
        reach: Callable[[float], int] = lambda times: 0,
    ) -> list[Any]:
        """Return what is drawn of each part, with so many px around it, at each size."""
        seen = self._seen

        def part(level: int, rows: slice, columns: slice) -> NDArray[Any]:
            around = reach(self._times(level))
            wide, cut = zip(*(_widened(one, around) for one in (rows, columns)), strict=True)
            block = self._block(level, wide[0], wide[1], seen.weights, masked=masked)
            return draw(seen.look, block)[cut]

        return [
            drawn_in_blocks(partial(part, level), (*first.shape[:2], *beyond), dtype)
            for level, (first, _) in enumerate(self._levels)
        ]

    @cached_property
    def _seen(self) -> Seen:
        """Tell from blocks all over the images by what all is drawn."""
        sizes = [first.shape[:2] for first, _ in self._levels]
        level = sum(min(size) >= _BLOCKS * _SIDE for size in sizes[1:])
        height, width = sizes[level]
        blocks = []
        for row in range(_BLOCKS):
            for column in range(_BLOCKS):
                top, left = (
                    (2 * at + 1) * length // (2 * _BLOCKS)
                    for at, length in ((row, height), (column, width))
                )
                rows, columns = slice(top, top + _SIDE), slice(left, left + _SIDE)
                blocks.append(self._pixels(level, rows, columns, masked=False))
        whole = [b for b in blocks if b[2].shape == (_SIDE, _SIDE)]
        if not any(inside.any() for _, _, inside in whole):
            raise InputError("too little of the images lies on each other to be compared")
        first, second, inside = (np.concatenate(parts) for parts in zip(*whole, strict=True))
        weights = tuple(
            channel_weights(image, inside) if image.ndim == 3 else None
            for image in (first, second)
        )
        one, two = (_gray(image, by) for image, by in zip((first, second), weights, strict=True))
        look = shared_look(one, two, inside)
        return Seen((weights[0], weights[1]), look, one, two, inside)

    def _block(
        self,
        level: int,
        rows: slice,
        columns: slice,
        weights: tuple[_Weights | None, _Weights | None],
        *,
        masked: bool,
    ) -> Block:
        first, second, inside = self._pixels(level, rows, columns, masked=masked)
        first, second = (
            _gray(image, by) for image, by in zip((first, second), weights, strict=True)
        )
        places = self._places(level, rows, columns)
        return Block(first, second, inside, *places, self._times(level))

    @cached_property
    def _opacity(self) -> list[bool]:
        """Tell of both images whether a fourth channel is opacity."""
        last = self._levels[-1]
        return [image.shape[2:] != (4,) or opacity_of_lazy([image]) for image in last]

    def _times(self, level: int) -> float:
        """Return how many pixels of full resolution one of a level stands for, along a side."""
        rows: int = self._levels[level][0].shape[0]
        return self.shape[0] / rows

    def _places(
        self, level: int, rows: slice, columns: slice
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return where rows and columns of a level lie at full resolution."""
        shape = self._levels[level][0].shape
        down, along = (
            (np.arange(part.start, min(part.stop, own)) + 0.5) * (full / own) - 0.5
            for part, own, full in zip((rows, columns), shape, self.shape, strict=False)
        )
        return down, along

    def _pixels(
        self, level: int, rows: slice, columns: slice, *, masked: bool
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.bool_]]:
        """Return a block of both images, and where both hold data."""
        first, second = (
            in_doubles(as_array(image[rows, columns], name))
            for image, name in zip(self._levels[level], ("reference", "aligned"), strict=True)
        )
        down, along = self._places(level, rows, columns)
        here = np.stack(np.meshgrid(along, down), axis=-1)
        there = moving_places(self._transform, down, along)
        inside = within_image(there, self._moving_shape)
        for block, opacity in zip((first, second), self._opacity, strict=True):
            inside &= valid_pixels(block if opacity else block[..., :3])
        for mask, places in zip(self._masks, (here, there), strict=True):
            if masked and mask is not None:
                inside &= _counts(mask, places)
        return first, second, inside


def _widened(part: slice, around: int) -> tuple[slice, slice]:
    """Return a part with some pixels around it, and where in that the part itself lies."""
    start = max(0, part.start - around)
    own = slice(part.start - start, part.stop - start)
    return slice(start, part.stop + around), own


def _counts(mask: Any, places: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return whether the nearest pixel of each place (x, y) counts; it does not outside."""
    window = Window(mask)
    within = within_image(places, window.shape)
    counts = np.zeros(within.shape, bool)
    if within.any():
        x, y = np.rint(places[within]).astype(int).T
        left, top = x.min(), y.min()
        part = window[top : y.max() + 1, left : x.max() + 1]
        counts[within] = part[y - top, x - left] != 0
    return counts


def _gray(image: NDArray[Any], weights: _Weights | None) -> NDArray[Any]:
    return np.ma.getdata(image) if weights is None else mixed(np.ma.getdata(image), weights)


def _within(drawn: NDArray[np.float32], inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    return np.where(inside, drawn, np.float32(np.nan))
