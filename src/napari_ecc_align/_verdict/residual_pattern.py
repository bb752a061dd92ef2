"""What the tiles' displacements say of the motion model: does it suffice, and where not."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .._common.opencv import cv2
from .._common.quantiles import middle
from .._transform.coordinates import corners
from .limits import LEAST_AGREEING, LEAST_LIKE, LEAST_TILES, RIGHT, WRONG, beyond
from .neighbours import LEAST_DISPLACED, like_neighbours, neighbours, shared_with
from .peaks import PEAK_ERROR
from .tile_matching import Tiles

Array = NDArray[np.float64]

# A displacement of so many sigmas stands out: of 40 tiles hardly one does by chance.
SIGMAS = 4.0
# Parameters of an affine displacement, one with perspective, a quadratic and a cubic one.
_FREEDOMS = (6, 8, 12, 20)
# Reweighting as often settles to well below a sigma.
_REWEIGHTINGS = 4


@dataclass(frozen=True)
class ResidualPattern:
    """How the tiles' displacements depart from zero.

    Attributes
    ----------
    displaced : int
        Tiles that, with their neighbours, fit well but elsewhere.
    corner_shift : float
        RMS distance in px by which a freer motion would move the corners: one fitted to the
        tiles or, where they say little, to all pixels.
    corner_sigma : float
        One sigma of that.
    freer_sigma : float
        One sigma of the corners of the freest such motion, a homography or, where that is not
        known to a pixel, an affine motion; infinite where none is determined.
    largest : float
        Largest displacement in px that stands out of its uncertainty and is shared by neighbours.
    where : str
        The part of the image where it is, such as "upper left".
    scatter : float
        RMS displacement in px of the tiles that agree, per axis, beyond their own uncertainty.
    misplaced_share : float
        Share of the tiles that fit well which, as their neighbours, fit best more than a pixel
        from where they lie, beyond doubt; 0 where those are so few that something may have moved.
    shared : float
        RMS displacement in px that tiles have in common with their neighbours: what no noise
        makes, whatever its shape is. 0 where it is not beyond doubt.
    """

    displaced: int
    corner_shift: float
    corner_sigma: float
    freer_sigma: float
    largest: float
    where: str
    scatter: float
    misplaced_share: float
    shared: float

    @property
    def bends(self) -> bool:
        """Whether tiles depart from where they lie in a way that no freer motion explains."""
        return self.shared > self._at_corners

    @property
    def contradiction(self) -> float:
        """How far (px, RMS) the tiles contradict the transform beyond doubt.

        At the corners, or where the tiles are, if that is more.
        """
        return max(self._at_corners, self.shared)

    @property
    def _at_corners(self) -> float:
        return beyond(self.corner_shift, self.corner_sigma)

    @property
    def sentence(self) -> str:
        """What the displacements say, for a person."""
        if self.largest:
            size = f"{self.largest:.1f} px"
            return f"A local deformation of up to {size} remains in the {self.where}."
        if self.bends:
            return f"Parts of the images lie {self.shared:.1f} px from where it puts them."
        return f"The model explains the images to {max(self.scatter, 0.01):.2f} px."


def residual_pattern(
    evidence: Tiles, shape: tuple[int, int], *, bent: bool = False, hull: Array | None = None
) -> ResidualPattern:
    """Look for a pattern in the displacements of the tiles.

    Parameters
    ----------
    evidence : Tiles
        Of an alignment, best at full resolution.
    shape : tuple of int
        Height and width of the reference.
    bent : bool, default: False
        Fit a quadratic and a cubic displacement, too: beyond a homography nothing else is asked.
        Of a smaller model, the next wider one is the question.
    hull : ndarray of float64, shape (n, 2), optional
        The corners (x, y) that are asked: of what both images show. Those of the frame by default.
    """
    agree = evidence.agree
    places, moves = evidence.displacements[:, :2], evidence.displacements[:, 2:]
    sizes = np.hypot(*moves.T)
    sigma = evidence.uncertainties
    typical = middle(evidence.fits[agree]) if agree.any() else 1.0
    # One that fits best elsewhere, and much less well than those that agree, shows something else.
    good = np.isfinite(sigma) & (evidence.fits >= LEAST_LIKE * typical)
    own = np.flatnonzero(good)
    beside = neighbours(places[own], evidence.side)
    near = sizes <= 2 * evidence.radius
    alike, like_one = like_neighbours(moves, own, beside)
    displaced = good & alike & ~agree
    used = good & (agree | displaced)
    # Tiles that overlap say the same twice.
    repeated = np.sqrt(evidence.tested / max(1.0, evidence.independent))
    exact = np.maximum(sigma[used], PEAK_ERROR) * repeated
    shift, corner_sigma, freer_sigma = _corner_shift(
        places[used], moves[used], exact, shape, bent, hull
    )
    # What is displaced by little is hardly so by chance: one is enough.
    certain = good & (alike | (near & like_one)) & (sizes > SIGMAS * sigma)
    clear = certain & (sizes > RIGHT)
    largest, where = 0.0, ""
    if clear.sum() >= 2:
        at = int(np.argmax(np.where(clear, sizes, 0)))
        largest, where = float(sizes[at]), part_of(places[at], shape)
    agreeing = good & agree
    excess = np.inf
    if count := int(agreeing.sum()):
        excess = float((moves[agreeing] ** 2).sum() / 2 - (sigma[agreeing] ** 2).sum()) / count
    close = np.flatnonzero(good & near)
    if len(close) < len(own):
        # Those that are left out are nobody's neighbours.
        beside = neighbours(places[close], evidence.side)
    misplaced = int((certain & (sizes > WRONG)).sum())
    return ResidualPattern(
        displaced=int(displaced.sum()),
        corner_shift=shift,
        corner_sigma=corner_sigma,
        freer_sigma=freer_sigma,
        largest=largest,
        where=where,
        scatter=float(np.sqrt(max(0.0, excess))),
        misplaced_share=misplaced / int(good.sum()) if misplaced >= LEAST_DISPLACED else 0.0,
        shared=shared_with(moves[close], beside),
    )


def _corner_shift(
    places: Array,
    moves: Array,
    sigma: Array,
    shape: tuple[int, int],
    bent: bool,
    hull: Array | None,
) -> tuple[float, float, float]:
    """Fit motions that are more and more free; return the clearest RMS at the corners.

    An affine one, one with perspective, a quadratic one, as a lens or a slope leaves, and a cubic
    one, as rows that were seen one after the other leave.

    Returns
    -------
    shift, sigma, freer_sigma : float
        In px; 0 and infinite where the tiles determine neither.
    """
    centre, half = (np.array(shape[::-1]) - 1) / 2, max(shape) / 2
    clearest, freer_sigma = (0.0, float("inf")), float("inf")
    if len(places) < LEAST_TILES:
        return *clearest, freer_sigma
    asked = corners(shape) if hull is None else hull
    freedoms = _FREEDOMS if bent else _FREEDOMS[:2]
    at_corners = _motions((asked - centre) / half, freedoms[-1])
    for columns in _designs(((places - centre) / half).tobytes(), freedoms):
        parameters = columns.shape[1]
        there = at_corners[:, :parameters]
        fit, covariance = _fitted(columns, moves.ravel(), np.repeat(sigma, 2))
        shift = float(np.sqrt(np.sum((there @ fit) ** 2) / len(asked)))
        spread = float(np.sqrt(np.sum((there @ covariance) * there) / len(asked)))
        if shift / spread > clearest[0] / clearest[1]:
            clearest = shift, spread
        if parameters == 8:
            freer_sigma = spread
    return *clearest, freer_sigma


@lru_cache(maxsize=64)
def _designs(at: bytes, freedoms: tuple[int, ...]) -> list[Array]:
    """Return what motions more and more free do at places (x, y), (2 n, p), while determined."""
    places = np.frombuffer(at).reshape(-1, 2)
    design, found = _motions(places, freedoms[-1]), []
    for parameters in freedoms:
        columns = design[:, :parameters]
        if len(places) < parameters or not _determined(columns):
            break
        found.append(columns)
    return found


def affine_of(evidence: Tiles, shape: tuple[int, int]) -> Array:
    """Return the affine motion, shape (3, 3), that most tiles make; the identity if none is."""
    places, moves = evidence.displacements[:, :2], evidence.displacements[:, 2:]
    centre, half = (np.array(shape[::-1]) - 1) / 2, max(shape) / 2
    motion = np.eye(3)
    if len(places) < LEAST_TILES:
        return motion
    design = _motions((places - centre) / half, 6)
    if _determined(design):
        fit, _ = _fitted(design, moves.ravel(), np.ones(moves.size))
        motion[:2, :2] += fit.reshape(2, 3)[:, 1:] / half
        motion[:2, 2] = fit[[0, 3]] - motion[:2, :2] @ centre + centre
    return motion


def _determined(design: Array) -> bool:
    """Tell whether the columns of a design are independent: of tiles in a line they are not."""
    _, values, _ = cv2.eigen(design.T @ design)
    return bool(values[-1, 0] >= np.finfo(float).eps * design.size * values[0, 0])


def _fitted(design: Array, seen: Array, sigma: Array) -> tuple[Array, Array]:
    """Solve by least squares with Cauchy's weights; return the solution and its covariance."""
    certain = 1 / sigma**2
    scale, left = 1.0, np.zeros(len(seen))
    for _ in range(_REWEIGHTINGS):
        # A tile that found the wrong place does not pull the fit.
        weights = certain / (1 + (left / (2 * scale)) ** 2)
        weighed = design.T * weights
        # Of so few unknowns numpy's way takes five times as long.
        inverse = cv2.invert(weighed @ design)[1]
        fit = inverse @ (weighed @ seen)
        left = np.abs(seen - design @ fit) / sigma
        scale = max(1.0, middle(left) / 0.67)
    return np.asarray(fit), np.asarray(scale**2 * inverse)


def _motions(places: Array, freedom: int) -> Array:
    """Return how parameters displace points, shape (2 n, p): six affine, two of perspective."""
    x, y = places.T
    out = np.zeros((len(x), 2, 20))
    out[:, 0, 0] = out[:, 1, 3] = 1
    out[:, 0, 1] = out[:, 1, 4] = x
    out[:, 0, 2] = out[:, 1, 5] = y
    out[:, 0, 6], out[:, 0, 7] = x * x, x * y
    out[:, 1, 6], out[:, 1, 7] = x * y, y * y
    if freedom <= 8:
        return out.reshape(-1, 20)[:, :freedom]
    # With those two, all that is quadratic.
    out[:, 0, 8], out[:, 0, 9], out[:, 1, 10], out[:, 1, 11] = x * y, y * y, x * x, x * y
    for k in range(4):
        out[:, 0, 12 + k] = out[:, 1, 16 + k] = x**k * y ** (3 - k)
    return out.reshape(-1, 20)


def part_of(place: Array, shape: tuple[int, int]) -> str:
    """Return which part of an image of shape (h, w) a place (x, y) is in, in words."""
    x, y = 3 * np.asarray(place) / np.array(shape[::-1])
    row = ("upper", "", "lower")[int(np.clip(y, 0, 2))]
    column = ("left", "", "right")[int(np.clip(x, 0, 2))]
    if row and column:
        return f"{row} {column}"
    return f"{row or column} part" if row or column else "middle"


def where_different(fine: Tiles, shape: tuple[int, int]) -> list[str]:
    """Say which part of the images differs, if much of them does."""
    different = ~fine.agree
    if fine.share > LEAST_LIKE or different.sum() < LEAST_AGREEING:
        return []
    place = np.asarray(np.median(fine.displacements[different, :2], axis=0))
    return [f"Elsewhere they differ, most in the {part_of(place, shape)}."]
