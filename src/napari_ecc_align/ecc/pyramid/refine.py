"""From a start to a precise transform: whole coarse levels first, then tiles of fine ones."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace

import numpy as np

from . import tiles
from .blocks import (
    BORDER,
    Blocks,
    Sampler,
    TileSampler,
    halo,
    tile_reference,
    whole_moving,
    whole_reference,
)
from .models import MODELS, Array, Frame, Model, scaled
from .scalespace import Level
from .solver import Solution, solve

# Levels of at most so many pixels are used whole.
_WHOLE_PIXELS = 24_000
_WHOLE_BLOCK = 16
_SMALL_BLOCK = 8
# On a fine level a start must be this good (corner px of that level): well inside the basin of
# attraction.
_BASIN = 0.35
# A start from which a coarse level does not settle in so many steps, or correlates no better than
# this, is a wrong one.
_COARSE_ITERATIONS = 15
# A step (px of the level) that does not matter for a start.
_LOOSE = 0.05
_HOPELESS = 0.15
_FIRST_TILES = 16
_TILE = 64
# The number of tiles that the precision needs is foreseen from the uncertainty with few, but not
# trusted further than this.
_FASTEST_GROWTH = 6.0
# Tiles of at most so many pixels: what bounds the memory.
_MOST_PIXELS = 1_500_000


@dataclass(frozen=True)
class Refined:
    """A transform in px of level 0, and the solution (px of its level) that it comes from."""

    matrix: Array
    solution: Solution
    level: int

    @property
    def uncertainty(self) -> float:
        """Corner uncertainty in px of level 0."""
        return self.solution.corner_uncertainty * 2.0**self.level


@dataclass(frozen=True)
class Settings:
    """What the caller asked for; see `estimate`."""

    model: Model
    precision: float
    number_of_iterations: int
    termination_eps: float


class Refiner:
    """Refines starts of one pair in one representation; keeps prepared coarse levels."""

    def __init__(
        self, reference: list[Level], moving: list[Level], settings: Settings, *, gradient: bool
    ) -> None:
        self._reference = reference
        self._moving = moving
        self._settings = settings
        self.gradient = gradient
        self._whole: dict[int, tuple[Blocks, Sampler]] = {}
        small = [k for k, level in enumerate(reference) if level.image.size <= _WHOLE_PIXELS]
        self.finest_whole = small[0] if small else len(reference) - 1

    def _prepared(self, index: int) -> tuple[Blocks, Sampler]:
        if index not in self._whole:
            reference, moving = self._reference[index], self._moving[index]
            size = _WHOLE_BLOCK if min(reference.shape) >= 4 * _WHOLE_BLOCK else _SMALL_BLOCK
            self._whole[index] = (
                whole_reference(reference, size, gradient=self.gradient),
                whole_moving(moving, reference.shape, size, gradient=self.gradient),
            )
        return self._whole[index]

    def coarse(self, start: Array, *, first: int | None = None) -> Refined:
        """Refine on whole levels from `first` (the coarsest) to the finest whole one."""
        index = first = len(self._reference) - 1 if first is None else first
        matrix = start
        while True:
            blocks, sampler = self._prepared(index)
            model = self._coarse_model(index)
            result = self._solve(blocks, sampler, index, matrix, model, tolerance=_LOOSE)
            ecc = abs(result.solution.ecc)
            hopeless = index < first and ecc < _HOPELESS
            if index == self.finest_whole or hopeless or not np.isfinite(ecc):
                return result
            matrix = result.matrix
            index = max(self.finest_whole, self._next(result))

    def polished(self, start: Array) -> Refined:
        """Refine a good start on the finest whole level, with a gain and offset per block."""
        blocks, sampler = self._prepared(self.finest_whole)
        return self._solve(
            blocks,
            sampler,
            self.finest_whole,
            start,
            self._settings.model,
            tolerance=self._tight(self.finest_whole),
            local=True,
        )

    def _tight(self, index: int) -> float:
        """Return the step (px of the level) that does not matter for the precision."""
        return 0.1 * self._settings.precision * 2.0**-index

    def _coarse_model(self, index: int) -> Model:
        """Return the model for a level.

        On tiny images perspective has too little to hold on to.
        """
        if self._settings.model.name == "homography" and index > self.finest_whole:
            return MODELS["affine"]
        return self._settings.model

    def _solve(
        self,
        blocks: Blocks,
        sampler: Sampler,
        index: int,
        matrix: Array,
        model: Model,
        *,
        tolerance: float,
        local: bool = False,
    ) -> Refined:
        factor = 2.0**-index
        iterations = self._settings.number_of_iterations
        solution = solve(
            blocks,
            sampler,
            scaled(matrix, factor),
            model,
            Frame(self._reference[index].shape),
            iterations=iterations if local else min(iterations, _COARSE_ITERATIONS),
            tolerance=tolerance,
            termination_eps=self._settings.termination_eps,
            local=local,
        )
        return Refined(scaled(solution.matrix, 1 / factor), solution, index)

    def fine(self, coarse: Refined) -> Generator[Refined, None, Refined]:
        """Descend, on tiles, until the predicted corner uncertainty is below the precision.

        Yields and returns what is reached at each level.
        """
        result = coarse
        if coarse.uncertainty < self._settings.precision:
            result = self.polished(coarse.matrix)
        while result.level > 0 and not result.uncertainty < self._settings.precision:
            index = self._next(result)
            refined = self._tiled(result, index)
            if refined is None:
                break
            result = refined
            yield result
        return result

    def _next(self, result: Refined) -> int:
        """Return the finest level in whose basin the result lies, at least one below."""
        for index in range(result.level):
            if result.uncertainty < _BASIN * 2**index:
                return index
        return result.level - 1

    def _tiled(self, start: Refined, index: int) -> Refined | None:
        """Refine on tiles of one level, adding some until it is precise; None without tiles."""
        reference, moving = self._reference[index], self._moving[index]
        margin = halo(self.gradient) + (BORDER if index else 0)
        around = _TILE if min(reference.shape) >= 6 * _TILE else _TILE // 2
        size = tiles.best_size(reference.shape, margin, around)
        choice = self._choice(start, index, size, margin)
        result: Refined | None = None
        count = min(_FIRST_TILES, len(choice))
        blocks = samplers = None
        used = 0
        while used < count:
            origins = choice[used:count]
            more = tile_reference(reference, origins, size, gradient=self.gradient)
            sampler = TileSampler(moving, origins, size, gradient=self.gradient)
            blocks = more if blocks is None else _joined(blocks, more)
            samplers = [sampler] if samplers is None else [*samplers, sampler]
            used = count
            result = self._solve(
                blocks,
                _together(samplers),
                index,
                start.matrix if result is None else result.matrix,
                self._settings.model,
                tolerance=self._tight(index),
                local=True,
            )
            excess = result.uncertainty / self._aim(index)
            if excess < 1:
                break
            growth = min(_FASTEST_GROWTH, 1.2 * excess**2)
            count = min(len(choice), _MOST_PIXELS // size**2, int(np.ceil(used * growth)))
        return result

    def _aim(self, index: int) -> float:
        """Return the uncertainty (px of level 0) at which a level has done its part."""
        if index == 0:
            return self._settings.precision
        return 0.5 * _BASIN * 2.0 ** (index - 1)

    def _choice(self, start: Refined, index: int, size: int, margin: int) -> Array:
        reference, moving = self._reference[index], self._moving[index]
        origins = tiles.grid(reference.shape, size, margin)
        overlaps = tiles.overlap(
            origins, size, scaled(start.matrix, 2.0**-index), moving, self.gradient
        )
        measured = self._reference[min(index + 3, len(self._reference) - 1)]
        strengths = tiles.strength(measured, 2 ** (measured.index - index), origins, size)
        return np.asarray(origins[tiles.order(origins, strengths, overlaps, reference.shape)])


def _joined(a: Blocks, b: Blocks) -> Blocks:
    valid = None if a.valid is None or b.valid is None else np.concatenate([a.valid, b.valid])
    planes = (np.concatenate(pair) for pair in ((a.values, b.values), (a.gx, b.gx), (a.gy, b.gy)))
    values, gx, gy = planes
    return replace(
        a, centres=np.concatenate([a.centres, b.centres]), values=values, gx=gx, gy=gy, valid=valid
    )


def _together(samplers: list[TileSampler]) -> Sampler:
    return lambda matrix: np.concatenate([sampler(matrix) for sampler in samplers])
