"""Inverse compositional ECC on the moments of blocks.

Maximising the enhanced correlation coefficient over a motion equals the least squares fit of the
warped moving image by gain, offset and motion together ([1]_, sections 3 and 4).  The *reference*
is linearised, so that its gradients and normal matrix stay put while only the warped image changes
([2]_, section 3.2).  A negative gain is inverted contrast.

References
----------
.. [1] G. D. Evangelidis and E. Z. Psarakis, "Parametric Image Alignment Using Enhanced Correlation
   Coefficient Maximization", IEEE TPAMI 30(10), 2008.
.. [2] S. Baker and I. Matthews, "Lucas-Kanade 20 Years On: A Unifying Framework", IJCV 56(3),
   2004.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from functools import partial
from typing import Generic, Protocol, TypeAlias, TypeVar

import numpy as np

from .._common.quantiles import middle
from .._images.pyramid.blocks import Sampler
from .._images.pyramid.filters import CORRELATED
from .._images.pyramid.levels import Bools, Floats
from .._transform.models import Array
from .block_moves import BlockMoves, block_moves
from .curves import is_folded
from .gauss_newton import ALIKE, CLOSE, GaussNewton, Step, eigen, linearised_for, pseudoinverse
from .motion import Motion, PlaneMotion
from .normal_equations import Equations, Fit, chained, combined
from .tones import sparsest

# Share of the smaller image's pixels that must see the other one.
MIN_OVERLAP = 0.1
# A direction whose gradients are noise to more than this share is not told from noise.
_MOST_NOISE = 0.9
# The determinant of a block's normal matrix over a power of its trace: less shows edges alone.
_FLATTEST = 1e-3
# By so many standard deviations, a spread of blocks is no accident.
_CLEAR_SIGMAS = 3.0
# Where half of the blocks lie as far as this (px) from where the model puts them, and by so many
# standard deviations, it does not suffice: neither more tiles nor finer ones are laid better. Of
# pairs that it suffices for, those are up to 2.5 on coarse levels.
_DEPARTED, _DEPARTED_SIGMAS = 0.5, 3.0
# Of so many pixels it is seen whether values are a curve of each other.
_PIXELS = 2**11


class _Blocks(Protocol):
    """Blocks of a reference level, of any number of axes."""

    @property
    def centres(self) -> Array: ...

    @property
    def values(self) -> Floats: ...

    @property
    def valid(self) -> Bools | None: ...


class _Linearised(Protocol):
    """What depends only on the reference and on which pixels are seen; see `LinearisedBlocks`."""

    seen: Bools | None
    count: Array

    def fit(self, image: Floats) -> Fit: ...

    def noise(self, image: Floats, gains: Array) -> Array: ...


AnyBlocks = TypeVar("AnyBlocks", bound=_Blocks)
Linearise: TypeAlias = Callable[[AnyBlocks, Bools | None], _Linearised]


class _Part(Generic[AnyBlocks]):
    """Some blocks of the reference; their linearisation is kept while it holds."""

    def __init__(
        self,
        blocks: AnyBlocks,
        sample: Sampler,
        linearise: Linearise[AnyBlocks],
        known_noise: Array | None = None,
    ) -> None:
        self.blocks = blocks
        self._sample = sample
        self._linearise = linearise
        self._known_noise = known_noise
        self.linearised: _Linearised | None = None
        self.noise: Array | None = None
        self._image = blocks.values
        self.last: Fit | None = None

    def fit(self, matrix: Array) -> Fit:
        """Sample the moving image at `matrix` and fit it."""
        image = self._sample(matrix)
        if self.linearised is not None and self.linearised.seen is None:
            # Whether all of it is seen, its own sum tells.
            fit = self.linearised.fit(image)
            if not np.isnan(fit.pair[1]):
                self._image = image
                self.last = fit
                return fit
        self.linearised, self._image = linearised_for(
            image,
            self.blocks.valid,
            self.linearised,
            partial(self._linearise, self.blocks),
        )
        self.last = self.linearised.fit(self._image)
        return self.last

    def fit_after(self, delta: Array) -> Fit | None:
        """Return the last fit as it is after a step so small that it is linear; None without one.

        Nothing is sampled.
        """
        if self.last is None:
            return None
        slopes = self.last.normals * self.last.gains[:, None, None]
        if self.noise is not None:
            slopes = slopes - self.noise
        self.last = replace(self.last, scores=self.last.scores - slopes @ delta)
        return self.last

    def both(self, step: int) -> tuple[Floats, Floats]:
        """Return some pixels of blocks, and of the moving image there, where all of it is seen."""
        seen = None if self.linearised is None else self.linearised.seen
        whole = slice(None) if seen is None else seen.all(axis=(1, 2))
        own, other = (tiles[:, ::step, ::step] for tiles in (self.blocks.values, self._image))
        return own[whole], other[whole]

    def measure_noise(self, gains: Array) -> None:
        """Measure the noise of the reference's gradients against the image fitted last."""
        if self._known_noise is not None:
            self.noise = gains[:, None, None] * self._known_noise
        elif self.linearised is not None:
            self.noise = self.linearised.noise(self._image, gains)


class BlockSolver(GaussNewton, Generic[AnyBlocks]):
    """Refines transforms of one level with a gain and offset per block.

    Parameters
    ----------
    motion : Motion
        Of the model, around the reference level.
    linearise : callable
        Linearises blocks of the reference over the pixels that are seen.
    epsilon : float
        Stop when the ECC changes by less.
    least : float
        Share of the blocks' pixels that must see the moving image.
    """

    def __init__(
        self,
        motion: Motion,
        linearise: Linearise[AnyBlocks],
        *,
        epsilon: float,
        least: float = MIN_OVERLAP,
    ) -> None:
        super().__init__(motion, epsilon=epsilon, least=least)
        self._linearise = linearise
        self._parts: list[_Part[AnyBlocks]] = []
        self._last: tuple[Step, float] | None = None

    def add(
        self,
        blocks: AnyBlocks,
        sample: Sampler,
        noise: Array | None = None,
        *,
        seen: bool = False,
    ) -> None:
        """Add blocks of the reference level, and what samples the moving level on them.

        Perhaps with the noise of the reference's gradients, (n, p, p), as another image has told.
        All of them are likely to be `seen`.
        """
        part = _Part(blocks, sample, self._linearise, noise)
        if seen and blocks.valid is None:
            part.linearised = self._linearise(blocks, None)
        self._parts.append(part)

    @property
    def moves(self) -> BlockMoves | None:
        """How the blocks fit where the last run ended; None where that is not known."""
        parts, motion, last = self._parts, self._motion, self._last
        fits = [part.last for part in parts if part.last is not None]
        noise = [part.noise for part in parts if part.noise is not None]
        known = parts and len(fits) == len(noise) == len(parts)
        if last is None or not known or not isinstance(motion, PlaneMotion):
            return None
        return block_moves(
            chained([part.blocks.centres for part in parts]),
            parts[0].blocks.values.shape[-1],
            fits,
            chained(noise),
            last[0].limited(self._limit),
            motion,
        )

    def _step(self, matrix: Array) -> Generator[None, None, Step | None]:
        unsampled, self._unsampled_step = self._unsampled_step, None
        equations = yield from self._equations(matrix, unsampled)
        if equations is None:
            return None
        normal = self._without_noise(equations.normals.sum(0), equations)
        delta = pseudoinverse(normal) @ equations.scores.sum(0)
        step = Step(
            equations.normals,
            equations.scores,
            normal,
            delta,
            self._motion.jacobian(matrix),
            equations.ecc,
            equations.gain,
        )
        self._last = step, equations.noise
        return step

    def has_departed(self, shifts: list[int], scale: float) -> bool:
        """Tell whether half of the blocks lie clearly elsewhere than where a step puts them.

        Parameters
        ----------
        shifts : list of int
            Which two parameters shift the image along x and y.
        scale : float
            A pixel of the level in px of level 0.
        """
        distance, sigmas = self._departure(shifts)
        return distance * scale > _DEPARTED and sigmas > _DEPARTED_SIGMAS

    def _departure(self, shifts: list[int]) -> tuple[float, float]:
        """Return how far the typical block lies from where the last step puts it.

        In px of the level, and in standard deviations of what noise makes of it.
        """
        if self._last is None:
            return 0.0, 0.0
        step, noise = self._last
        x, y = shifts
        left = step.scores - step.normals @ step.delta
        xx, xy, yy = step.normals[:, x, x], step.normals[:, x, y], step.normals[:, y, y]
        determinant = xx * yy - xy**2
        used = determinant > _FLATTEST * (xx + yy) ** 2
        if not used.any():
            return 0.0, 0.0
        by_x, by_y, scale = left[:, x], left[:, y], np.where(used, determinant, 1.0)
        along, across = (yy * by_x - xy * by_y) / scale, (xx * by_y - xy * by_x) / scale
        distances = self._motion.radius * np.hypot(along, across)[used]
        excess = (along * by_x + across * by_y)[used] / max(CORRELATED * noise, 1e-30)
        return middle(distances), float(np.sqrt(max(0.0, middle(excess))))

    @property
    def scattered(self) -> bool:
        """Whether the blocks disagree by more than noise makes them, for what one image lacks."""
        if self._last is None or abs(self._last[0].ecc) > ALIKE:
            return False
        step, noise = self._last
        by_noise = step.at_corners(pseudoinverse(step.normal) * (CORRELATED * noise))
        accident = _CLEAR_SIGMAS / np.sqrt(2 * len(step.normals))
        return bool(step.uncertainty[1] > (1 + accident) * by_noise)

    @property
    def folded(self) -> bool:
        """Whether values are a curve of each other that rises and falls.

        What that leaves may be alike in all blocks, and shift them alike.
        """
        if self._last is None or abs(self._last[0].ecc) > ALIKE:
            return False
        every = sparsest(sum(part.blocks.values.size for part in self._parts), _PIXELS)
        own, other = zip(*(part.both(every) for part in self._parts), strict=True)
        return is_folded(np.concatenate(own), np.concatenate(other))

    def _equations(
        self, matrix: Array, unsampled_step: Array | None
    ) -> Generator[None, None, Equations | None]:
        """Fit all parts at `matrix`; None where they see too little.

        Those that were fitted before a last step that led there are not sampled again.
        """
        fits = []
        for part in self._parts:
            fit = None if unsampled_step is None else part.fit_after(unsampled_step)
            fits.append(fit or part.fit(matrix))
            yield
        used = sum(part.linearised.count.sum() for part in self._parts if part.linearised)
        if used < self._least * sum(part.blocks.values.size for part in self._parts):
            return None
        equations = combined(fits)
        return equations if np.isfinite(equations.ecc) else None

    def _without_noise(self, normal: Array, equations: Equations) -> Array:
        """Return the normal matrix without the noise of the reference's gradients.

        The noise of a part is measured once the solution is close.
        """
        first = 0
        for part in self._parts:
            after = first + len(part.blocks.centres)
            if part.noise is None or self._convergence.moved > CLOSE:
                part.measure_noise(equations.gains[first:after])
            first = after
        noise = chained([part.noise for part in self._parts if part.noise is not None])
        # In a third of the time of `tensordot`.
        weights = equations.weights * equations.gains
        summed = (weights @ noise.reshape(len(noise), -1)).reshape(normal.shape)
        return without_noise(normal, summed)


def without_noise(normal: Array, noise: Array) -> Array:
    """Return the normal matrix without noise, of which every direction keeps at least a tenth."""
    if _is_positive(noise) and _is_positive(_MOST_NOISE * normal - noise):
        return normal - noise
    try:
        root = np.linalg.cholesky(normal + 1e-9 * np.trace(normal) * np.eye(len(normal)))
    except np.linalg.LinAlgError:
        return normal
    inverse = np.linalg.inv(root)
    values, vectors = eigen(inverse @ noise @ inverse.T)
    kept = (vectors * (1 - np.clip(values, 0, _MOST_NOISE))) @ vectors.T
    return np.asarray(root @ kept @ inverse @ normal)


def _is_positive(matrix: Array) -> bool:
    """Tell whether a matrix, which is symmetric but for rounding, has no negative eigenvalue."""
    return bool(eigen((matrix + matrix.T) / 2)[0][0] >= 0)
