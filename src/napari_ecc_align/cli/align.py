"""``ecc-align align``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ..alignment import align
from ..errors import InputError
from ..imagefiles import read_image
from ..inspection import Inspection, before_after, inspect_alignment
from ..result import AlignmentResult
from ..transform import Transform
from .outputs import check_outputs, make_folder, result_paths, summary, write_results
from .show import EXIT_CODES, progress_bar, table_lines, verdict_line


def run_align(chosen: argparse.Namespace) -> int:
    """Align two files and write what there is to look at; return the exit code."""
    given = [chosen.reference, chosen.moving, chosen.mask, chosen.moving_mask, chosen.initial]
    inputs = [path for path in given if path is not None]
    paths = result_paths(chosen.out, chosen.moving)
    check_outputs(paths.values(), inputs, overwrite=chosen.overwrite)
    reference, moving = read_image(chosen.reference), read_image(chosen.moving)
    reference_mask, moving_mask = _read_mask(chosen.mask), _read_mask(chosen.moving_mask)
    with progress_bar() as bar:
        result = align(
            reference,
            moving,
            model=chosen.model,
            engine=chosen.engine,
            number_of_iterations=chosen.iterations,
            termination_eps=chosen.epsilon,
            initial=Transform.load(chosen.initial) if chosen.initial else None,
            progress=bar.update,
            reference_mask=reference_mask,
            moving_mask=moving_mask,
        )
    inspection = inspect_alignment(
        reference,
        moving,
        result.transform,
        method=chosen.threshold,
        mode=chosen.difference,
        interpolation=chosen.interpolation,
        fill=chosen.fill,
        reference_mask=reference_mask,
        moving_mask=moving_mask,
    )
    written: dict[str, Path] = {}
    if result.verdict != "failed":
        make_folder(chosen.out)
        write_results(paths, result, inspection, overwrite=chosen.overwrite)
        written = paths
    if chosen.json:
        print(json.dumps(_as_json(result, inspection, written), indent=2))
    else:
        _print_result(result, inspection, written, chosen.out)
    return EXIT_CODES[result.verdict]


def _read_mask(path: Path | None) -> NDArray[Any] | None:
    if path is None:
        return None
    mask = read_image(path)
    if mask.ndim != 2:
        raise InputError(f"{path} is in colour; a mask has one channel, 0 where nothing counts")
    return mask


def _print_result(
    result: AlignmentResult, inspection: Inspection, written: dict[str, Path], folder: Path
) -> None:
    print(verdict_line(result))
    if result.verdict == "failed":
        print("Nothing was written.")
        return
    print("\n".join(table_lines(before_after(result, inspection))))
    print(f"Written to {folder}: {', '.join(path.name for path in written.values())}")


def _as_json(
    result: AlignmentResult, inspection: Inspection, written: dict[str, Path]
) -> dict[str, Any]:
    def counts(which: str) -> dict[str, Any]:
        comparison = getattr(inspection, which)
        return {
            name: getattr(comparison, name)
            for name in ("different", "fraction", "iou", "dice", "compared", "method")
        }

    return {
        **summary(result),
        "model": result.transform.model,
        "matrix": result.transform.matrix.tolist(),
        "before": {**counts("before"), "mean_difference": inspection.mean_difference_before},
        "after": {**counts("after"), "mean_difference": inspection.mean_difference},
        "corner_shift": inspection.corner_shift,
        "files": {role: str(path) for role, path in written.items()},
    }
