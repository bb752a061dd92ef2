"""A smooth field after a global motion, coarse to fine."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial

import numpy as np

from ..._images.pyramid.levels import Floats, floats
from ..._transform.splines import Array, Lattice
from .cells import Expected, Prior, Solved, System
from .shares import alike
from .stage import Stage
from .system import Factor, Splines
from .windows import Seen

# Of the coarsest level, the next one, and those after it at least; and where of ten cells not nine
# move by less than so many px of the finest level, or of one below, so many at most.
_ITERATIONS, _SETTLED, _FEW, _MOST_ITERATIONS = (5, 3, 1), 0.9, (0.15, 0.3), 8
# Of a field of which the prior is known.
_FORETOLD = (2, 1, 1)
# A step that nine of ten cells make shorter than so many px, where all that leads to it is known
# from another image, leaves a sixth of it: the next level has that within its first step.
_FORESEEN = 0.9
# A field is laid by splines so many to a stiffness, but no more along the shorter side.
_SPLINES, _COARSE_SPLINES, _MOST_SPLINES = 2.0, 1.5, 48
# The first guess of amplitude and stiffness, as shares of the shorter side.
_AMPLITUDE, _STIFFNESS = 0.01, 0.12
# Stiffer ones that bend as much more, and all that do at the same stiffness.
_LARGER = ((1.0, 1.0), (1.0, 1.4), (1.0, 1 / 1.4))
_NEIGHBOURING = (*_LARGER, (1.4, 1.4), (1 / 1.4, 1 / 1.4))
# A block of a checkerboard has so many cells of the finest level a side.
_BLOCK = 3
# A field folds no area to less than this share, for which it is damped so often at most.
_LEAST_AREA, _DAMPINGS = 0.05, 8
# A field bends no farther than so many amplitudes; so many px of a level are near.
_FAR, _NEARBY = 3.0, 2.0


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
        Of each stage; of the finest alone, if all else was foretold.
    counted : list of ndarray of float32, shape (3, h, w)
        How much their cells counted.
    """

    coefficients: Array
    stage: Stage
    seen: Seen
    system: System
    prior: Prior
    systems: list[System]
    counted: list[Floats]

    @property
    def splines(self) -> Splines:
        return self.system.splines

    @cached_property
    def expected(self) -> Expected:
        """What is expected of the field of an image like this one."""
        solved = [Solved(*one) for one in zip(self.systems, self.counted, strict=True)]
        return Expected(self.prior, solved)

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

    def bending(self) -> Floats:
        """Return its second derivatives on the finest cells, squared and added up, (h, w)."""
        rows, columns = self.stage.curving(self.splines)
        parts = floats(self.splines.on_lattice(self.coefficients))
        out = np.zeros(self.stage.cells, np.float32)
        for order, times in enumerate((1, 2, 1)):
            for one in rows[2 - order] @ parts @ columns[order].T:
                out += np.float32(times) * one * one
        return out


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
    if expected and expected.solved:
        return (yield from _foretold_steps(stages, matrix, sign, expected, kept))
    side = min(shape)
    guess = Prior(_AMPLITUDE * side + 1, stiffness or _STIFFNESS * side)
    prior = expected.prior if expected else guess
    if expected:
        stages = stages[_first_needed(stages, prior) :]
    systems: list[System] = []
    shares: list[Floats] = []
    splines = _splines(shape, prior, _SPLINES)
    coefficients = np.zeros(int(np.prod(splines.shape)))
    for number, stage in enumerate(stages):
        iterations = _FORETOLD if expected else _ITERATIONS
        last, least = stage is stages[-1], iterations[min(number, 2)]
        # Two halves are compared over longer distances.
        often = _SPLINES if last and kept is None else _COARSE_SPLINES
        finer = _splines(shape, prior, often)
        coefficients, splines = finer.resampled(splines, coefficients), finer
        ring = stage.design(splines, 1)
        mask = _checkered(stage, kept, _BLOCK * stages[-1].apart)
        counted: Floats | None = None
        unsure = expected is None
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
            if made:
                system = System(stage, splines, seen, mask)
                if unsure and (iteration or number > 1):
                    data = system.force(seen) + system.told(coefficients)
                    before = prior
                    prior, factor = _likeliest(system, data, prior, free=stiffness is None)
                    # What a fine stage has confirmed, its further iterations do, too.
                    unsure = number < 2 or prior != before
                else:
                    factor = system.factor(prior)
            step = factor.solve(_pull(system, seen, prior, coefficients))
            coefficients = coefficients + step
            moved = floats(splines.values(system.design, step) / stage.times)
            if iteration + 1 >= least and _is_settled(moved, _FEW[not last]):
                break
        systems.append(system)
        shares.append(seen.counted)
    seen = seen.after(moved)
    coefficients, prior = _unfolded(system, coefficients, prior)
    return FieldEstimate(coefficients, stage, seen, system, prior, systems, shares)


def _foretold_steps(
    stages: list[Stage], matrix: Array, sign: int, expected: Expected, kept: int | None
) -> Generator[None, None, FieldEstimate]:
    """Estimate a field by what another image's foretells; what that ends with is its own."""
    prior = expected.prior
    # Two halves differ by less than a finer level would tell.
    stages = stages[_first_needed(stages, prior, least=2 if kept is None else 1) :]
    # The finest are the same; some of the other image's may have begun further on.
    both = list(zip(reversed(stages), reversed(expected.solved), strict=False))[::-1]
    splines = both[0][1].system.splines
    coefficients = np.zeros(int(np.prod(splines.shape)))
    for stage, solved in both:
        system, common = solved
        solve: Callable[[Array], Array] = partial(system.quickly, prior)
        coefficients, splines = (
            system.splines.resampled(splines, coefficients),
            system.splines,
        )
        ring = stage.design(splines, 1)
        # Where it ends, and how well it is known, no other image says.
        own = stage is stages[-1] and kept is None
        least = 2 if own or len(both) == 1 else 1
        for iteration in range(_MOST_ITERATIONS):
            asked = own and iteration
            if iteration or stage is not both[0][0]:
                field = splines.values(ring, coefficients)
                seen = stage.seen(field, matrix, sign, None if asked else common)
            else:
                seen = stage.seen_unbent(matrix, sign, common)
            yield
            if asked:
                system = System(stage, splines, seen, None)
                solve = system.widely(prior).solve
            step = solve(_pull(system, seen, prior, coefficients))
            coefficients = coefficients + step
            moved = floats(splines.values(system.design, step) / stage.times)
            if iteration + 1 >= least and _is_settled(moved, _FEW[0] if own else _FORESEEN):
                break
    seen = seen.after(moved)
    coefficients, prior = _unfolded(system, coefficients, prior)
    return FieldEstimate(coefficients, stage, seen, system, prior, [system], [seen.counted])


def _pull(system: System, seen: Seen, prior: Prior, coefficients: Array) -> Array:
    """Return what draws coefficients on: what cells say, and what is expected of a field."""
    back = system.splines.held_back(prior.stiffness, coefficients)
    return system.force(seen) - back / prior.amplitude**2


def _is_settled(moved: Floats, few: float) -> bool:
    """Tell whether hardly any cell moves by more than so many px of a stage, (2, h, w)."""
    return bool(np.mean(np.abs(moved) < few) > _SETTLED)


def _first_needed(stages: list[Stage], prior: Prior, *, least: int = 2) -> int:
    """Return the stage on which a field that is expected so bends by few px, or so many are left.

    Those before it are for fields of which less is known.
    """
    far = _FAR * prior.amplitude
    near = [number for number, stage in enumerate(stages) if far <= _NEARBY * stage.times]
    return max(0, min(len(stages) - least, near[-1] if near else 0))


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
    plain, steep = _with_slopes(splines)
    along_x = splines.values((plain[0], steep[1]), coefficients)
    along_y = splines.values((steep[0], plain[1]), coefficients)
    areas = (1 + along_x[0]) * (1 + along_y[1]) - along_x[1] * along_y[0]
    return float(areas.min())


@lru_cache(maxsize=32)
def _with_slopes(splines: Splines) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Return splines on rows and columns that show all folds, and their slopes there."""
    rows, columns = splines.rows, splines.columns
    down, across = (np.linspace(one.start, one.last, 4 * one.count) for one in (rows, columns))
    plain = rows.design(down), columns.design(across)
    return plain, (rows.design(down, 1), columns.design(across, 1))


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
