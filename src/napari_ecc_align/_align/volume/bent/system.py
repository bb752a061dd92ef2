"""The linear system of a volume's field, solved by conjugate gradients, and what is left."""

from __future__ import annotations

from collections.abc import Callable, Generator

import numpy as np

from ...._images.pyramid.levels import Floats, floats
from ...._transform.models import Array
from .basis import Basis, Designs, Prior, gathered, values
from .seen import PAIRS, Seen, Stage, full, inflation

# A solution is left when what is missing has so small a share, or after so many steps.
_MISSING, _STEPS = 1e-3, 60
# After so many, which take some hundredths of a second, a cancel is heard.
_BETWEEN = 8
# So many fields that the cells leave possible are drawn.
_SAMPLES = 6
# So many times as stiff fields are tried, and so far amplitudes go at once.
_STIFFER = (1 / 1.4, 1 / 1.2, 1.0, 1.2, 1.4)
_FARTHER = 2.0


class System:
    """What the cells of a stage say of coefficients in units of their prior."""

    def __init__(
        self, stage: Stage, basis: Basis, seen: Seen, prior: Prior, kept: Floats | None
    ) -> None:
        weights = 1 / inflation(seen)
        if kept is not None:
            weights *= kept
        self.basis, self.prior = basis, prior
        self.designs: Designs = basis.designs(stage.places())
        self._scale = floats(np.sqrt(basis.variance(prior)))
        self.information = seen.information * weights
        self.force = seen.force * weights

    def step(self, coefficients: Floats) -> Generator[None, None, Floats]:
        """Return by how much coefficients are to be changed; yields while that is solved."""
        pull = gathered(self.designs, self.force) * self._scale - coefficients / self._scale
        return floats(self._scale * (yield from solved(self._times, pull)))

    def samples(self, seed: int = 0) -> Generator[None, None, Floats]:
        """Return coefficients (n, 3, z, y, x) as far from the likeliest as may well be.

        Yields while they are solved.
        """
        rng = np.random.default_rng(seed)
        matrices = full(self.information)
        matrices += np.eye(3) * 1e-9
        roots = np.linalg.cholesky(matrices)
        drawn = []
        for _ in range(_SAMPLES):
            noise = rng.standard_normal((*roots.shape[:3], 3))
            forces = np.moveaxis(np.einsum("...kl,...l->...k", roots, noise), -1, 0)
            pull = gathered(self.designs, forces) * self._scale
            pull += floats(rng.standard_normal(self.basis.shape))
            drawn.append(self._scale * (yield from solved(self._times, pull)))
        return np.stack(drawn)

    def _times(self, given: Floats) -> Floats:
        field = values(self.designs, given * self._scale)
        said = np.zeros_like(field)
        for one, (k, m) in zip(self.information, PAIRS, strict=True):
            said[k] += one * field[m]
            if k != m:
                said[m] += one * field[k]
        return given + gathered(self.designs, said) * self._scale


def solved(times: Callable[[Floats], Floats], wanted: Floats) -> Generator[None, None, Floats]:
    """Return what a positive definite map takes to something, by conjugate gradients.

    Yields after every few of these.
    """
    out = np.zeros_like(wanted)
    left = way = wanted
    size = first = float(np.vdot(left, left))
    for number in range(_STEPS):
        if size <= _MISSING**2 * first:
            break
        there = times(way)
        far = np.float32(size / float(np.vdot(way, there)))
        out, left = out + far * way, left - far * there
        before, size = size, float(np.vdot(left, left))
        way = left + np.float32(size / before) * way
        if not (number + 1) % _BETWEEN:
            yield
    return out


def fitting(
    basis: Basis, prior: Prior, coefficients: Floats, samples: Floats, *, free: bool
) -> Prior:
    """Return the prior whose fields are as large and as steep as one is, as far as it is known.

    Its strongest waves decide: what is most probable of all of them hangs on the weakest, which
    are mostly noise. `free` says whether the stiffness may change, too.
    """
    squares = np.asarray(coefficients**2 + (samples**2).mean(axis=0), np.float64).sum(axis=0) / 3
    stiffness = prior.stiffness
    if free:
        steep = float((basis.squares * squares).sum() / squares.sum())
        apart = []
        for stiffer in _STIFFER:
            shares = basis.variance(Prior(1.0, stiffness * stiffer))
            apart.append((abs(np.log(float((basis.squares * shares).sum()) / steep)), stiffer))
        stiffness *= min(apart)[1]
    size = np.sqrt(squares.sum()) / prior.amplitude
    return Prior(prior.amplitude * float(np.clip(size, 1 / _FARTHER, _FARTHER)), stiffness)


def spread(system: System, samples: Floats) -> Array:
    """Return one sigma of each axis on the cells, (3, d, h, w) in px."""
    drawn = values(system.designs, samples).astype(np.float64)
    return np.asarray(np.sqrt((drawn**2).mean(axis=0)))
