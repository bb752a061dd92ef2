"""A smooth field of a volume after an affine motion, coarse to fine."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from ...._images.pyramid.levels import Floats, floats
from ...._transform.models import Array
from ..levels import VolumeLevel
from .basis import Basis, Prior, values
from .seen import CELL, Seen, Stage
from .system import System, fitting

# The finest level has so many voxels at most, the coarsest so many on its shortest side.
_FINEST, _COARSEST = 2_200_000, 14
# Of the coarsest level, the next one, and those after it.
_ITERATIONS = (5, 3, 2)
# The first guess of amplitude and stiffness, as shares of the shortest side, as of images.
_AMPLITUDE, _STIFFNESS = 0.01, 0.12
# A field folds no volume to less than this share, for which it is damped so often at most.
_LEAST_VOLUME, _DAMPINGS = 0.05, 8
# A block of a checkerboard has so many cells a side.
_BLOCK = 2


@dataclass(frozen=True, eq=False)
class FieldEstimate:
    """A displacement of reference voxels, after which a matrix maps them to moving voxels.

    Attributes
    ----------
    coefficients : ndarray of float32, shape (3, z, y, x)
        Of the waves, by (z, y, x) in px.
    stage : Stage
        The finest that was used.
    seen : Seen
        What its cells say at last.
    system : System
        Of these cells.
    prior : Prior
    """

    coefficients: Floats
    stage: Stage
    seen: Seen
    system: System
    prior: Prior

    def on_cells(self) -> Floats:
        """Return the field on the finest cells, (3, d, h, w) in px."""
        return values(self.system.designs, self.coefficients)


def stages_of(reference: list[VolumeLevel], moving: list[VolumeLevel]) -> list[Stage]:
    """Return the levels on which a field is looked for, the coarsest first."""
    unit = reference[0].frame.unit
    used = [
        (own, other)
        for own, other in zip(reference, moving, strict=False)
        if own.held and other.held and max(own.size, other.size) <= _FINEST
    ]
    wide = [pair for pair in used if min(*pair[0].shape, *pair[1].shape) >= _COARSEST]
    return [Stage(*pair, unit) for pair in reversed(wide or used[:1])]


def field_steps(
    stages: list[Stage],
    matrix: Array,
    *,
    sign: int = 1,
    stiffness: float | None = None,
    prior: Prior | None = None,
    kept: int | None = None,
) -> Generator[None, None, FieldEstimate]:
    """Estimate the field, one iteration at a time.

    Parameters
    ----------
    stages : list
        From `stages_of`.
    matrix : (4, 4) array
        The affine motion, reference to moving voxels by (z, y, x).
    sign : {1, -1}
        -1 for a negative.
    stiffness : float, optional
        In px, instead of what the volumes say.
    prior : Prior, optional
        Instead of what the volumes say of it.
    kept : {0, 1}, optional
        Use these blocks of cells alone, as on a checkerboard.
    """
    finest = stages[-1]
    lengths = (np.array(finest.shape) - 1) * finest.apart
    side = float(lengths.min())
    unsure = prior is None
    known = guess = prior or Prior(_AMPLITUDE * side + 1, stiffness or _STIFFNESS * side)
    basis = Basis.over(lengths, known)
    coefficients = np.zeros(basis.shape, np.float32)
    for number, stage in enumerate(stages):
        # What is stiffer may still bend sharply somewhere.
        finer = Basis.over(lengths, min(known, guess, key=lambda one: one.stiffness))
        coefficients, basis = finer.resampled(basis, coefficients), finer
        mask = None if kept is None else _checkered(stage, kept)
        for iteration in range(_ITERATIONS[min(number, 2)]):
            seen = stage.seen(basis, coefficients, matrix, sign)
            yield
            system = System(stage, basis, seen, known, mask)
            before = coefficients
            coefficients = floats(before + (yield from system.step(before)))
            if unsure and iteration and stage is not finest:
                drawn = yield from system.samples(iteration)
                known = fitting(basis, known, coefficients, drawn, free=stiffness is None)
            yield
    for _ in range(_DAMPINGS):
        if least_volume(values(system.designs, coefficients), stage) > _LEAST_VOLUME:
            break
        # Little holds it where it folds.
        known = Prior(known.amplitude / 2, known.stiffness)
        system = System(stage, basis, seen, known, mask)
        coefficients = floats(before + (yield from system.step(before)))
    return FieldEstimate(coefficients, stage, seen, system, known)


def least_volume(field: Floats, stage: Stage) -> float:
    """Return the least determinant of the Jacobian of a field on cells, 1 where nothing bends."""
    if min(stage.cells) < 2:
        return 1.0
    apart = (CELL * stage.apart).tolist()
    slopes = np.stack([np.stack(np.gradient(one, *apart), axis=-1) for one in field], axis=-2)
    return float(np.linalg.det(slopes + np.eye(3)).min())


def _checkered(stage: Stage, kept: int) -> Floats:
    """Return 1 on every second block of cells, as on a checkerboard, else 0."""
    z, y, x = (np.arange(n) // _BLOCK for n in stage.cells)
    return floats((z[:, None, None] + y[:, None] + x) % 2 == kept)
