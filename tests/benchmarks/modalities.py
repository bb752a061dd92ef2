"""Pairs of images that differ in kind, with landmarks: how many are found, and called aligned.

python tests/benchmarks/modalities.py FOLDER [--csv FILE] [--model auto] [--only NAME]

FOLDER holds groups as folders, with NAME_a.png, NAME_b.png and the landmarks NAME.csv, a line
``x_fixed,y_fixed,x_moving,y_moving`` each below a heading. Landmarks are set by hand, and some
scenes are no plane: a pair is *right* with an RMS of less than 5 px or 1.5 times that of the best
affine transform and a pixel. *Wrong and aligned* is what is not, or is more than 2 px off where an
affine transform explains the landmarks exactly, and yet called aligned.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_ecc_align import align
from napari_ecc_align._ecc.options import MODEL_CHOICES, ModelChoice
from napari_ecc_align._images.files.images import read_image
from napari_ecc_align._transform.coordinates import map_points

_TOLERANCE, _TIMES_BEST, _MORE = 5.0, 1.5, 1.0
_EXACT, _OFF = 0.1, 2.0


@dataclass(frozen=True)
class Row:
    """What came of one pair; errors are RMS over the landmarks, in pixels."""

    group: str
    name: str
    verdict: str
    representation: str
    error: float
    best_affine: float
    seconds: float

    @property
    def right(self) -> bool:
        """Whether the landmarks lie on each other as well as can be asked."""
        return self.error < max(_TOLERANCE, _TIMES_BEST * self.best_affine + _MORE)

    @property
    def aligned(self) -> bool:
        """Whether it was called aligned."""
        return self.verdict == "aligned"

    @property
    def misleading(self) -> bool:
        """Whether it was called aligned and is wrong."""
        off = self.best_affine < _EXACT and self.error > _OFF
        return self.aligned and (off or not self.right)


def rows(folder: Path, model: ModelChoice, only: str) -> Iterator[Row]:
    """Align every pair of a folder."""
    for path in sorted(folder.glob("*/*.csv")):
        if only not in str(path):
            continue
        landmarks = np.loadtxt(path, delimiter=",", skiprows=1)
        fixed, moving = landmarks[:, :2], landmarks[:, 2:]
        images = [read_image(path.with_name(f"{path.stem}_{side}.png")) for side in "ab"]
        began = time.process_time()
        result = align(*images, model=model)
        seconds = time.process_time() - began
        yield Row(
            path.parent.name,
            path.stem,
            result.verdict,
            result.representation,
            _rms(map_points(result.transform.matrix, fixed) - moving),
            _rms(_best_affine(fixed, moving) - moving),
            seconds,
        )


def _best_affine(fixed: NDArray[np.float64], moving: NDArray[np.float64]) -> NDArray[np.float64]:
    design = np.column_stack([fixed, np.ones(len(fixed))])
    return np.asarray(design @ np.linalg.lstsq(design, moving, rcond=None)[0])


def _rms(gaps: NDArray[np.float64]) -> float:
    return float(np.sqrt((gaps**2).sum(axis=1).mean()))


def report(found: list[Row]) -> None:
    """Print the figures of each group and of all."""
    print(
        f"{'group':32s} {'pairs':>5s} {'right':>6s} {'and aligned':>12s}"
        f" {'wrong, aligned':>15s} {'slowest, cpu s':>15s}"
    )
    for group in [*dict.fromkeys(row.group for row in found), "all"]:
        these = [row for row in found if group in (row.group, "all")]
        both = sum(row.right and row.aligned for row in these)
        print(
            f"{group:32s} {len(these):5d} {sum(row.right for row in these):6d} {both:12d}"
            f" {sum(row.misleading for row in these):15d}"
            f" {max((row.seconds for row in these), default=0.0):15.2f}"
        )


def main() -> None:
    """Align the pairs of a folder and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--csv", type=Path, help="write a line per pair")
    parser.add_argument("--model", choices=MODEL_CHOICES, default="affine")
    parser.add_argument("--only", default="", help="only pairs whose path contains this")
    chosen = parser.parse_args()
    found = list(rows(chosen.folder, chosen.model, chosen.only))
    report(found)
    if chosen.csv:
        with chosen.csv.open("w", newline="", encoding="utf-8") as out:
            table = csv.writer(out)
            table.writerow([*(field.name for field in fields(Row)), "right", "misleading"])
            table.writerows([*astuple(row), row.right, row.misleading] for row in found)


if __name__ == "__main__":
    main()
