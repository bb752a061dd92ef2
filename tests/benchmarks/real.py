"""Verdicts on real pairs: plates, sections, stains, bands, photographs, none of them shipped here.

python tests/benchmarks/real.py FOLDER [--only KIND] [--model auto]

FOLDER holds any of these: ``prokudin`` (three exposures below each other in one image),
``microscopy`` (``lung_sem_*``, consecutive sections), ``histology`` (pairs with landmarks),
``multispectral`` (``rededge_0000_*``, bands), ``oxford`` (photographs with the homography from the
first of each series) and ``retina`` (``query``, ``refer``). Images of different things are paired,
too: none of those may be called aligned.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_ecc_align import align
from napari_ecc_align._ecc.options import MODEL_CHOICES
from napari_ecc_align._images.files.images import read_image
from napari_ecc_align._transform.coordinates import corner_error, map_points
from napari_ecc_align._transform.matrices import MotionModel

Error = Callable[[NDArray[np.float64]], float]


@dataclass(frozen=True, eq=False)
class Case:
    """Two images, what to ask for, and how wrong (px) a matrix is, if that is known."""

    kind: str
    name: str
    reference: NDArray[np.generic]
    moving: NDArray[np.generic]
    model: MotionModel = "affine"
    error: Error | None = None


def plates(folder: Path) -> Iterator[Case]:
    """Yield every two of the three exposures of each plate."""
    for path in sorted(folder.glob("*.jpg")):
        whole = read_image(path)
        height = len(whole) // 3
        bands = {name: whole[k * height : (k + 1) * height] for k, name in enumerate("bgr")}
        for first, second in (("g", "r"), ("b", "g"), ("b", "r")):
            yield Case("plates", f"{path.stem} {first} <- {second}", bands[first], bands[second])


def sections(folder: Path) -> Iterator[Case]:
    """Yield consecutive sections."""
    for first, second in pairwise(sorted(folder.glob("lung_sem_*.png"))):
        yield Case("sections", f"{first.stem} <- {second.stem[-2:]}", *_both(first, second))


def stains(folder: Path) -> Iterator[Case]:
    """Yield stained sections with the mean distance of their landmarks as the error."""
    for first, second in pairwise(sorted(folder.glob("*.csv"))):
        if first.stem.split("_")[0] != second.stem.split("_")[0]:
            continue
        images = _both(first.with_suffix(".jpg"), second.with_suffix(".jpg"))
        yield Case("stains", second.stem, *images, error=_landmark_error(first, second))


def _landmark_error(first: Path, second: Path) -> Error:
    ours, theirs = (_landmarks(path) for path in (first, second))
    count = min(len(ours), len(theirs))

    def error(matrix: NDArray[np.float64]) -> float:
        distances = map_points(matrix, ours[:count]) - theirs[:count]
        return float(np.hypot(*distances.T).mean())

    return error


def _landmarks(path: Path) -> NDArray[np.float64]:
    with path.open(newline="") as file:
        return np.array([[float(row["X"]), float(row["Y"])] for row in csv.DictReader(file)])


def bands(folder: Path) -> Iterator[Case]:
    """Yield every two bands."""
    for first, second in combinations(sorted(folder.glob("rededge_0000_*.tif")), 2):
        yield Case("bands", f"{first.stem[-1]} <- {second.stem[-1]}", *_both(first, second))


def photographs(folder: Path) -> Iterator[Case]:
    """Yield photographs, affine and homography, with the corner error to the given matrix."""
    for path in sorted(folder.glob("*_H1to*p.xml")):
        series, number = re.fullmatch(r"(.*)_H1to(\d)p", path.stem).groups()  # type: ignore[union-attr]
        text = re.search(r"<data>(.*)</data>", path.read_text(), re.DOTALL)
        assert text is not None, path
        truth = np.array(text[1].split(), np.float64).reshape(3, 3)
        images = _both(folder / f"{series}_1.png", folder / f"{series}_{number}.png")
        shape = images[0].shape[:2]
        models: tuple[MotionModel, ...] = ("affine", "homography")
        for model in models:
            yield Case(
                "photographs", f"{series} 1 <- {number}, {model}", *images, model,
                lambda matrix, truth=truth, shape=shape: corner_error(matrix, truth, shape),
            )  # fmt: skip


def retina(folder: Path) -> Iterator[Case]:
    """Yield the pair of fundus photographs."""
    yield Case("retina", "query <- refer", *_both(folder / "query.jpg", folder / "refer.jpg"))


def different(folder: Path) -> Iterator[Case]:
    """Yield pairs of different things: neighbours in the alphabet of each folder."""
    for name in ("prokudin", "muscima", "oxford"):
        suffix = "_ideal.png" if name == "muscima" else ""
        paths = [p for p in sorted((folder / name).glob(f"*{suffix}")) if _is_image(p)]
        for first, second in pairwise(paths):
            if first.stem.split("_")[:2] != second.stem.split("_")[:2]:
                yield Case("different", f"{first.stem} <- {second.stem}", *_both(first, second))


def _is_image(path: Path) -> bool:
    return path.suffix in (".png", ".jpg", ".tif")


def _both(first: Path, second: Path) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    return read_image(first), read_image(second)


SOURCES = {
    "prokudin": plates,
    "microscopy": sections,
    "histology": stains,
    "multispectral": bands,
    "oxford": photographs,
    "retina": retina,
}


def cases(folder: Path) -> Iterator[Case]:
    """Yield all that a folder holds."""
    for name, make in SOURCES.items():
        if (folder / name).is_dir():
            yield from make(folder / name)
        else:
            print(f"there is no {name} in {folder}", file=sys.stderr)
    yield from different(folder)


def main() -> int:
    """Print one row a pair and the counts; fail if different things are called aligned."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="kinds that begin so")
    parser.add_argument("--model", choices=MODEL_CHOICES, help="in place of that of each pair")
    chosen = parser.parse_args()
    counts: dict[str, Counter[str]] = {}
    print("| pair | verdict | ECC before | after | ± px | error px | s | reason |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for case in cases(chosen.folder):
        if not case.kind.startswith(chosen.only):
            continue
        began = time.perf_counter()
        result = align(case.reference, case.moving, model=chosen.model or case.model)
        seconds = time.perf_counter() - began
        error = "" if case.error is None else f"{case.error(result.transform.matrix):.2f}"
        print(
            f"| {case.name} | {result.verdict} | {result.ecc_before:.2f} | {result.ecc:.2f} "
            f"| {result.corner_uncertainty:.2g} | {error} | {seconds:.2f} | {result.reason} |",
            flush=True,
        )
        counts.setdefault(case.kind, Counter())[result.verdict] += 1
    for kind, count in counts.items():
        print(kind, dict(count))
    return int(bool(counts.get("different", Counter())["aligned"]))


if __name__ == "__main__":
    sys.exit(main())
