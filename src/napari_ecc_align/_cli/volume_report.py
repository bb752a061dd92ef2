"""What is told, and kept, of two volumes that were aligned or judged."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from .._align.volume.bent.result import SmoothVolumeAlignment
from .._align.volume.inspection import smooth_volume_rows, volume_rows
from .._align.volume.result import VolumeAlignment
from .._common.atomic import write_atomically
from .._common.tables import INSPECTION_KEYS
from .._compare.inspection import Inspection
from .._transform.formats.own_json import document_of
from .console import say, tell
from .show import files, table, to_json, written_text

Aligned: TypeAlias = VolumeAlignment | SmoothVolumeAlignment


def tell_volumes(
    result: Aligned,
    seen: Inspection | None,
    written: Mapping[str, Path],
    notes: list[str],
    unit: str,
    chosen: argparse.Namespace,
) -> None:
    """Print what came of two volumes, and what was written."""
    if chosen.json:
        say(to_json(_report(result, seen, written, notes, unit)))
        return
    lines = [f"{result.verdict}: {result.reason}", *notes]
    if seen is not None:
        rows = (
            smooth_volume_rows(result, seen)
            if isinstance(result, SmoothVolumeAlignment)
            else volume_rows(result, seen, unit)
        )
        cells = [(row.label, row.before, row.after) for row in rows]
        lines += table([("", "before", "after"), *cells])
    lines += written_text(written)
    unwritten = not written and (chosen.out or getattr(chosen, "transform_out", None))
    tell(chosen, "\n".join([*lines, *["Nothing was written."] * bool(unwritten)]))


def write_transform(
    path: Path,
    result: Aligned,
    numbers: Mapping[str, Any],
    made: Mapping[str, Any],
    *,
    overwrite: bool = False,
) -> None:
    """Write a transform with what was found of it, and where it comes from; a field alone."""
    if isinstance(result, SmoothVolumeAlignment):
        result.transform.save(path, overwrite=overwrite)
        return
    document = document_of(result.transform.matrix, result.transform.model)
    document |= {"alignment": numbers, "provenance": made}
    write_atomically(path, f"{to_json(document)}\n".encode(), overwrite=overwrite)


def volume_numbers(result: Aligned, seen: Inspection | None, unit: str) -> dict[str, Any]:
    """Return the flat row of a result."""
    if isinstance(result, SmoothVolumeAlignment):
        return _smooth_numbers(result, seen)
    x, y, z = result.axis_uncertainty
    tiles = result.tiles
    depth, height, width = result.shape
    return {
        **{name: getattr(result, name) for name in ("verdict", "reason")},
        "model": result.transform.model,
        "unit": unit,
        "spacing": [*result.spacing],
        "corner_shift": None if seen is None else seen.corner_shift,
        "corner_uncertainty": result.corner_uncertainty,
        "x_uncertainty": x,
        "y_uncertainty": y,
        "z_uncertainty": z,
        "ecc_before": None if seen is None else seen.ecc_before,
        **{name: getattr(result, name) for name in ("ecc", "inverted", "overlap_fraction")},
        "tiles": 0 if tiles is None else tiles.tested,
        "tiles_agreeing": 0 if tiles is None else tiles.agreeing,
        **{name: getattr(result, name) for name in ("iterations", "converged", "start")},
        "seconds": result.seconds,
        "matrix": result.transform.matrix.tolist(),
        "width": width,
        "height": height,
        "depth": depth,
    }


def _smooth_numbers(result: SmoothVolumeAlignment, seen: Inspection | None) -> dict[str, Any]:
    """Return the flat row of a field, with lengths in voxels."""
    tiles = result.tiles
    depth, height, width = result.shape
    own = ("known_share", "uncertainty", "bends", "stiffness", "ecc", "inverted")
    return {
        **{name: getattr(result, name) for name in ("verdict", "reason")},
        "model": "smooth",
        "spacing": [*result.spacing],
        **{name: getattr(result, name) for name in (*own, "overlap_fraction", "start", "seconds")},
        "bends_up_to": result.transform.largest,
        "corner_shift": None if seen is None else seen.corner_shift,
        "ecc_before": None if seen is None else seen.ecc_before,
        "tiles": 0 if tiles is None else tiles.tested,
        "tiles_agreeing": 0 if tiles is None else tiles.agreeing,
        "matrix": result.transform.matrix.tolist(),
        "width": width,
        "height": height,
        "depth": depth,
    }


def _report(
    result: Aligned,
    seen: Inspection | None,
    written: Mapping[str, Path],
    notes: list[str],
    unit: str,
) -> dict[str, Any]:
    """Return what ``align --json`` prints of two volumes."""
    compared = dict.fromkeys(INSPECTION_KEYS) if seen is None else seen.to_dict()
    numbers = volume_numbers(result, seen, unit)
    if not (result.found or result.judged):
        numbers["matrix"] = None
    return {**numbers, **compared, "notes": notes, "files": files(written)}
