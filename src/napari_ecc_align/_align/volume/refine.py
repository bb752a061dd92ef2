"""From a start to a precise transform of volumes: whole coarse levels first, then tiles."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

import numpy as np

from ..._common.steps import retold
from ..._ecc.gauss_newton import GaussNewton, Solution
from ..._ecc.options import SearchOptions
from ..._ecc.solver import MIN_OVERLAP, BlockSolver
from ..._ecc.whole_level import WholeLevelSolver, WholeReference
from ..._images.pyramid.levels import Bools, Floats, InSteps
from ..._transform.models import Array
from .blocks import BlockSampler, VolumeBlocks, reference_blocks, whole_blocks, whole_sampler
from .levels import VolumeLevel
from .linearised import LinearisedVolume, level_rows
from .motion import VOLUME_MODELS, VolumeModel, VolumeMotion, scaled
from .search import level_below
from .tile_choice import BlockChoice, side_for

# Levels of at most so many voxels are used whole, 40 on a side.
_WHOLE_VOXELS = 64_000
_WHOLE_BLOCK = 8
# As in two dimensions (`napari_ecc_align._ecc.refine`).
_COARSE_ITERATIONS = 20
_FINE_ITERATIONS = 30
_LOOSE = 0.05
_NEGLIGIBLE_SHARE_OF_PRECISION = 0.3
_LEAST_COARSE_ECC = 0.1
_KNOWN_TO = 1.1
# Of a tile's side, in the shortest voxels: at least, at most, and as a part of the volume's.
_SMALLEST, _LARGEST, _ALONG = 8, 16, 5
# Tiles that know the place no better than to so many px of their level show different things.
_LOST = 2.0
# Tiles of a level: at first, for each parameter more, and at most, which bounds memory and time.
_FIRST_TILES, _MORE_TILES, _MOST_TILES = 12, 2, 192
# So many tiles are prepared and fitted in one go.
_TOGETHER = 32
_FASTEST_GROWTH = 8.0


@dataclass(frozen=True)
class RefinedVolume:
    """A transform in voxels of level 0, and the solution (px of its level) that it comes from."""

    matrix: Array
    solution: Solution
    level: int
    uncertainty: float
    """One sigma at the corners, in px of level 0."""


class VolumeRefiner:
    """Refines starts of one pair of volumes; keeps prepared coarse levels.

    `asked` is called often; what it raises ends the work. With `all_turns` no turn is too far.
    """

    def __init__(
        self,
        reference: list[VolumeLevel],
        moving: list[VolumeLevel],
        options: SearchOptions,
        asked: Callable[[], object] = lambda: None,
        *,
        all_turns: bool = False,
    ) -> None:
        self.asked, self.all_turns = asked, all_turns
        depth = min(len(reference), len(moving))
        self.reference, self.moving = reference[:depth], moving[:depth]
        self.model: VolumeModel = VOLUME_MODELS[options.freest]
        self._options = options
        self.finest_whole = level_below(self.reference, self.moving, _WHOLE_VOXELS)
        self._solvers: dict[int, WholeLevelSolver] = {}
        share = self.moving[0].size * np.prod(self.moving[0].spacing)
        share /= self.reference[0].size * np.prod(self.reference[0].spacing)
        self._least = MIN_OVERLAP * min(1.0, float(share))

    def motion(self, index: int) -> VolumeMotion:
        """Return the motion of a level."""
        frame = self.reference[index].frame
        return VolumeMotion(self.model, frame, self.moving[index].spacing)

    def _whole_solver(self, index: int) -> WholeLevelSolver:
        if index not in self._solvers:
            level, motion = self.reference[index], self.motion(index)
            blocks = whole_blocks(level, _WHOLE_BLOCK)
            self._solvers[index] = WholeLevelSolver(
                motion,
                WholeReference(level_rows(blocks, self.model, motion.frame), blocks.valid),
                whole_sampler(self.moving[index], level.shape, _WHOLE_BLOCK),
                epsilon=self._options.tolerance,
                least=self._least * float(np.count_nonzero(blocks.values) / blocks.values.size),
            )
        return self._solvers[index]

    def finished(self, found: RefinedVolume) -> Generator[RefinedVolume, None, RefinedVolume]:
        """Refine what whole levels have found on tiles of the finer ones, down to the finest.

        Yields what is reached, and returns the last.
        """
        result = found
        for finer in range(found.level - 1, -1, -1):
            if not np.isfinite(result.solution.ecc):
                break
            result = yield from self._tiled(result, finer)
        return result

    def coarse(
        self, start: Array, *, first: int, last: int | None = None
    ) -> InSteps[RefinedVolume]:
        """Refine on whole levels from `first` to `last` (the finest whole one)."""
        matrix, index = start, first
        last = self.finest_whole if last is None else last
        while True:
            result = yield from self._run(
                self._whole_solver(index), index, matrix, iterations=_COARSE_ITERATIONS,
                tolerance=_LOOSE if index else self._tight(0),
            )  # fmt: skip
            ecc = abs(result.solution.ecc)
            if index <= last or not ecc >= _LEAST_COARSE_ECC:
                return result
            matrix, index = result.matrix, index - 1

    def _tight(self, index: int) -> float:
        ratio = self.reference[0].frame.unit / self.reference[index].frame.unit
        return _NEGLIGIBLE_SHARE_OF_PRECISION * self._options.precision * ratio

    def _run(
        self,
        solver: GaussNewton,
        index: int,
        matrix: Array,
        *,
        iterations: int,
        tolerance: float,
        resumed: bool = False,
    ) -> InSteps[RefinedVolume]:
        """Run a solver of a level from and to transforms in voxels of level 0."""
        reference, moving = self.reference[index], self.moving[index]
        solution = yield from solver.run(
            scaled(matrix, moving.step, reference.step),
            iterations=min(iterations, self._options.max_iterations),
            tolerance=tolerance,
            resumed=resumed,
        )
        back = scaled(solution.matrix, 1 / moving.step, 1 / reference.step)
        factor = reference.frame.unit / self.reference[0].frame.unit
        return RefinedVolume(back, solution, index, solution.corner_uncertainty * factor)

    def _asking(self, sampler: BlockSampler) -> Callable[[Array], Floats]:
        """Return a sampler that asks before it samples whether to go on."""

        def sample(matrix: Array) -> Floats:
            self.asked()
            return sampler(matrix)

        return sample

    def _tiled(
        self, start: RefinedVolume, index: int
    ) -> Generator[RefinedVolume, None, RefinedVolume]:
        """Refine on tiles of one level, adding some until it is precise."""
        motion = self.motion(index)

        def linearise(blocks: VolumeBlocks, seen: Bools | None) -> LinearisedVolume:
            return LinearisedVolume(blocks, self.model, motion.frame, seen)

        solver = BlockSolver(motion, linearise, epsilon=self._options.tolerance)
        side = side_for(self.reference[index], _SMALLEST, _LARGEST, _ALONG)
        choice = BlockChoice.of(
            self.reference, self.moving, index, start.matrix, side=side, partly=True
        )
        result = start
        first = _FIRST_TILES + _MORE_TILES * self.model.n_parameters
        count, used = min(first, len(choice.origins)), 0
        while used < count:
            for begin in range(used, count, _TOGETHER):
                origins = choice.origins[begin : min(count, begin + _TOGETHER)]
                solver.add(
                    reference_blocks(self.reference[index], origins, choice.shape),
                    self._asking(BlockSampler(self.moving[index], origins, choice.shape)),
                )
                yield result
            resumed = used > 0 and result.solution.converged
            used = count
            steps = self._run(
                solver, index, result.matrix if resumed else start.matrix,
                iterations=_FINE_ITERATIONS, tolerance=self._tight(index), resumed=resumed,
            )  # fmt: skip
            result = yield from retold(steps, lambda _: start)
            yield result
            enough = self._options.precision if index == 0 else 0.25 * 2.0**index
            excess = result.uncertainty / enough
            lost = result.uncertainty > _LOST * 2.0**index
            if excess < _KNOWN_TO or lost or not result.solution.converged:
                break
            growth = min(_FASTEST_GROWTH, 1.2 * excess**2)
            count = min(_MOST_TILES, len(choice.origins), int(np.ceil(used * growth)))
        return result
