"""Limits that several parts of the verdict share, so that one notion has one number."""

from __future__ import annotations

from math import sqrt
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Correlation = TypeVar("Correlation", float, NDArray[np.float64])

WRONG = 1.0
"""In px: what is farther off is wrong, and what moved by less lies where it did."""
RIGHT = WRONG / 2
"""In px: what is right is right to that, and less is not worth a sentence."""
AGREEMENT_RADIUS = WRONG + RIGHT
"""A tile agrees when the pixel (of its level) at which it fits best is no farther off."""
SAME_PLACE = 2 * AGREEMENT_RADIUS
"""Nearer (px of the level, of the corners their RMS) it is the same place, less exactly."""
LARGEST_UNCERTAINTY = WRONG / 3
"""One sigma in px: three of them must not make what is wrong."""
TIMES_BY_EDGES = 2.0
"""Of images that differ in kind, edges may lie so many times as far apart, by three sigma."""
LEAST_PART = 0.1
"""What moves otherwise counts if it is more than such a part of what is left, or of the image."""
LIKE = 1 - LEAST_PART
"""Images that correlate like this, or like this share of what they do elsewhere, are alike."""
LEAST_LIKE = 2 / 3
"""Most: of tiles, or of how well images correlate. What correlates less than here is no rival."""
MINOR = 1 - LEAST_LIKE
"""What is no more than this share of something else is told, and not what is meant."""
TIMES_LEFT = 2.0
"""What leaves so many times as much unexplained is worse, however well both correlate."""
KNOWN_TO = 0.005
"""By so much correlations differ for where between the pixels a peak lies."""
CLEAR_SIGMAS = 2.5
"""So many sigmas from zero is no accident, of a transform fitted to tiles: one in eighty."""
CLEAR = LIKE
"""Nearly all: where this share of the tiles agrees, the others are no question."""
LEAST_SHARE = 0.03
"""A share of the detail below this is what interpolation and rasters leave."""
LEAST_AGREEING = 4
"""As many points as determine a homography."""
LEAST_TILES = 6
"""Twice as many equations as an affine displacement has unknowns."""
SECOND_PIXELS = 100_000
"""Of a level on which a second motion is looked for: 316 by 316."""
WHOLE_PIXELS = 40_000
"""Of a level of which the whole is moved, turned and enlarged: 200 by 200."""
MOST_RIVALS = 4
"""So many of the best other places, or turns, are looked at closer."""
MOST_PIXELS = round((2 * KNOWN_TO) ** -2)
"""What so many tell together is known to a hundredth, which is twice that."""
DIRECTIONS = 8
"""In which it is asked what lies there."""
ITERATIONS = 12
"""Of a refinement that starts near where it ends."""


def least_like(here: Correlation, known_to: float = 0.0) -> Correlation:
    """Return what correlates more than this where another place leaves not twice as much."""
    return 1 - TIMES_LEFT * (1 - here) - known_to


def beyond(distance: float, sigma: float) -> float:
    """Return which part of a distance, in quadrature, is no accident of its sigma."""
    return sqrt(max(0.0, distance**2 - (CLEAR_SIGMAS * sigma) ** 2))
