"""A smooth field after a global motion, coarse to fine."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..._common.opencv import cv2
from ..._images.pyramid.filters import smoothed_inside
from ..._images.pyramid.levels import Level, floats
from ..._images.pyramid.representations import Representation, planes_of, represent, turned
from ..._transform.splines import Array, Lattice
from ..._transform.transform import scaled
from .system import Factor, Splines, multiply
from .windows import Seen, Windows

# Cells of so many px of a level, of which the finest has at most so many pixels, and the coarsest
# so many on its shorter side.
_CELL, _FINEST, _COARSEST = 4, 1_500_000, 56
_ITERATIONS = (6, 4, 3, 3)
# With a prior that is known.
_AGAIN = (4, 3, 2, 2)
# At this iteration of a level amplitude and stiffness are looked for anew, but for the finest.
_CHOSEN = 2
# A field is laid by splines so many to a stiffness, but no more along the shorter side.
_SPLINES, _MOST_SPLINES = 2.0, 48
# The first guess of amplitude and stiffness, as shares of the shorter side.
_AMPLITUDE, _STIFFNESS = 0.01, 0.12
_RATIOS = (1 / 1.4, 1.0, 1.4)
_SAMPLES = 16
# A field folds no area to less than this share, for which it is damped so often at most.
_LEAST_AREA, _DAMPINGS = 0.05, 8


@dataclass(frozen=True)
class Prior:
    """How far (px) a field is expected to bend, and over what length (px)."""

    amplitude: float
    stiffness: float


@dataclass(frozen=True, eq=False)
class FieldEstimate:
    """A displacement of reference pixels, after which a matrix maps them to moving pixels.

    Attributes
    ----------
    splines : Splines
    coefficients : ndarray of float64, shape (n,)
    sigma : ndarray of float64, shape (2, h, w)
        One sigma of each component on the finest cells, in px of the reference.
    seen : Seen
        What the finest cells say at last.
    prior : Prior
    level : int
        The finest that was used.
    """

    splines: Splines
    coefficients: Array
    sigma: Array
    seen: Seen
    prior: Prior
    level: int


class Stage:
    """One level of both images."""

    def __init__(self, reference: Level, moving: Level, representation: Representation) -> None:
        planes, valid = represent(reference, *reference.whole(), representation)
        self.windows = [Windows(plane, valid, _CELL) for plane in planes_of(planes)]
        planes, valid = represent(moving, *moving.whole(), representation)
        smooth, _ = smoothed_inside(planes, None)
        if valid is not None and not valid.all():
            smooth[~valid] = np.nan
        self.moving, self.index = smooth, reference.index
        self.times = 2.0**self.index
        one = self.windows[0]
        self.cells = one.cells
        self.rows, self.columns = np.arange(one.shape[0]), np.arange(one.shape[1])
        self.places = tuple(
            (np.arange(n) * _CELL + (_CELL - 1) / 2) * self.times for n in one.cells
        )

    def seen(self, field: Array, matrix: Array, sign: int, *, sift: bool) -> Seen:
        """Compare where a field, (2, h, w) in px of the level, puts the reference."""
        local = scaled(matrix, 1 / self.times)
        x = floats(field[0] + self.columns)
        y = floats(field[1] + self.rows[:, None])
        mapped = [floats(row[0] * x + row[1] * y + row[2]) for row in local.astype(np.float32)]
        if local[2, 0] or local[2, 1]:
            mapped = [mapped[0] / mapped[2], mapped[1] / mapped[2]]
        laid = cv2.remap(
            self.moving,
            mapped[0],
            mapped[1],
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(float("nan"),) * 4,
        )
        laid = floats(laid)
        if laid.ndim == 3:
            laid = turned(laid, matrix, np.array(laid.shape[1::-1]) / 2)
        parts = [
            windows.seen(np.ascontiguousarray(plane), sign, sift=sift)
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
                for name in ("fit", "counted")
            ),
        )


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


def field_steps(
    stages: list[Stage],
    matrix: Array,
    shape: tuple[int, int],
    *,
    sign: int = 1,
    stiffness: float | None = None,
    expected: Prior | None = None,
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
    expected : Prior, optional
        Instead of what the images say.
    kept : {0, 1}, optional
        Use these of every two cells alone, as on a checkerboard.
    """
    side = min(shape)
    prior = expected or Prior(_AMPLITUDE * side + 1, stiffness or _STIFFNESS * side)
    splines = _splines(shape, prior)
    coefficients = np.zeros(int(np.prod(splines.shape)))
    inflation = 1.0
    for number, stage in enumerate(stages):
        first, last = number == 0, stage is stages[-1]
        finer = _splines(shape, prior)
        coefficients, splines = finer.resampled(splines, coefficients), finer
        pixels = (
            splines.rows.design(stage.rows * stage.times),
            splines.columns.design(stage.columns * stage.times),
        )
        design = splines.rows.design(stage.places[0]), splines.columns.design(stage.places[1])
        mask = _checkered(stage.cells, kept)
        unit = splines.prior(prior.stiffness)
        often = (_ITERATIONS if expected is None else _AGAIN)[min(number, 3)]
        for iteration in range(often + last):
            laid = splines.values(pixels, coefficients) / stage.times
            seen = stage.seen(laid, matrix, sign, sift=not first)
            yield
            if iteration == 0 or last:
                inflation = min(inflation, seen.inflation()) if not first else seen.inflation()
            scale = 1 / (inflation * stage.times**2)
            force = splines.gathered(design, seen.force * mask * (scale * stage.times))
            information = splines.information(design, seen.information * (mask * scale))
            if iteration == _CHOSEN and not last and expected is None:
                data = multiply(information, coefficients) + force
                prior = _likeliest(splines, information, data, prior, free=stiffness is None)
                unit = splines.prior(prior.stiffness)
            precision = unit / prior.amplitude**2
            factor = Factor(information + precision)
            if iteration == often:
                break
            coefficients = coefficients + factor.solve(force - multiply(precision, coefficients))
    coefficients, factor = _unfolded(splines, coefficients, information, precision)
    spread = splines.values(design, factor.samples(_SAMPLES, np.random.default_rng(0)))
    sigma = np.sqrt((spread**2).mean(axis=0))
    return FieldEstimate(splines, coefficients, sigma, seen, prior, stages[-1].index)


def _unfolded(
    splines: Splines, coefficients: Array, information: Array, precision: Array
) -> tuple[Array, Factor]:
    """Return the field, damped where little holds it until it folds nowhere, and its precision."""
    factor, data = Factor(information + precision), multiply(information, coefficients)
    for _ in range(_DAMPINGS):
        if _least_area(splines, coefficients) > _LEAST_AREA:
            break
        precision = 4 * precision
        factor = Factor(information + precision)
        coefficients = factor.solve(data)
    return coefficients, factor


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


def _splines(shape: tuple[int, int], prior: Prior) -> Splines:
    apart = max(prior.stiffness / _SPLINES, min(shape) / _MOST_SPLINES)
    return Splines(Lattice.over(shape[0], apart), Lattice.over(shape[1], apart))


def _checkered(cells: tuple[int, int], kept: int | None) -> NDArray[np.float32]:
    if kept is None:
        return np.ones(cells, np.float32)
    rows, columns = (np.arange(n) // 3 for n in cells)
    return floats((rows[:, None] + columns) % 2 == kept)


def _likeliest(
    splines: Splines, information: Array, data: Array, prior: Prior, *, free: bool
) -> Prior:
    """Return the neighbour of a prior under which the images are likeliest (Laplace's method)."""
    best, found = float("-inf"), prior
    for longer in _RATIOS if free else (1.0,):
        unit = splines.prior(prior.stiffness * longer)
        alone = Factor(unit).log_determinant
        # An amplitude that bends as much more, the same one, and at the stiffness all of them.
        for larger in (1.0, longer) if longer != 1 else _RATIOS:
            amplitude = prior.amplitude * larger
            both = Factor(information + unit / amplitude**2)
            likely = float(data @ both.solve(data)) - both.log_determinant
            likely += alone - 2 * len(data) * np.log(amplitude)
            if likely > best:
                best, found = likely, Prior(amplitude, prior.stiffness * longer)
    return found
