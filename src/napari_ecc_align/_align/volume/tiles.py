"""Independent evidence: do small blocks of a volume, each on its own, find it right too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..._common.quantiles import middle, quantile
from ..._images.pyramid.levels import Floats
from ..._transform.models import Array
from ..._verdict.limits import (
    AGREEMENT_RADIUS,
    CLEAR,
    CLEAR_SIGMAS,
    LARGEST_UNCERTAINTY,
    LEAST_AGREEING,
    LEAST_LIKE,
    RIGHT,
)
from .blocks import BlockSampler, patches, smoothed
from .levels import VolumeLevel
from .motion import Shape, scaled
from .tile_choice import BlockChoice, side_for
from .tile_surfaces import highest_rival, peaks, template_surfaces

# Of a level's shortest voxels, a tile has so many on a side, a sixth of the volume's shortest. It
# is looked for within half of that.
_SMALLEST, _LARGEST, _ALONG = 8, 14, 6
FIRST_TILES, MOST_TILES = 20, 48
# So many are matched between two looks at whether to go on.
_TOGETHER = 8
_FLAT = 1e-5
_LARGEST_FIT = 0.9999
# Wrong places: so many times as far away as tiles are looked for, in the eight directions between
# the axes.
_FARTHEST = 3.0, 4.5
# So many standard deviations of what is found at wrong places stand out of them: of what is to be
# expected of a tile, and of what it shows.
_TO_SHOW, _CLEARLY = 2.5, 3.0
# Of those that agree, the ones that happen to have little noise are more than their share.
_NOISY = 0.75


@dataclass(frozen=True, eq=False)
class VolumeTiles:
    """What small blocks of the reference say of an alignment, each on its own.

    Lengths are in the unit of the reference's spacing, axes in the order (x, y, z).

    Attributes
    ----------
    tested : int
        Tiles with enough detail to be matched.
    agreeing : int
        Those that fit best where they are.
    displacements : ndarray of float64, shape (tested, 6)
        Centre (x, y, z) of each in the reference, and by how much (dx, dy, dz) it fits best
        elsewhere.
    uncertainties : ndarray of float64, shape (tested,)
        One sigma of each displacement in its least certain direction; infinite at the border of
        what was searched.
    fits : ndarray of float64, shape (tested,)
        Normalised correlation of each at its best.
    contrasts : ndarray of float64, shape (tested,)
        Variance of each in the reference, slightly smoothed.
    rival : float
        Joint fit at the best other place, relative to that here.
    chance : float
        Share of tiles that would agree by chance.
    reach, radius : float
        How far tiles were looked for, and within how much they agree.
    telling : ndarray of bool, shape (tested,)
        Those whose detail stands out of the noise so far that they show it where it is.
    clear_fit : float
        Correlation that tiles do not reach at wrong places.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.ndimage import gaussian_filter
    >>> from napari_ecc_align import align_volume
    >>> volume = gaussian_filter(np.random.default_rng(0).normal(size=(48, 48, 48)), 2)
    >>> tiles = align_volume(volume[2:], volume[:-2], model="translation").tiles
    >>> int(tiles.agree.sum()) == tiles.agreeing == tiles.tested, tiles.share, tiles.clear
    (True, 1.0, True)
    >>> bool(tiles.telling.all()), bool((tiles.expected > 0.9).all()), tiles.clear_fit
    (True, True, 1.0)
    >>> len(tiles.contrasts) == len(tiles.uncertainties) == len(tiles.fits) == tiles.tested
    True
    >>> bool(tiles.comparable.all()), bool(tiles.elsewhere.any())
    (True, False)
    """

    tested: int
    agreeing: int
    displacements: NDArray[np.float64]
    uncertainties: NDArray[np.float64]
    fits: NDArray[np.float64]
    contrasts: NDArray[np.float64]
    rival: float
    chance: float
    reach: float
    radius: float
    telling: NDArray[np.bool_]
    clear_fit: float = 1.0

    @property
    def agree(self) -> NDArray[np.bool_]:
        """Which tiles fit best where they are, shape (tested,)."""
        return np.asarray(np.linalg.norm(self.displacements[:, 3:], axis=1) <= self.radius)

    @property
    def expected(self) -> NDArray[np.float64]:
        """The correlation to expect of each where it belongs, shape (tested,).

        What agreeing ones leave unexplained is noise, and it is the same in all.
        """
        noise = quantile((self.contrasts * (1 - self.fits))[self.agree], _NOISY)
        return np.asarray(1 - noise / np.maximum(self.contrasts, 1e-30))

    @property
    def share(self) -> float:
        """Share of the telling tiles that agree; of all where those are too few to say."""
        few = int(self.telling.sum()) < LEAST_AGREEING
        said = self.agree if few else self.agree[self.telling]
        return float(said.mean()) if len(said) else 0.0

    @property
    def comparable(self) -> NDArray[np.bool_]:
        """Which tiles fit about as well as those that agree, wherever they do, shape (tested,)."""
        # One that fits best elsewhere, and much less well, shows something else.
        typical = middle(self.fits[self.agree]) if self.agreeing else 1.0
        return np.asarray(self.fits >= LEAST_LIKE * typical)

    @property
    def elsewhere(self) -> NDArray[np.bool_]:
        """Which tiles fit as well as those that agree, but elsewhere, shape (tested,)."""
        return self.comparable & ~self.agree

    @property
    def clear(self) -> bool:
        """Whether so many agree that more need not be asked."""
        return self.tested >= FIRST_TILES and self.agreeing >= CLEAR * self.tested


class TileMatcher:
    """Matches tiles of one level of a pair of volumes.

    Parameters
    ----------
    reference, moving : list of VolumeLevel
    index : int
        The level.
    matrix : (4, 4) array
        Between voxels of level 0; tiles are chosen that lie on the moving volume there.
    inverted : bool
        The moving volume is a negative of the reference.
    asked : callable, optional
        Called often; what it raises ends the matching.
    """

    def __init__(
        self,
        reference: list[VolumeLevel],
        moving: list[VolumeLevel],
        index: int,
        matrix: Array,
        *,
        inverted: bool,
        asked: Callable[[], object] = lambda: None,
    ) -> None:
        self._asked = asked
        self._level, self._other = reference[index], moving[index]
        self._sign = -1 if inverted else 1
        side = side_for(self._level, _SMALLEST, _LARGEST, _ALONG)
        self._reach = side // 2
        choice = BlockChoice.of(
            reference, moving, index, matrix, reach=self._reach, side=side, most=MOST_TILES
        )
        self._voxels, origins = choice.around, choice.origins
        asked()
        ring = 2
        values, valid = smoothed(
            patches(self._level, origins.astype(int) - ring, _larger(choice.shape, ring))
        )
        cut = (slice(None), *(slice(ring, -ring),) * 3)
        self._templates = np.ascontiguousarray(values[cut])
        asked()
        usable = _extent(self._templates) > _FLAT * max(
            1e-30, float(_extent(values).max(initial=0))
        )
        if valid is not None:
            usable &= valid[cut].all(axis=(1, 2, 3))
        self._templates, self._origins = self._templates[usable], origins[usable]
        self._shape = choice.shape

    def asked(self, matrix: Array) -> VolumeTiles:
        """Return what the tiles say of a matrix between voxels of level 0."""
        some = self._matched(matrix, slice(0, FIRST_TILES))
        if len(self._origins) <= FIRST_TILES:
            return self._weighed(*some)
        said = self._weighed(*some)
        if said.clear and not said.elsewhere.any() and not self._scattered(said):
            return said
        self._asked()
        more = self._matched(matrix, slice(FIRST_TILES, None))
        surfaces, numbers = np.concatenate([some[0], more[0]]), np.append(some[1], more[1])
        return self._weighed(surfaces, numbers)

    def _scattered(self, said: VolumeTiles) -> bool:
        """Tell whether tiles that agree lie off by more than they are uncertain, so as to matter.

        A volume that bends is like that: how it does, more tiles tell. In voxels: along those that
        are longer it takes more to be off.
        """
        known = said.agree & np.isfinite(said.uncertainties)
        moved = said.displacements[known, 3:] / self._level.spacing[::-1]
        off = np.sqrt((moved**2).sum(axis=1).mean())
        sigma = np.sqrt((said.uncertainties[known] ** 2).mean()) / self._level.spacing.min()
        return bool(off > max(CLEAR_SIGMAS * sigma, RIGHT * LARGEST_UNCERTAINTY))

    def with_sampled_chance(self, said: VolumeTiles, matrix: Array) -> VolumeTiles:
        """Return what tiles say with the share that agrees at wrong places of the same volumes.

        As `napari_ecc_align._verdict.wrong_places`.
        """
        if said.clear or said.agreeing < LEAST_AGREEING:
            return said
        agreeing = tested = 0
        fits = []
        for k, signs in enumerate(np.ndindex(2, 2, 2)):
            self._asked()
            direction = (2 * np.array(signs) - 1) / np.sqrt(3)
            far = _FARTHEST[k % 2] * self._reach * self._level.frame.unit
            moved = matrix.copy()
            length = direction * far / (self._level.spacing / self._level.step)
            moved[:3, 3] += matrix[:3, :3] @ length
            surfaces, _ = self._matched(moved, slice(0, FIRST_TILES))
            if not len(surfaces):
                continue
            found, heights, _ = peaks(surfaces)
            fits.append(heights)
            joint = peaks(surfaces.mean(axis=0, keepdims=True))[0][0]
            ratio = self._level.spacing / self._level.frame.unit
            if (np.abs(joint - self._voxels) * ratio > self._reach - AGREEMENT_RADIUS).any():
                # All point to where they belong, beyond what was searched.
                continue
            apart = np.linalg.norm((found - joint) * ratio, axis=1)
            agreeing += int((apart <= AGREEMENT_RADIUS).sum())
            tested += len(surfaces)
        # As if one had agreed before, as rarely as the room alone has it.
        chance = max(said.chance, (agreeing + 1) / (tested + 1 / said.chance))
        if not fits:
            return replace(said, chance=chance)
        scores = np.arctanh(np.clip(np.concatenate(fits), 0, _LARGEST_FIT))
        show, clear = np.tanh(np.median(scores) + np.array([_TO_SHOW, _CLEARLY]) * scores.std())
        return replace(said, chance=chance, telling=said.expected > show, clear_fit=float(clear))

    def _matched(self, matrix: Array, part: slice) -> tuple[Floats, NDArray[np.int_]]:
        """Return the correlation of tiles around where a matrix puts them, and which they are."""
        numbers = np.arange(len(self._origins))[part]
        surfaces = [np.empty((0, *(2 * self._voxels + 1).tolist()), np.float32)]
        seen = [numbers[:0]]
        for first in range(0, len(numbers), _TOGETHER):
            self._asked()
            some, which = self._correlated(matrix, numbers[first : first + _TOGETHER])
            surfaces.append(some)
            seen.append(which)
        return np.concatenate(surfaces), np.concatenate(seen)

    def _correlated(
        self, matrix: Array, numbers: NDArray[np.int_]
    ) -> tuple[Floats, NDArray[np.int_]]:
        origins, templates = self._origins[numbers], self._templates[numbers]
        shape = tuple(n + 2 * int(r) for n, r in zip(self._shape, self._voxels, strict=True))
        local = scaled(matrix, self._other.step, self._level.step)
        regions = BlockSampler(self._other, origins - self._voxels, shape)(local)
        seen = np.isfinite(regions).all(axis=(1, 2, 3))
        surfaces = self._sign * template_surfaces(regions[seen], templates[seen])
        return surfaces, numbers[seen]

    def _weighed(self, surfaces: Floats, numbers: NDArray[np.int_]) -> VolumeTiles:
        level = self._level
        centres = self._origins[numbers] + (np.array(self._shape) - 1) / 2
        lengths = level.spacing
        unit = level.frame.unit
        found, heights, sigmas = peaks(surfaces, lengths / unit, int(np.prod(self._shape)))
        moved = (found - self._voxels) * lengths
        room = float(np.prod(((2 * self._voxels + 1) * (lengths / unit))[self._voxels > 0]))
        agree = np.linalg.norm(moved, axis=1) <= AGREEMENT_RADIUS * unit
        return VolumeTiles(
            tested=len(surfaces),
            agreeing=int(agree.sum()),
            displacements=np.hstack([(centres * lengths)[:, ::-1], moved[:, ::-1]]),
            uncertainties=sigmas * unit,
            fits=heights,
            contrasts=self._templates[numbers].var(axis=(1, 2, 3), dtype=np.float64),
            rival=highest_rival(surfaces, lengths / unit),
            chance=min(0.5, 4 / 3 * np.pi * AGREEMENT_RADIUS**3 / room),
            reach=self._reach * unit,
            radius=AGREEMENT_RADIUS * unit,
            telling=np.ones(len(surfaces), bool),
        )


def _larger(shape: Shape, ring: int) -> Shape:
    return tuple(n + 2 * ring for n in shape)


def _extent(tiles: Floats) -> Floats:
    axes = (1, 2, 3)
    return np.asarray(tiles.max(axis=axes) - tiles.min(axis=axes))
