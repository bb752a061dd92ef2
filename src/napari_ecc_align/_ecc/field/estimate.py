"""A smooth field after a global motion, coarse to fine."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..._common.opencv import cv2
from ..._images.field_warping import CELL, cell_places, moved_pixels
from ..._images.pyramid.filters import smoothed_inside
from ..._images.pyramid.levels import Floats, Level, floats
from ..._images.pyramid.representations import Representation, planes_of, represent, turned
from ..._transform.splines import Array, Lattice
from .shares import alike
from .system import Factor, Splines
from .windows import Seen, Windows, blurred

# The finest level has so many pixels at most, and the coarsest so many on its shorter side.
_FINEST, _COARSEST = 1_500_000, 56
# Of the coarsest level, the next one, and those after it at least; and where nine cells of ten
# still move farther than so many px of the level, so many at most.
_ITERATIONS, _FEW, _MOST_ITERATIONS = (5, 3, 2), 0.15, 8
# A field is laid by splines so many to a stiffness, but no more along the shorter side.
_SPLINES, _COARSE_SPLINES, _MOST_SPLINES = 3.0, 1.5, 48
# The first guess of amplitude and stiffness, as shares of the shorter side.
_AMPLITUDE, _STIFFNESS = 0.01, 0.12
# Stiffer ones that bend as much more, and all that do at the same stiffness.
_LARGER = ((1.0, 1.0), (1.0, 1.4), (1.0, 1 / 1.4))
_NEIGHBOURING = (*_LARGER, (1.4, 1.4), (1 / 1.4, 1 / 1.4))
# The amplitude is no better known than by such a step: where nothing is seen it may be larger.
_WIDER = 1.4
# Forces are compared with the information over so many cells, as one sigma, without what is alike
# over so many. As images are smoothed, white noise moves a cell and its neighbours alike: in sum
# by so much more than each on its own.
_POOLED, _NEAR, _NEIGHBOURS = 6.0, 3.0, 1.4
# A block of a checkerboard has so many cells of the finest level a side.
_BLOCK = 3
# A field folds no area to less than this share, for which it is damped so often at most.
_LEAST_AREA, _DAMPINGS = 0.05, 8
_SAMPLES = 16
# A place counts so far (px of a level, times the scale) within the moving image.
_INSIDE = 3.5


@dataclass(frozen=True)
class Prior:
    """How far (px) a field is expected to bend, and over what length (px)."""

    amplitude: float
    stiffness: float


class Solved(NamedTuple):
    """What the cells of a stage say of coefficients, and that with the prior, factored."""

    system: System
    factor: Factor


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


@dataclass(frozen=True, eq=False)
class FieldEstimate:
    """A displacement of reference pixels, after which a matrix maps them to moving pixels.

    Attributes
    ----------
    coefficients : ndarray of float64, shape (n,)
    stage : Stage
        The finest that was used.
    seen : Seen
        What its cells say at last.
    system : System
        Of these cells.
    prior : Prior
    systems : list of System
        Of each stage.
    """

    coefficients: Array
    stage: Stage
    seen: Seen
    system: System
    prior: Prior
    systems: list[System]

    @property
    def splines(self) -> Splines:
        return self.system.splines

    @cached_property
    def expected(self) -> Expected:
        """What is expected of the field of an image like this one."""
        prior = self.prior
        return Expected(prior, [Solved(one, one.factor(prior)) for one in self.systems])

    @property
    def energy(self) -> float:
        """How far it bends for what its prior expects: its squares in units of sigma, in sum."""
        back = self.splines.held_back(self.prior.stiffness, self.coefficients)
        return float(self.coefficients @ back) / self.prior.amplitude**2

    def sigma(self) -> Array:
        """Return one sigma of each component on the finest cells, (2, h, w) in px."""
        return self.system.sigma(self.prior)

    def on_cells(self, coefficients: Array) -> Array:
        """Return the fields of coefficients (..., n) on the cells of the finest level, in px."""
        return self.splines.values(self.system.design, coefficients)


class Stage:
    """One level of both images."""

    def __init__(self, reference: Level, moving: Level, representation: Representation) -> None:
        # The same for all images that are compared with this one.
        self.windows: list[Windows] = reference.recent(
            "field windows", representation, lambda: _windows(reference, representation)
        )
        planes, valid = represent(moving, *moving.whole(), representation)
        self.moving, _ = smoothed_inside(planes, None)
        self._valid = None if valid is None or valid.all() else valid.astype(np.float32)
        if valid is not None:
            self.moving[~valid] = 0
        self.index, self.times = reference.index, 2.0**reference.index
        self.cells = self.windows[0].cells
        self.apart = CELL * self.times

    def places(self, around: int = 0) -> tuple[Array, Array]:
        """Return where the rows and columns of cells are, and some around, in px of level 0."""
        return cell_places(self.cells, self.times, around)

    def design(self, splines: Splines, around: int = 0) -> tuple[Array, Array]:
        """Return splines on the rows and columns of cells, and on so many around."""
        rows, columns = self.places(around)
        return splines.rows.design(rows), splines.columns.design(columns)

    def seen(self, field: Array, matrix: Array, sign: int, common: Floats | None = None) -> Seen:
        """Compare where a field puts the reference.

        Parameters
        ----------
        field : ndarray, shape (2, h, w)
            On the cells and a ring of them around, in px of level 0.
        matrix : ndarray of float64, shape (3, 3)
            Reference to moving pixels.
        sign : {1, -1}
        common : ndarray of float32, shape (3, h, w), optional
            How much cells count; what gradients have nothing in common in does not, by default.
        """
        at, middles = moved_pixels(field, matrix, self.times)
        shown = self._shown(middles, matrix)
        laid = floats(cv2.remap(self.moving, at, None, cv2.INTER_LINEAR))
        if laid.ndim == 3:
            laid = turned(laid, matrix, np.array(laid.shape[1::-1]) / 2)
        if self._valid is not None:
            there = cv2.remap(self._valid, at, None, cv2.INTER_LINEAR)
            share = cv2.resize(there, self.cells[::-1], interpolation=cv2.INTER_AREA)
            shown = floats(shown * (share > 0.99))
        parts = [
            windows.seen(np.ascontiguousarray(plane), shown, common, sign)
            for windows, plane in zip(self.windows, planes_of(laid), strict=True)
        ]
        if len(parts) == 1:
            return parts[0]
        return Seen(
            *(
                floats(np.sum([getattr(part, name) for part in parts], axis=0))
                for name in ("information", "force")
            ),
            *(
                floats(np.mean([getattr(part, name) for part in parts], axis=0))
                for name in ("fit", "counted", "certain", "shown")
            ),
        )

    def _shown(self, at: Floats, matrix: Array) -> Floats:
        """Return 1 where cells lie on pixels of both images, else 0."""
        margin = _INSIDE * max(1.0, float(np.abs(matrix[:2, :2]).sum(axis=1).max()))
        height, width = self.moving.shape[:2]
        within = (at >= margin) & (at <= np.array([width, height], np.float32) - 1 - margin)
        return floats(within.all(axis=-1) & (self.windows[0].pixels > CELL**2 / 2))


def _windows(reference: Level, representation: Representation) -> list[Windows]:
    planes, valid = represent(reference, *reference.whole(), representation)
    return [Windows(plane, valid) for plane in planes_of(planes)]


def stages_of(
    reference: list[Level], moving: list[Level], representation: Representation
) -> list[Stage]:
    """Return the levels on which a field is looked for, the coarsest first."""
    used = [
        (here, there)
        for here, there in zip(reference, moving, strict=False)
        if max(here.size, there.size) <= _FINEST and isinstance(here.image, np.ndarray)
    ]
    wide = [pair for pair in used if min(*pair[0].shape, *pair[1].shape) >= _COARSEST]
    return [Stage(*pair, representation) for pair in reversed(wide or used[:1])]


class System:
    """What the cells of a stage say of coefficients, and how much they vary beyond noise.

    Noise that is not independent, and what no field explains, make forces larger than their
    information has them: it counts the less.
    """

    def __init__(
        self, stage: Stage, splines: Splines, seen: Seen, kept: NDArray[np.float32] | None
    ) -> None:
        self.splines, self._times = splines, stage.times
        self.design = stage.design(splines)
        self.weights = 1 / inflation(seen)
        if kept is not None:
            self.weights *= kept
        self._certain = seen.certain
        self._sigmas: dict[Prior, Array] = {}
        self.cells = seen.information * (self.weights / stage.times**2)
        self.information = splines.information(self.design, self.cells)

    def factor(self, prior: Prior) -> Factor:
        """Return the precision of coefficients, factored."""
        unit = self.splines.prior(prior.stiffness)
        return Factor(self.information + unit / prior.amplitude**2)

    def sigma(self, prior: Prior) -> Array:
        """Return one sigma of each component on the cells, (2, h, w) in px."""
        if prior not in self._sigmas:
            wide = Prior(_WIDER * prior.amplitude, prior.stiffness)
            drawn = self.factor(wide).samples(_SAMPLES, np.random.default_rng(0))
            squares = self.splines.values(self.design, drawn) ** 2
            self._sigmas = {prior: np.sqrt(squares.mean(axis=0))}
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
    xx, xy, yy = (blurred(part, _NEAR) for part in seen.information)
    x, y = (blurred(part, _NEAR) for part in seen.force)
    # What moves alike nearby is motion.
    area = np.maximum(xx * yy - xy * xy, np.float32(1e-12)) + (xx + yy) ** 2 * np.float32(1e-3)
    left = seen.after(np.stack([(yy * x - xy * y) / area, (xx * y - xy * x) / area])).force
    expected = seen.information[0] + seen.information[2]
    pooled = [blurred(part, _POOLED) for part in (left[0] ** 2 + left[1] ** 2, expected)]
    ratio = pooled[0] / np.maximum(pooled[1], np.float32(1e-12))
    return floats(np.maximum(1, _NEIGHBOURS * ratio))


def field_steps(
    stages: list[Stage],
    matrix: Array,
    shape: tuple[int, int],
    *,
    sign: int = 1,
    stiffness: float | None = None,
    expected: Expected | None = None,
    kept: int | None = None,
) -> Generator[None, None, FieldEstimate]:
    """Estimate the field, one iteration at a time.

    Parameters
    ----------
    stages : list
        From `stages_of`.
    matrix : ndarray of float64, shape (3, 3)
        The global motion, reference to moving pixels.
    shape : tuple of int
        Height and width of the reference.
    sign : {1, -1}
        -1 for a negative.
    stiffness : float, optional
        In px, instead of what the images say.
    expected : Expected, optional
        Instead of what the images say of the prior.
    kept : {0, 1}, optional
        Use these blocks of cells alone, as on a checkerboard.
    """
    side = min(shape)
    guess = Prior(_AMPLITUDE * side + 1, stiffness or _STIFFNESS * side)
    prior, given = (expected.prior, expected.solved) if expected else (guess, ())
    systems: list[System] = []
    splines = given[0].system.splines if given else _splines(shape, prior, _SPLINES)
    coefficients = np.zeros(int(np.prod(splines.shape)))
    for number, stage in enumerate(stages):
        last, least = stage is stages[-1], _ITERATIONS[min(number, 2)]
        finer = _splines(shape, prior, _SPLINES if last else _COARSE_SPLINES)
        if given:
            finer = given[number].system.splines
        coefficients, splines = finer.resampled(splines, coefficients), finer
        ring = stage.design(splines, 1)
        mask = _checkered(stage, kept, _BLOCK * stages[-1].apart)
        counted: Floats | None = None
        for iteration in range(_MOST_ITERATIONS):
            made = iteration % 2 == 0 or last
            # Before anything fits, nothing is in common.
            early = number == 0 and iteration + 1 < least
            common = (
                alike(np.ones(stage.cells, np.float32)) if early else None if made else counted
            )
            seen = stage.seen(splines.values(ring, coefficients), matrix, sign, common)
            counted = None if early else seen.counted
            yield
            if given:
                system, factor = given[number]
                if last and kept is None and iteration + 1 >= least:
                    # How well it is known is this image's own.
                    system = System(stage, splines, seen, mask)
            elif made:
                system = System(stage, splines, seen, mask)
                if expected is None and (iteration or number > 1):
                    data = system.force(seen) + system.told(coefficients)
                    prior, factor = _likeliest(system, data, prior, free=stiffness is None)
                else:
                    factor = system.factor(prior)
            back = splines.held_back(prior.stiffness, coefficients) / prior.amplitude**2
            step = factor.solve(system.force(seen) - back)
            coefficients = coefficients + step
            moved = floats(splines.values(system.design, step) / stage.times)
            if iteration + 1 >= least and np.quantile(np.abs(moved), 0.9) < _FEW:
                break
        systems.append(system)
    seen = seen.after(moved)
    coefficients, prior = _unfolded(system, coefficients, prior)
    return FieldEstimate(coefficients, stage, seen, system, prior, systems)


def _unfolded(system: System, coefficients: Array, prior: Prior) -> tuple[Array, Prior]:
    """Return the field, damped where little holds it until it folds nowhere, and its prior."""
    data = system.told(coefficients)
    for _ in range(_DAMPINGS):
        if _least_area(system.splines, coefficients) > _LEAST_AREA:
            break
        prior = Prior(prior.amplitude / 2, prior.stiffness)
        coefficients = system.factor(prior).solve(data)
    return coefficients, prior


def _least_area(splines: Splines, coefficients: Array) -> float:
    """Return the least determinant of the Jacobian of a field, 1 where nothing bends."""
    rows, columns = splines.rows, splines.columns
    places = [np.linspace(one.start, one.last, 4 * one.count) for one in (rows, columns)]
    plain, steep = (
        [one.design(at, k) for one, at in zip((rows, columns), places, strict=True)]
        for k in (0, 1)
    )
    along_x = splines.values((plain[0], steep[1]), coefficients)
    along_y = splines.values((steep[0], plain[1]), coefficients)
    areas = (1 + along_x[0]) * (1 + along_y[1]) - along_x[1] * along_y[0]
    return float(areas.min())


def _splines(shape: tuple[int, int], prior: Prior, often: float) -> Splines:
    apart = max(prior.stiffness / often, min(shape) / _MOST_SPLINES)
    return Splines(Lattice.over(shape[0], apart), Lattice.over(shape[1], apart))


def _checkered(stage: Stage, kept: int | None, side: float) -> Floats | None:
    """Return 1 on every second block of cells, so many px a side, as on a checkerboard, else 0."""
    if kept is None:
        return None
    block = max(1, round(side / stage.apart))
    rows, columns = (np.arange(n) // block for n in stage.cells)
    return floats((rows[:, None] + columns) % 2 == kept)


def _likeliest(system: System, data: Array, prior: Prior, *, free: bool) -> tuple[Prior, Factor]:
    """Return the neighbour of a prior under which the images are likeliest (Laplace's method)."""
    tried = []
    for longer, larger in _NEIGHBOURING if free else _LARGER:
        one = Prior(prior.amplitude * larger, prior.stiffness * longer)
        factor = system.factor(one)
        likely = float(data @ factor.solve(data)) - factor.log_determinant
        likely += system.splines.log_prior(one.stiffness)
        tried.append((likely - 2 * len(data) * np.log(one.amplitude), one, factor))
    return max(tried, key=lambda item: item[0])[1:]
