"""Evidence made by hand: what a test does not name is as of an alignment that is right."""

import numpy as np

from napari_ecc_align._verdict.evidence import Evidence
from napari_ecc_align._verdict.residual_pattern import ResidualPattern
from napari_ecc_align._verdict.rival import NO_RIVAL, Rival
from napari_ecc_align._verdict.rules import judge
from napari_ecc_align._verdict.second_motion import SecondMotion
from napari_ecc_align._verdict.shifted_rival import WholeFit
from napari_ecc_align._verdict.tile_matching import Tiles

SHAPE = (400, 500)
SIDE = 40.0
REPEAT = "The images repeat: another place fits almost as well ({} of the correlation)."


def grid_of(count, shape=SHAPE, margin=60.0):
    """Return the centres of so many tiles side by side, spread over the image, shape (n, 2)."""
    columns = max(1, int(np.ceil(np.sqrt(count * shape[1] / shape[0]))))
    rows = -(-count // columns)
    x = np.linspace(margin, shape[1] - margin, columns)
    y = np.linspace(margin, shape[0] - margin, rows)
    return np.stack([axis.ravel() for axis in np.meshgrid(x, y)], axis=1)[:count]


def scattered(count, radius=5.0):
    """Return displacements of one length that have no direction in common, shape (n, 2)."""
    angles = 2.4 * np.arange(count)
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def rival(likeness, here=0.9):
    """Return another place that correlates so well relative to here."""
    return Rival(here, likeness * here)


def make_tiles(agreeing=16, tested=16, *, places=None, moves=None, fits=0.9, sigma=0.1, **known):
    """Return tiles, of which the first `agreeing` lie where they fit; or those of given moves."""
    if moves is None:
        moves = scattered(tested)
        moves[:agreeing] = 0
    moves = np.asarray(moves, float)
    tested = len(moves)
    radius = known.get("radius", 1.5)
    values = {
        "tested": tested,
        "independent": float(tested),
        "agreeing": int((np.hypot(*moves.T) <= radius).sum()),
        "displacements": np.hstack([grid_of(tested) if places is None else places, moves]),
        "uncertainties": np.full(tested, sigma),
        "fits": np.broadcast_to(np.asarray(fits, float), (tested,)),
        "offset": (0.0, 0.0),
        "rival": rival(0.3),
        "fit": 0.9,
        "chance": 0.05,
        "chance_fit": 0.0,
        "reach": 10.0,
        "radius": radius,
        "side": SIDE,
    }
    return Tiles(**{**values, **known})


def make_wide(agreeing=16, tested=16, **known):
    """Return tiles of half the resolution, which see farther."""
    return make_tiles(
        agreeing, tested, **{"radius": 3.0, "reach": 40.0, "side": 2 * SIDE, **known}
    )


def make_pattern(**known):
    """Return a pattern that says nothing against the motion model."""
    values = {
        "displaced": 0,
        "corner_shift": 0.05,
        "corner_sigma": 0.1,
        "freer_sigma": 0.2,
        "largest": 0.0,
        "where": "",
        "scatter": 0.05,
        "misplaced_share": 0.0,
        "shared": 0.0,
    }
    return ResidualPattern(**{**values, **known})


def make_evidence(**known):
    """Return evidence of an alignment that is right."""
    values = {
        "ecc": 0.95,
        "corner_uncertainty": 0.02,
        "model": "affine",
        "shape": SHAPE,
        "fine": make_tiles(),
        "wide": make_wide(),
        "pattern": make_pattern(),
        "displaced_wide": 0,
        "motion": np.array([[1, 0, 20.0], [0, 1, 10.0], [0, 0, 1]]),
        "still": 0,
        "whole": WholeFit(rival(0.3)),
        "turned": NO_RIVAL,
        "second": None,
    }
    return Evidence(**{**values, **known})


def verdict_of(**known):
    """Return the verdict and the reason of evidence."""
    found = judge(make_evidence(**known))
    return found.verdict, found.reason


def other(x, y, precision=3.0, spread=0.8, share=0.2):
    """Return a second motion by so many px."""
    there = np.array([x, y], float)
    return SecondMotion(there, share, 30.0, precision, spread, np.hypot(x, y), first=0.6)


def moved(x, y):
    """Return a shift by so many px, shape (3, 3)."""
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])
