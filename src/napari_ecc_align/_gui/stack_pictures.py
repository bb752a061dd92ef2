"""The frames of an aligned stack beside what they were aligned to, as layers of their own."""

from __future__ import annotations

from collections.abc import Callable, Generator
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..comparison import compare
from ..differencing import difference
from ..errors import InputError
from ..sources import is_lazy
from ..views import checkerboard, overlay
from ..warping import overlap
from .finished_stack import FinishedStack
from .layers import difference_colours, intensity_span, label_colours
from .looks import METADATA_KEY
from .planes import plane_of
from .result_layers import LayerTuple
from .run import Refusal, refusing

# The binary difference is seen over the gray one.
_DRAWN_WITH = {"binary difference": ("difference",)}
# So many bytes of pictures are drawn at once; more, and those of lazy stacks, frame by frame as
# they are shown.
_AT_ONCE = 2**29
# A frame of more pixels takes too long to be drawn while a person waits for it.
_MOST_PIXELS = 2**24

Index = tuple[int, ...]
Draw = Callable[[NDArray[Any], NDArray[Any], NDArray[np.bool_]], NDArray[Any]]


def can_be_drawn(run: FinishedStack) -> bool:
    """Tell whether there is an aligned stack whose frames can be compared."""
    data = run.outcome.data
    if data is None:
        return False
    height, width = run.job.reference_grid.shape
    return height * width <= _MOST_PIXELS


def picture_steps(
    run: FinishedStack, view: str
) -> Generator[str, None, dict[str, LayerTuple] | Refusal]:
    """Draw every frame of an aligned stack beside what it was aligned to.

    Parameters
    ----------
    run : FinishedStack
        With an aligned stack.
    view : str
        One of `STACK_VIEWS`, but for "aligned"; also the layer's name.

    Returns
    -------
    generator
        Yields what is being drawn before every frame and returns the layers by role, which lie
        exactly on the aligned stack; lazy where that is.
    """

    def steps() -> Generator[str, None, dict[str, LayerTuple]]:
        beside = _Beside(run)
        layers = {}
        for role in (*_DRAWN_WITH.get(view, ()), view):
            data = yield from _drawn(beside, role, _draw(run, role))
            layers[role] = _layer(run, role, data)
        return layers

    return (yield from refusing(steps))


class _Beside:
    """Looks up each plane of an aligned stack, and what it was aligned to."""

    def __init__(self, run: FinishedStack) -> None:
        self._run = run
        data = run.outcome.data
        self._data = data[0] if isinstance(data, list) else data
        self._stack = run.job.stack
        self._means: dict[Index, NDArray[Any]] = {}
        self.indices = list(product(*map(range, self._stack.leading)))
        self.leading = self._stack.leading
        self.shape = run.job.reference_grid.shape
        self.in_memory = not is_lazy(self._data)

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
        job, frame = self._run.job, index[self._stack.axis]
        everywhere = np.ones(self.shape, bool)
        if job.references is not None and job.every:
            return np.asarray(job.references.frame(frame)), everywhere
        if not job.itself:
            return np.asarray(job.task.reference.data), everywhere
        if job.choice.to == "mean":
            return self._mean(index), everywhere
        before = max(0, frame - 1) if job.choice.to == "previous" else 0
        there = self._at(index, before)
        return self._aligned(there), self._covered(there)

    def _at(self, index: Index, frame: int) -> Index:
        axis = self._stack.axis
        return (*index[:axis], frame, *index[axis + 1 :])

    def _aligned(self, index: Index) -> NDArray[Any]:
        return np.asarray(plane_of(self._data, index))

    def _covered(self, index: Index) -> NDArray[np.bool_]:
        transform = self._run.outcome.transforms[index[self._stack.axis]]
        moving = self._stack.shown.grid.shape
        return overlap(transform, output_shape=self.shape, moving_shape=moving)

    def _mean(self, index: Index) -> NDArray[Any]:
        key = self._at(index, 0)
        if key not in self._means:
            total: NDArray[Any] = np.zeros(1)
            count = np.zeros(self.shape)
            for frame in range(len(self._stack)):
                there = self._at(index, frame)
                plane, inside = self._aligned(there), self._covered(there)
                shown = inside if plane.ndim == 2 else inside[..., None]
                total = total + np.where(shown, plane.astype(np.float64), 0)
                count += inside
            mean = total / np.maximum(count if total.ndim == 2 else count[..., None], 1)
            self._means[key] = mean
        return self._means[key]


def _draw(run: FinishedStack, role: str) -> tuple[Draw, np.dtype[Any], tuple[int, ...]]:
    """Return what draws a plane, its dtype, and its axes beyond height and width."""
    chosen = run.job.parameters
    thresholding = vars(chosen.thresholding)

    def binary(a: NDArray[Any], b: NDArray[Any], inside: NDArray[np.bool_]) -> NDArray[Any]:
        try:
            return compare(a, b, mask=inside, **thresholding).map
        except InputError:
            # A frame without contrast has no threshold.
            return np.zeros(inside.shape, np.uint8)

    ways: dict[str, tuple[Draw, Any, tuple[int, ...]]] = {
        "difference": (
            lambda a, b, inside: difference(a, b, mode=chosen.difference, mask=inside),
            np.float32,
            (),
        ),
        "binary difference": (binary, np.uint8, ()),
        "overlay": (lambda a, b, inside: overlay(a, b, mask=inside), np.uint8, (3,)),
        "checkerboard": (lambda a, b, inside: checkerboard(a, b, mask=inside), np.float32, ()),
    }
    draw, dtype, beyond = ways[role]
    return draw, np.dtype(dtype), beyond


def _drawn(
    beside: _Beside, role: str, way: tuple[Draw, np.dtype[Any], tuple[int, ...]]
) -> Generator[str, None, Any]:
    """Draw all planes, or have them drawn when they are asked for."""
    draw, dtype, beyond = way
    shape = (*beside.leading, *beside.shape, *beyond)
    count = len(beside.indices)
    if not beside.in_memory or np.prod(shape, dtype=float) * dtype.itemsize > _AT_ONCE:
        import dask
        import dask.array as da

        yield from beside.prepared()
        later = dask.delayed(lambda index: draw(*beside.planes(index)), pure=False)
        planes = [
            da.from_delayed(later(index), (*beside.shape, *beyond), dtype)
            for index in beside.indices
        ]
        return da.stack(planes).reshape(shape)
    out = np.empty(shape, dtype)
    for number, index in enumerate(beside.indices):
        yield f"{role}: frame {number + 1} of {count}"
        out[index] = draw(*beside.planes(index))
    return out


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
