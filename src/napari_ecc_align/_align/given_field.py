"""Judging a field that was given: how far it lies from the one that the images find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .._transform.bent_map import BentMap, nearest_affine
from .._verdict.limits import WRONG
from .._verdict.result import GIVEN
from .._verdict.verdict import Verdict

Array = NDArray[np.float64]
Found = TypeVar("Found", bound=Any)

# It is looked at in so many places a side, and is right in so many of them.
_ASKED, _MOST = {2: 48, 3: 24}, 0.9


def judged_by(
    find: Callable[[Array], Found],
    given: BentMap,
    shape: tuple[int, ...],
    sizes: tuple[float, ...] = (),
) -> Found:
    """Return what is found, a `SmoothAlignment` or one of volumes, as the verdict on a field.

    Parameters
    ----------
    find : callable
        Aligns by a field, from the affine motion on that it is given: of (x, y, 1) or
        (x, y, z, 1).
    given : Field or VolumeField
    shape : tuple of int
        Of the reference.
    sizes : tuple of float
        Of the moving pixels along x, y and z, in px; ones when left out.
    """
    axes = len(shape)
    called, unit = ("images", "px") if axes == 2 else ("volumes", "voxels")
    ends = [length - 1.0 for length in shape[::-1]]
    places, there, start = nearest_affine(given, ends, _ASKED[axes])
    found = find(start)
    sigma = found.uncertainty_at(places)
    known = np.isfinite(sigma) & (sigma <= WRONG)
    if not (found.found and known.any()):
        return replace(found, transform=given, start=GIVEN)
    gaps = found.transform(places) - there
    off = np.linalg.norm(gaps * (sizes or 1.0), axis=1)
    middle, most = (float(np.quantile(off[known], share)) for share in (0.5, _MOST))
    verdict: Verdict = found.verdict
    if found.aligned and most > WRONG:
        verdict = "failed" if middle > WRONG else "doubtful"
    reason = (
        f"It lies {middle:.2g} {unit} from where the {called} fit, in nine places of ten less "
        f"than {most:.2g} {unit}. Where they fit: {found.reason}"
    )
    spread = np.where(known, np.hypot(sigma, np.linalg.norm(gaps, axis=1)), np.inf)
    grid = spread.reshape(*[_ASKED[axes]] * axes, 1) / np.sqrt(axes)
    told = replace(given, sigma=np.repeat(grid, axes, axis=-1))  # type: ignore[type-var]
    return replace(found, transform=told, verdict=verdict, reason=reason, start=GIVEN)
