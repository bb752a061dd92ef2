"""From a start to a precise transform: whole coarse levels first, then tiles of fine ones."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace

import numpy as np

from .._common.steps import retold
from .._images.pyramid.blocks import Blocks, Sampler, planes_first, tile_reference
from .._images.pyramid.levels import Bools, InSteps, Level, index_below
from .._images.pyramid.representations import Representation
from .._images.pyramid.tile_sampler import TileSampler
from .._images.pyramid.whole_blocks import pause, whole_moving, whole_reference
from .._transform.coordinates import scaled
from .._transform.models import MODELS, Array, Model, frame_of
from .._transform.plausible import SEARCHED, is_plausible
from .gauss_newton import SLOWEST, GaussNewton
from .inner_level import inner_solver, known_as
from .kept_blocks import linearised_once
from .motion import PlaneMotion
from .normal_equations import LinearisedBlocks
from .options import SearchOptions
from .refined import ALIKE, Refined, bias, is_lost, total
from .solved_tiles import chosen_tiles
from .solver import MIN_OVERLAP, BlockSolver
from .tile_counts import MANY_TILES, first_count, foretold_count, next_count
from .whole_level import WholeLevelSolver, whole_plane

# Levels of at most so many pixels are used whole.
_WHOLE_PIXELS = 24_000
_WHOLE_BLOCK = 16
_SMALL_BLOCK = 8
# On a fine level a start must be this good (corner px of that level): well inside the basin of
# attraction.
_BASIN = 0.35
# An uncertainty is itself known to such a share only, even of hundreds of tiles.
_KNOWN_TO = 1.1
# A start from which a coarse level does not settle in so many steps, or correlates no better than
# this, is a wrong one.
_COARSE_ITERATIONS = 15
# From inside the basin, tiles that show the same thing settle in a few; where they differ in part,
# it may take long.
_FINE_ITERATIONS: dict[Representation, int] = {
    "intensity": 40,
    "gradient": 40,
    # Of another modality most of what is seen may differ: what takes long leads nowhere.
    "orientation": 12,
}
# This share of the precision does not matter, where it is added in squares.
_NEGLIGIBLE_SHARE_OF_PRECISION = 0.3
# A step (px of the level) that does not matter for a start.
_LOOSE = 0.05
_LEAST_COARSE_ECC = 0.15
_LOST_CERTAINTY = 0.5
# Tiles of so many pixels are prepared and fitted in one go, a few hundredths of a second.
_TOGETHER = 2**18
# A level of so many pixels has tiles enough to make a result precise without a finer one.
_PLENTY = 500_000
# Tiles that know their place no better than to so many px of their level show different things:
# finer levels would not know more.
_LOST = 2.0
_DEPARTED_ITERATIONS = 8


class Refiner:
    """Refines starts of one pair in one representation; keeps prepared coarse levels.

    Parameters
    ----------
    reference, moving : list of Level
        Pyramids, full resolution first.
    options : SearchOptions
    representation : {"intensity", "gradient", "orientation"}
    follows : bool, default: False
        More images are to be laid on the same blocks: what takes long to make is made once.
    whole_pixels : int, optional
        Levels of at most so many pixels are used whole.
    """

    def __init__(
        self,
        reference: list[Level],
        moving: list[Level],
        options: SearchOptions,
        *,
        representation: Representation = "intensity",
        follows: bool = False,
        whole_pixels: int = _WHOLE_PIXELS,
    ) -> None:
        depth = min(len(reference), len(moving))
        self._reference = reference = reference[:depth]
        self._moving = moving[:depth]
        self._shape = reference[0].shape
        self._options = options
        self.representation: Representation = representation
        self._follows = follows
        self._whole: dict[int, tuple[Blocks, Sampler]] = {}
        self._whole_solvers: dict[int, WholeLevelSolver] = {}
        self._local: BlockSolver[Blocks] | None = None
        # A small moving image covers little of the reference even if all of it lies there.
        self._least = MIN_OVERLAP * min(1.0, moving[0].size / reference[0].size)
        self.finest_whole = index_below(whole_pixels, reference)

    def _whole_solver(self, index: int) -> InSteps[WholeLevelSolver]:
        """Return the solver of a whole level."""
        if index not in self._whole_solvers:
            blocks, sample = yield from self._prepared(index)
            model, level = self._coarse_model(index), self._reference[index]
            yield from pause(level)
            self._whole_solvers[index] = WholeLevelSolver(
                PlaneMotion(model, frame_of(level.shape)),
                level.recent(
                    "reference of whole levels",
                    (model.name, self.representation),
                    lambda: whole_plane(blocks, model, frame_of(level.shape)),
                ),
                sample,
                epsilon=self._options.tolerance,
                least=self._least,
            )
            yield from pause(level)
        return self._whole_solvers[index]

    def _local_solver(self) -> InSteps[BlockSolver[Blocks]]:
        """Return the solver of the finest whole level with a gain and offset per block."""
        if self._local is None:
            self._local = self._block_solver(self.finest_whole, self._least)
            self._local.add(*(yield from self._prepared(self.finest_whole)))
        return self._local

    def _block_solver(self, index: int, least: float = MIN_OVERLAP) -> BlockSolver[Blocks]:
        # What the solver holds must not hold this, or neither is let go as soon as it can be.
        level, follows, form = self._reference[index], self._follows, self.representation
        model, frame = self._options.motion, frame_of(level.shape)

        def linearise(blocks: Blocks, seen: Bools | None) -> LinearisedBlocks:
            if not follows or seen is not None:
                return LinearisedBlocks(blocks, model, frame, seen)
            return linearised_once(level, blocks, model, frame, form)

        motion = PlaneMotion(model, frame)
        return BlockSolver(motion, linearise, epsilon=self._options.tolerance, least=least)

    def _whole_blocks(self, index: int) -> InSteps[Blocks]:
        level = self._reference[index]
        size = _WHOLE_BLOCK if min(level.shape) >= 4 * _WHOLE_BLOCK else _SMALL_BLOCK
        return whole_reference(level, size, representation=self.representation)

    def _prepared(self, index: int) -> InSteps[tuple[Blocks, Sampler]]:
        if index not in self._whole:
            shape, kind = self._reference[index].shape, self.representation
            blocks = yield from self._whole_blocks(index)
            moving = whole_moving(self._moving[index], shape, blocks.size, representation=kind)
            self._whole[index] = blocks, (yield from moving)
        return self._whole[index]

    def coarse(
        self, start: Array, *, first: int | None = None, patient: bool = False
    ) -> InSteps[Refined]:
        """Refine on whole levels from `first` (the coarsest) to the finest whole one.

        Yields in every iteration. What correlates poorly is given up soon, unless `patient`.
        """
        index = first = len(self._reference) - 1 if first is None else first
        matrix = start
        while True:
            result = yield from self._run(
                (yield from self._whole_solver(index)),
                index,
                matrix,
                iterations=_COARSE_ITERATIONS,
                # What is no start for a finer level is the result.
                tolerance=_LOOSE if index else self._tight(0),
                patient=patient,
            )
            ecc = abs(result.solution.ecc)
            hopeless = index < first and ecc < _LEAST_COARSE_ECC
            lost = not patient and is_lost(result, self.representation)
            if index <= self.finest_whole or hopeless or lost or not np.isfinite(ecc):
                return result
            if not is_plausible(result.matrix, self._shape, self._moving[0].shape, SEARCHED):
                return result
            matrix = result.matrix
            index = max(self.finest_whole, self._next(result))

    def polished(self, start: Array, *, patient: bool = True) -> InSteps[Refined]:
        """Refine a good start on the finest whole level, with a gain and offset per block.

        Yields in every iteration. What correlates poorly is given up soon, unless `patient`.
        """
        steps = self._run(
            (yield from self._local_solver()),
            self.finest_whole,
            start,
            iterations=_FINE_ITERATIONS[self.representation],
            tolerance=self._tight(self.finest_whole),
            patient=patient,
        )
        return (yield from steps)

    def _tight(self, index: int) -> float:
        """Return the step (px of the level) that does not matter for the precision."""
        return _NEGLIGIBLE_SHARE_OF_PRECISION * self._options.precision * 2.0**-index

    def _coarse_model(self, index: int) -> Model:
        """Return the model for a level.

        On tiny images perspective has too little to hold on to.
        """
        if self._options.motion.name == "homography" and index > self.finest_whole:
            return MODELS["affine"]
        return self._options.motion

    def _run(
        self,
        solver: GaussNewton,
        index: int,
        matrix: Array,
        *,
        iterations: int,
        tolerance: float,
        resumed: bool = False,
        rate: float = SLOWEST,
        patient: bool = True,
    ) -> InSteps[Refined]:
        """Run a solver of a level from and to transforms in px of level 0."""
        solution = yield from solver.run(
            scaled(matrix, 2.0**-index),
            iterations=min(iterations, self._options.max_iterations),
            tolerance=tolerance,
            resumed=resumed,
            rate=rate,
            alike=0.0 if patient else ALIKE[self.representation],
        )
        return Refined(scaled(solution.matrix, 2.0**index), solution, index)

    def followed(self, start: Array, before: Refined) -> InSteps[Refined]:
        """Refine a start from the finest whole level, as far as an image alike led to `before`."""
        index = self.finest_whole
        solver = None
        if np.isfinite(before.begun):
            levels = self._reference[index], self._moving[index]
            blocks = yield from self._whole_blocks(index)
            local = scaled(start, 2.0**-index)
            solver = inner_solver(*levels, blocks, self._options, local)
        if solver is None:
            coarse = yield from self.coarse(start, first=index, patient=True)
        else:
            coarse = yield from self._run(
                solver, index, start, iterations=_COARSE_ITERATIONS, tolerance=_LOOSE
            )
            coarse = known_as(before, coarse)
        fine = yield from retold(self.fine(coarse, before), lambda _: None)
        return replace(fine, begun=coarse.uncertainty)

    def fine(
        self,
        coarse: Refined,
        before: Refined | None = None,
        *,
        promising: Callable[[Refined], bool] = lambda _: True,
    ) -> Generator[Refined, None, Refined]:
        """Descend, on tiles, until the predicted corner uncertainty is below the precision.

        Yields what is reached so far, several times on each level, and returns the last. What an
        image like the moving one led to `before` foretells the number of tiles and of steps. What
        is not `promising` on a level is not refined on finer ones.
        """
        result = coarse
        # A gain per block costs some certainty, so that finer levels are often needed still.
        enough = self._options.precision * (_LOST_CERTAINTY if coarse.level else 1)
        if coarse.uncertainty < enough:
            result = yield from retold(self.polished(coarse.matrix), lambda _: coarse)
        final: list[Refined] = []
        # Uneven light may have bent what only one gain was fitted to.
        while result.level > 0 and (result is coarse or not self._precise(result)):
            index = self._next(result)
            refined = yield from self._tiled(result, index, before)
            if refined is None:
                break
            result = refined
            if result.deformed or result.uncertainty > _LOST * 2.0**index:
                break
            if self._final(index) and result.solution.converged:
                final.append(result)
            if result.level and not promising(result):
                break
        # Of a page in black and white, full resolution may know less than half of it.
        return min(final, key=total) if final and final[-1] is result else result

    def further(self, reached: Refined) -> InSteps[Refined]:
        """Descend to full resolution from where tiles did not know their place well enough.

        For those of whom it has turned out that they do, at least there.
        """
        result = reached
        for index in range(reached.level - 1, -1, -1):
            finer = yield from retold(self._tiled(result, index), lambda _: None)
            result = finer or result
        return result

    def _precise(self, result: Refined) -> bool:
        """Tell whether a result is as exact as was asked, as far as it knows."""
        enough = _KNOWN_TO * self._options.precision
        return result.uncertainty <= enough and self._final(result.level)

    def _next(self, result: Refined) -> int:
        """Return the level to go on with, at least one below.

        It is the finest in whose basin the result lies, but no finer than it takes to be precise:
        much of what is seen of an image is seen on a coarser level with fewer pixels.
        """
        for index in range(result.level):
            if result.uncertainty < _BASIN * 2**index and not self._suffices(index + 1, result):
                return index
        return result.level - 1

    def _suffices(self, index: int, result: Refined) -> bool:
        """Tell whether a level, below that of a result, promises to be precise."""
        return (
            index < result.level and self._final(index) and self._reference[index].size >= _PLENTY
        )

    def _final(self, index: int) -> bool:
        """Tell whether a solution of a level can be precise."""
        own = self._reference[index].own and self._moving[index].own
        return index == 0 or (own and bias(index) <= self._options.precision)

    def _tiled(
        self, start: Refined, index: int, before: Refined | None = None
    ) -> Generator[Refined, None, Refined | None]:
        """Refine on tiles of one level, adding some until it is precise; None without tiles."""
        pyramid, moving, following = self._reference, self._moving[index], before is not None
        size, choice = chosen_tiles(
            pyramid, moving, index, start.matrix, self.representation, inside=following
        )
        solver = self._block_solver(index)
        result: Refined | None = None

        def reached(_: None) -> Refined:
            return result or start

        foretold = before if before is not None and before.level == index else None
        first = first_count(self._options.motion)
        if foretold is not None:
            first = foretold_count(foretold, self._options.precision, first, len(choice))
        count, used, departed = min(first, len(choice)), 0, False
        often = _FINE_ITERATIONS[self.representation]
        # What an image like this one ended with is but a start on coarser levels.
        tolerance = _LOOSE if following and not foretold else self._tight(index)
        while used < count:
            for begin in range(used, count, _TOGETHER // size**2):
                end = min(count, begin + _TOGETHER // size**2)
                self._add(solver, index, choice[begin:end], size, foretold)
                yield result or start
            used = count
            # Where few tiles did not settle, they are no start for more.
            resumed = result is not None and result.solution.converged
            steps = self._run(
                solver,
                index,
                result.matrix if result is not None and resumed else start.matrix,
                iterations=_DEPARTED_ITERATIONS if departed else often,
                tolerance=tolerance,
                resumed=resumed,
                rate=foretold.solution.rate if foretold else SLOWEST,
            )
            result = replace((yield from retold(steps, reached)), tiles=used)
            yield result
            departed = solver.has_departed(self._options.motion.shifts, 2.0**index)
            if departed and used >= min(MANY_TILES, len(choice)):
                return replace(result, deformed=True)
            excess = result.uncertainty / self._aim(result, used, len(choice))
            if excess < (_KNOWN_TO if foretold else 1):
                break
            count = next_count(result, excess, first, len(choice), size, self._options)
            if departed or result.uncertainty > _LOST * 2.0**index:
                # A few more tell whether it is worth any more.
                count = min(count, max(MANY_TILES, used))
        if result is None or foretold:
            return result and replace(result, moves=solver.moves)
        if self.representation != "intensity" or not self._final(index):
            return result
        return replace(result, scattered=solver.scattered, folded=solver.folded)

    def _add(
        self,
        solver: BlockSolver[Blocks],
        index: int,
        origins: Array,
        size: int,
        foretold: Refined | None,
    ) -> None:
        """Give a solver some tiles of a level, by their first pixels (x, y)."""
        reference, moving = self._reference[index], self._moving[index]
        blocks = tile_reference(reference, origins, size, representation=self.representation)
        sampler = TileSampler(moving, origins, size, representation=self.representation)
        seen = foretold.moves if foretold else None
        same = seen is not None and np.array_equal(seen.centres, blocks.centres)
        noise = seen.noise if seen and same else None
        solver.add(blocks, planes_first(sampler), noise, seen=seen is not None)

    def _aim(self, result: Refined, used: int, most: int) -> float:
        """Return the uncertainty (px of level 0) at which a level has done its part.

        It may be as good as the last one, if what `used` tiles tell foretells that `most` suffice.
        """
        enough = self._options.precision
        foretold = result.uncertainty * np.sqrt(used / most)
        sufficient = result.level == 0 or foretold < _KNOWN_TO * enough
        if sufficient and self._final(result.level):
            return enough
        return 0.5 * _BASIN * 2.0 ** (result.level - 1)
