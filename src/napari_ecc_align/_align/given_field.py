"""Judging a field that was given: how far it lies from the one that the images find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .._transform.bent_map import BentMap
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
    along = [np.linspace(0, length - 1.0, _ASKED[axes]) for length in shape]
    places = np.stack(np.meshgrid(*along, indexing="ij")[::-1], axis=-1).reshape(-1, axes)
    there = given(places)
    wide = np.c_[places, np.ones(len(places))]
    start = np.vstack([np.linalg.lstsq(wide, there, rcond=None)[0].T, np.eye(axes + 1)[-1]])
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
        f"It lies {middle:.2g} px from where the images fit, in nine places of ten less than "
        f"{most:.2g} px. Where they fit: {found.reason}"
    )
    if axes == 3:
        reason = reason.replace("the images", "the volumes", 1)
    spread = np.where(known, np.hypot(sigma, np.linalg.norm(gaps, axis=1)), np.inf)
    grid = spread.reshape(*map(len, along), 1) / np.sqrt(axes)
    told = replace(given, sigma=np.repeat(grid, axes, axis=-1))  # type: ignore[type-var]
    return replace(found, transform=told, verdict=verdict, reason=reason, start=GIVEN)
