"""How often a pair that invites it is wrongly called aligned, by us and for other tools.

An answer is wrong if no motion that may be meant is near it: over a pixel away (RMS over the
corners), and over three times the uncertainty that it states, for who states as much does not
mislead. It is right within half a pixel of one of them.
"""

from __future__ import annotations

import csv
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path

import numpy as np
from contestants import Matrix, others
from inviting_kinds import KINDS, inviting_pair
from scenes import Motion, Pair, moved

from napari_ecc_align import AlignmentResult, align, judge
from napari_ecc_align._transform.coordinates import corners

WRONG = 1.0
"""Corner error in pixels beyond which an answer can be wrong."""
RIGHT = 0.5
"""Corner error in pixels below which an answer is right."""
SIGMAS = 3.0
"""An error within that many stated uncertainties does not mislead."""
OURS = "align"


@dataclass(frozen=True)
class Verdict:
    """What was said of one transform of one pair.

    `error` (px) is the distance to the nearest motion that may be meant, infinite if there is
    none, and `moved` that to the identity; `size` is the shorter side, `contrast` the standard
    deviation of the fainter image; `seconds` are the processor's.
    """

    family: str
    kind: str
    seed: int
    truth: str
    size: int
    contrast: float
    model: str
    tool: str
    verdict: str
    error: float
    moved: float
    sigma: float
    seconds: float
    reason: str

    @property
    def aligned(self) -> bool:
        """Whether it was called aligned."""
        return self.verdict == "aligned"

    @property
    def right(self) -> bool:
        """Whether it is within half a pixel of what may be meant."""
        return self.error < RIGHT

    @property
    def misleading(self) -> bool:
        """Whether it is wrong and called aligned."""
        return self.aligned and self.error > WRONG and not self.error < SIGMAS * self.sigma


def distance(matrix: Matrix, motion: Motion, shape: tuple[int, ...]) -> float:
    """Return how far (px, RMS) a matrix is from a motion over the corners of an image.

    Where no matrix describes the motion, it may be near at the corners and not between them: the
    distance is that over a lattice of the whole image, if that is more.
    """
    places = [corners(shape[:2])]
    if callable(motion):
        places.append((np.mgrid[0:11, 0:11].reshape(2, -1).T / 10) * np.subtract(shape[1::-1], 1))
    gaps = [moved(matrix, points) - moved(motion, points) for points in places]
    return max(float(np.sqrt((gap**2).sum(-1).mean())) for gap in gaps)


def truth_of(pair: Pair) -> str:
    """Return "none", "clear" or "ambiguous": how many motions are right."""
    return "none" if pair.truth is None else "ambiguous" if pair.others else "clear"


def verdicts(task: tuple[str, int], judged: bool = False) -> list[Verdict]:
    """Return what is said of our transform of a pair (kind, seed), and of other tools' ones."""
    name, seed = task
    pair = inviting_pair(name, seed)
    images = pair.reference, pair.moving
    done = [_verdict(pair, seed, OURS, lambda: align(*images, model=pair.model))]
    for tool, estimate in (others() if judged else {}).items():
        matrix = _estimated(estimate, pair)
        if matrix is not None:
            done.append(_verdict(pair, seed, tool, partial(judge, *images, matrix)))
    return done


def _estimated(estimate: Callable[..., Matrix], pair: Pair) -> Matrix | None:
    """Return a tool's matrix; None if it found none."""
    try:
        matrix = estimate(pair.reference, pair.moving, pair.model)
    except Exception:  # whatever a tool raises where it finds nothing
        return None
    return matrix if np.isfinite(matrix).all() else None


def _verdict(
    pair: Pair,
    seed: int,
    tool: str,
    ask: Callable[[], AlignmentResult],
) -> Verdict:
    clock = time.process_time()
    result = ask()
    seconds = time.process_time() - clock
    matrix, shape = result.transform.matrix, pair.reference.shape
    meant = [] if pair.truth is None else [pair.truth, *pair.others]
    errors = [distance(matrix, motion, shape) for motion in meant]
    return Verdict(
        family=KINDS[pair.kind].__module__.split(".")[-1],
        kind=pair.kind,
        seed=seed,
        truth=truth_of(pair),
        size=min(shape),
        contrast=float(min(pair.reference.std(), pair.moving.std())),
        model=pair.model,
        tool=tool,
        verdict=result.verdict,
        error=min(errors, default=float("inf")),
        moved=distance(matrix, np.eye(3), shape),
        sigma=result.corner_uncertainty,
        seconds=seconds,
        reason=result.reason,
    )


def run_inviting(
    seeds: Sequence[int],
    kinds: Sequence[str] | None = None,
    *,
    judged: bool = False,
    jobs: int = 1,
    table: Path | None = None,
) -> None:
    """Align the pairs of all kinds, or of some, and print the tables."""
    unknown = set(kinds or ()) - set(KINDS)
    if unknown:
        raise SystemExit(f"no such kinds: {sorted(unknown)}; there are {sorted(KINDS)}")
    tasks = [(name, seed) for name in kinds or KINDS for seed in seeds]
    done = [one for each in _mapped(partial(verdicts, judged=judged), tasks, jobs) for one in each]
    report(done)
    if table:
        _write(table, done)


def _mapped(
    work: Callable[[tuple[str, int]], list[Verdict]], tasks: list[tuple[str, int]], jobs: int
) -> Iterable[list[Verdict]]:
    """Yield the results in turn, and tell on standard error how far it is."""
    if jobs > 1:
        os.environ.setdefault("OPENCV_FOR_THREADS_NUM", "1")
    pool = multiprocessing.get_context("spawn").Pool(jobs) if jobs > 1 else None
    for count, result in enumerate(pool.imap(work, tasks) if pool else map(work, tasks), 1):
        if sys.stderr.isatty():
            print(f"\r{count} of {len(tasks)}", end="", file=sys.stderr)
        yield result
    if pool:
        pool.close()


def report(done: list[Verdict]) -> None:
    """Print a row for each kind, then all classes, strata and tools, then every wrong one."""
    ours = [one for one in done if one.tool == OURS]
    _head("kind")
    for kind in dict.fromkeys(one.kind for one in ours):
        _row(kind, [one for one in ours if one.kind == kind])
    for title, key in _STRATA.items():
        print()
        _head(title)
        for value in sorted({key(one) for one in ours}):
            _row(value, [one for one in ours if key(one) == value])
    print()
    _head("tool")
    for tool in dict.fromkeys(one.tool for one in done):
        _row(tool, [one for one in done if one.tool == tool])
    for one in done:
        if one.misleading:
            print(
                f"WRONG {one.tool}: {one.kind} {one.seed}, {one.size} px, {one.model}:"
                f" {one.error:.2f} px ± {one.sigma:.2g}, moved {one.moved:.2f} px. {one.reason}"
            )


def _below(value: float, ends: Sequence[int], unit: str) -> str:
    return f"under {next(end for end in ends if value < end):4d}{unit}"


_STRATA: dict[str, Callable[[Verdict], str]] = {
    "truth": lambda one: one.truth,
    "family": lambda one: one.family,
    "model": lambda one: one.model,
    "shorter side": lambda one: _below(one.size, (128, 256, 400, 1001), " px"),
    "contrast": lambda one: _below(one.contrast, (8, 16, 32, 64, 128), ""),
}


def _head(title: str) -> None:
    print(
        f"{title:28s} {'n':>5s} {'wrong, aligned':>15s} {'right':>6s} {'of these aligned':>17s}"
        f" {'z RMS':>6s} {'median s':>9s}"
    )


def _row(title: str, items: list[Verdict]) -> None:
    right = [one for one in items if one.right]
    believed = [one for one in right if one.aligned]
    share = f"{len(believed):5d} {len(believed) / len(right):7.1%}" if right else "-"
    # As many as three times too far, but not wrong: part of how good the uncertainty is.
    z = [one.error / one.sigma for one in items if one.aligned and one.error < WRONG]
    spread = f"{np.sqrt(np.mean(np.square(z))):.2f}" if z else "-"
    wrong = sum(one.misleading for one in items)
    print(
        f"{title:28s} {len(items):5d} {wrong:7d} {wrong / len(items):7.1%}"
        f" {len(right):6d} {share:>17s} {spread:>6s}"
        f" {np.median([one.seconds for one in items]):9.3f}"
    )


def _write(path: Path, done: list[Verdict]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Verdict)])
        writer.writeheader()
        writer.writerows(asdict(one) for one in done)
