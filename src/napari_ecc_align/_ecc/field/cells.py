"""What the cells of a stage say of a field's coefficients, with what is expected of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..._images.pyramid.levels import Floats, floats
from ..._transform.splines import Array
from .stage import Stage
from .system import Factor, Splines
from .windows import Seen, blurred

# The amplitude is no better known than by such a step: where nothing is seen it may be larger.
_WIDER = 1.4
# Forces are compared with the information over so many cells, as one sigma, without what is alike
# over so many. As images are smoothed, white noise moves a cell and its neighbours alike: in sum
# by so much more than each on its own.
_POOLED, _NEAR, _NEIGHBOURS = 6.0, 3.0, 1.4
_SAMPLES = 16
# Priors are alike within so many times: a step of 1.4.
_STEP = 1.5


@dataclass(frozen=True)
class Prior:
    """How far (px) a field is expected to bend, and over what length (px)."""

    amplitude: float
    stiffness: float

    def is_like(self, other: Prior) -> bool:
        """Tell whether two are at most a step of the search for the likeliest apart."""
        ratios = self.amplitude / other.amplitude, self.stiffness / other.stiffness
        return all(1 / _STEP < ratio < _STEP for ratio in ratios)


class System:
    """What the cells of a stage say of coefficients, and how much they vary beyond noise.

    Noise that is not independent, and what no field explains, make forces larger than their
    information has them: it counts the less.
    """

    def __init__(
        self, stage: Stage, splines: Splines, seen: Seen, kept: NDArray[np.float32] | None
    ) -> None:
        self.splines, self._times = splines, stage.times
        self.design, self._pairs = stage.design(splines), stage.pairs(splines)
        self.weights = 1 / inflation(seen)
        if kept is not None:
            self.weights *= kept
        self._certain = seen.certain
        self._sigmas: dict[Prior, Array] = {}
        self._wide: dict[Prior, Factor] = {}
        self._quick: dict[Prior, Callable[[Array], Array]] = {}
        self.cells = seen.information * (self.weights / stage.times**2)

    def __getstate__(self) -> dict[str, Any]:
        # For another process, which makes the same of it: that takes less time than to send it.
        kept = {name: one for name, one in self.__dict__.items() if name != "information"}
        return {**kept, "_sigmas": {}, "_wide": {}, "_quick": {}}

    @cached_property
    def information(self) -> Array:
        """What cells say of coefficients, as a band."""
        return self.splines.information(self._pairs, self.cells)

    def factor(self, prior: Prior) -> Factor:
        """Return the precision of coefficients, factored."""
        unit = self.splines.prior(prior.stiffness)
        return Factor(self.information + unit / prior.amplitude**2)

    def quickly(self, prior: Prior, force: Array) -> Array:
        """Return the step that forces lead to, nearly, if many others are to follow."""
        if prior not in self._quick:
            self._quick = {prior: self.factor(prior).quick()}
        return self._quick[prior](force)

    def widely(self, prior: Prior) -> Factor:
        """Return the factor for a prior that is no better known than by a step."""
        if prior not in self._wide:
            wide = Prior(_WIDER * prior.amplitude, prior.stiffness)
            self._wide = {prior: self.factor(wide)}
        return self._wide[prior]

    def sigma(self, prior: Prior) -> Array:
        """Return one sigma of each component on the cells, (2, h, w) in px."""
        if prior not in self._sigmas:
            down, across = self.design
            drawn = self.widely(prior).samples(_SAMPLES)
            made = floats(down) @ self.splines.on_lattice(drawn) @ floats(across).T
            squares = np.square(made, out=made).mean(axis=0)
            self._sigmas = {prior: np.sqrt(squares).astype(np.float64)}
        return self._sigmas[prior].copy()

    def told(self, coefficients: Array) -> Array:
        """Return the information times coefficients."""
        x, y = self.splines.values(self.design, coefficients)
        xx, xy, yy = self.cells
        return self.splines.gathered(self.design, np.stack([xx * x + xy * y, xy * x + yy * y]))

    def force(self, seen: Seen) -> Array:
        """Return the forces on coefficients, as certain as the information."""
        weights = self.weights / self._times
        if seen.certain is not self._certain:
            weights = weights * (self._certain / np.maximum(seen.certain, np.float32(1e-9)))
        return self.splines.gathered(self.design, seen.force * weights)


def inflation(seen: Seen) -> Floats:
    """Return by how much forces vary more than noise that differs from pixel to pixel, (h, w)."""
    said = np.concatenate([seen.information, seen.force])
    xx, xy, yy, x, y = blurred(said, _NEAR)
    # What moves alike nearby is motion.
    area = np.maximum(xx * yy - xy * xy, np.float32(1e-12)) + (xx + yy) ** 2 * np.float32(1e-3)
    left = seen.after(np.stack([(yy * x - xy * y) / area, (xx * y - xy * x) / area])).force
    expected = seen.information[0] + seen.information[2]
    pooled = blurred(np.stack([left[0] ** 2 + left[1] ** 2, expected]), _POOLED)
    ratio = pooled[0] / np.maximum(pooled[1], np.float32(1e-12))
    return floats(np.maximum(1, _NEIGHBOURS * ratio))


class Solved(NamedTuple):
    """What the cells of a stage say of coefficients, and how much they counted, as in `Seen`."""

    system: System
    counted: Floats


@dataclass(frozen=True, eq=False)
class Expected:
    """What is known of a field beforehand.

    Attributes
    ----------
    prior : Prior
    solved : sequence of Solved
        Of each stage, from another image like this one; steps that are solved by it lead to the
        same place. None by default.
    """

    prior: Prior
    solved: Sequence[Solved] = ()

    def counting_as(self, other: Expected) -> Expected:
        """Return the same with cells that count as much as those of the same stages of another."""
        counted = {one.counted.shape: one.counted for one in other.solved}
        alike = [
            one._replace(counted=counted.get(one.counted.shape, one.counted))
            for one in self.solved
        ]
        return replace(self, solved=alike)
