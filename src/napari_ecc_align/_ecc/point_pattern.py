"""Initial guesses from patterns of blobs, such as stars, beads or nuclei that all look alike."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._common.opencv import cv2
from .._images.pyramid.levels import Level, floats, middle
from .._transform.coordinates import map_points, scaled
from .._transform.models import Array, Model
from .consensus import FEWEST, consensus

Indices: TypeAlias = NDArray[np.intp]

# So many blobs are paired with each other: of 28 that half share, 180 pairs vote for one motion,
# where the votes of patterns that have nothing in common gather 8 to 30.
_MOST = 28
# Radii of blobs, px: a blob is found at the one that suits it best. Its surroundings reach twice
# as far.
_RADII = (1.5, 3.0, 6.0)
# Blobs nearer to each other tell no direction.
_NEAREST = 8.0
# How far the length of a pair may be off for the places of both its blobs, px.
_OFF = 1.5
_SCALES = 1.25
# Votes within so much of a turn (radians), of a scale and of a shift (px) are for one motion.
_CELL = (np.deg2rad(4.0), 0.03, 6.0)
# Of the cells with most votes, so many are fitted.
_CELLS = 2


@dataclass(frozen=True, eq=False)
class _Pattern:
    """The most prominent blobs of an image, and their ordered pairs by growing length.

    Places are (n, 2), (x, y) in px; signs 1 for bright and -1 for dark. Pairs have indices of the
    blobs where they start and end, directions in radians and lengths in px.
    """

    places: Array
    signs: Indices
    starts: Indices
    ends: Indices
    directions: Array
    lengths: Array


def initial_guesses(
    reference: Level, moving: Level, model: Model
) -> Generator[None, None, list[Array]]:
    """Return transforms (px of level 0) that lay most blobs on each other, for either contrast.

    Pairs of blobs that are equally long in both images vote for a turn, a scale and a shift [1]_,
    [2]_. Yields after every image and every vote. They may be freer than the model.

    References
    ----------
    .. [1] D. H. Ballard, "Generalizing the Hough transform to detect arbitrary shapes", Pattern
       Recognition 13(2), 1981.
    .. [2] E. J. Groth, "A pattern-matching algorithm for two-dimensional coordinate lists", The
       Astronomical Journal 91, 1986.
    """
    pattern = _pattern(reference)
    yield
    other = _pattern(moving)
    yield
    if min(len(pattern.places), len(other.places)) < FEWEST:
        return []
    similar = _similar(pattern, other, 1.0 if model.name == "euclidean" else _SCALES)
    yield
    out = []
    for sign in (1, -1):
        for motion in _voted(pattern, other, similar, sign):
            matrix = _fit(pattern, other, motion, sign, model)
            if matrix is not None:
                out.append(scaled(matrix, 2.0**reference.index))
        yield
    return out


def _pattern(level: Level) -> _Pattern:
    level, origin = middle(level)
    image, valid = level.whole()
    blurred = [cv2.GaussianBlur(image, (0, 0), radius) for radius in (*_RADII, 2 * _RADII[-1])]
    # How much brighter (or, below 0, darker) each place is than its surroundings.
    responses = [floats(inner - outer) for inner, outer in pairwise(blurred)]
    strength = np.abs(responses).max(0)
    around = np.ones((5, 5), np.uint8)
    top = (strength == cv2.dilate(strength, around)) & (strength > 0)
    if valid is not None:
        top &= cv2.erode(valid.view(np.uint8), around).view(bool)
    rows, columns = np.nonzero(top)
    best = np.argsort(strength[rows, columns])[::-1][:_MOST]
    rows, columns = rows[best], columns[best]
    signed = np.array([response[rows, columns] for response in responses])
    places = np.column_stack([columns, rows]) + origin

    starts, ends = np.nonzero(~np.eye(len(places), dtype=bool))
    x, y = (places[ends] - places[starts]).T
    lengths = np.hypot(x, y)
    order = np.argsort(lengths)[np.count_nonzero(lengths < _NEAREST) :]
    return _Pattern(
        places,
        np.where(signed.max(0) >= -signed.min(0), 1, -1),
        starts[order],
        ends[order],
        np.arctan2(y, x)[order],
        lengths[order],
    )


def _similar(pattern: _Pattern, other: _Pattern, most: float) -> tuple[Indices, Indices]:
    """Return indices of pairs of both, whose lengths agree up to a factor of `most`."""
    first = np.searchsorted(other.lengths, pattern.lengths / most - _OFF)
    last = np.searchsorted(other.lengths, pattern.lengths * most + _OFF)
    counts = last - first
    own = np.repeat(np.arange(len(counts)), counts)
    before = np.repeat(np.cumsum(counts) - counts - first, counts)
    return own, np.arange(len(own)) - before


def _voted(
    pattern: _Pattern, other: _Pattern, similar: tuple[Indices, Indices], sign: int
) -> list[Array]:
    """Return the (3, 3) similarities that most pairs vote for, all of one contrast."""
    own, theirs = similar
    kinds, others_kinds = (
        found.signs[found.starts] + 3 * found.signs[found.ends] for found in (pattern, other)
    )
    alike = kinds[own] == sign * others_kinds[theirs]
    own, theirs = own[alike], theirs[alike]

    # Points of the plane as complex numbers: a turn with a scale is one factor.
    places, others = (found.places @ [1, 1j] for found in (pattern, other))
    centre = places.mean()
    turns = np.mod(other.directions[theirs] - pattern.directions[own], 2 * np.pi)
    scales = np.log(other.lengths)[theirs] - np.log(pattern.lengths)[own]
    ways, others_ways = (
        found.lengths * np.exp(1j * found.directions) for found in (pattern, other)
    )
    factors = others_ways[theirs] * (1 / ways)[own]
    shifts = others[other.starts][theirs] - factors * (places - centre)[pattern.starts][own]

    turn, scale, shift = _CELL
    votes = [turns / turn, scales / scale, shifts.real / shift, shifts.imag / shift]
    cells = np.round(votes).astype(np.int64) + 2**15
    keys = cells[0] << 48 | cells[1] << 32 | cells[2] << 16 | cells[3]
    found, counts = np.unique(keys, return_counts=True)
    out = []
    for _ in range(min(_CELLS, len(counts))):
        most = counts.argmax()
        here, counts[most] = keys == found[most], 0
        factor = factors[here].mean()
        at = shifts[here].mean() - factor * centre
        rows = [factor.real, -factor.imag, at.real], [factor.imag, factor.real, at.imag]
        out.append(np.array([*rows, [0, 0, 1]]))
    return out


def _fit(
    pattern: _Pattern, other: _Pattern, motion: Array, sign: int, model: Model
) -> Array | None:
    """Fit the model to the blobs that a motion lays near one of the same kind."""
    mapped = map_points(motion, pattern.places)
    apart = np.linalg.norm(mapped[:, None] - other.places, axis=-1)
    apart[pattern.signs[:, None] * other.signs != sign] = np.inf
    nearest = apart.argmin(1)
    near = apart[np.arange(len(nearest)), nearest] < _CELL[2]
    return consensus(pattern.places[near], other.places[nearest[near]], model)
