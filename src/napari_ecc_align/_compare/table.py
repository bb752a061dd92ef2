"""The table that says what an alignment changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np

from .._verdict.field_result import SmoothAlignment
from .._verdict.result import AlignmentResult
from .inspection import Inspection, Row, counted_rows


def before_after(
    result: AlignmentResult, inspection: Inspection, length: tuple[float, str] | None = None
) -> list[Row]:
    """Return the table that says what an alignment changed, the headline first.

    Parameters
    ----------
    result : AlignmentResult
        From `align`.
    inspection : Inspection
        From `inspect_alignment`, of the same images and transform.
    length : tuple of float and str, optional
        How far the corners were moved in another unit than pixels, and its name.

    Returns
    -------
    list of Row
        Each with a `label`, and the texts `before` and `after`; nothing before what was judged as
        it is.
    """
    moved, unit = with_uncertainty(inspection.corner_shift, result.corner_uncertainty), "px"
    if length is not None:
        still = inspection.corner_shift < result.corner_uncertainty
        moved, unit = f"{0 if still else length[0]:.4g} ({moved})", f"{length[1]} (px)"
    ecc = inspection.ecc_before
    before = result.ecc_before if ecc is None else ecc * (-1 if result.inverted else 1)
    rows = [
        *counted_rows(inspection),
        Row("ECC", f"{before:.4f}", f"{result.ecc:.4f}"),
        Row(f"corners moved, {unit}", "0", moved),
        Row("time, s", "", f"{result.seconds:.2g}"),
    ]
    if not result.judged:
        return rows
    sigma = result.corner_uncertainty
    rows[-2] = Row("uncertainty, px", "", f"{sigma:.2g}" if np.isfinite(sigma) else "not known")
    return [replace(row, before="") for row in rows]


def smooth_rows(result: SmoothAlignment, inspection: Inspection) -> list[Row]:
    """Return the same table of a field."""
    return [
        *counted_rows(inspection),
        Row("ECC", f"{result.ecc_before:.4f}", f"{result.ecc:.4f}"),
        Row("bends up to, px", "", f"{result.transform.largest:.2g}"),
        Row("known to 1 px on", "", f"{result.known_share:.0%}"),
        Row("uncertainty there, px", "", f"{result.uncertainty:.2g}"),
        Row("stiffness, px", "", f"{result.stiffness:.3g}"),
        Row("time, s", "", f"{result.seconds:.2g}"),
    ]


class _Judged(Protocol):
    """What says whether it was found, or given, and what tiles say of it."""

    @property
    def found(self) -> bool: ...
    @property
    def judged(self) -> bool: ...
    @property
    def tiles(self) -> object: ...


def worth_a_look(result: _Judged) -> bool:
    """Tell whether images are to be compared under the transform of a result.

    What was judged is, though it failed: it is somebody's, who may want to see why.
    """
    return result.found or (result.judged and result.tiles is not None)


def with_uncertainty(shift: float, sigma: float) -> str:
    """Return a shift and one sigma of it as text; the shift alone where that is not known."""
    return f"{shift:.2f} ± {sigma:.2g}" if np.isfinite(sigma) else f"{shift:.2f}"
