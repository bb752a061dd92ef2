"""Compare estimators on the grid: success, error and time, side by side.

One command prints the table, and with ``--write`` makes docs/benchmarks.md of it::

    python tests/benchmarks/compare.py --repeats 5 --write
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from contestants import BASELINE, Estimator, available
from scenarios import Pair, Scenario, scenarios

DOCS = Path(__file__).parents[2] / "docs"
SUCCESS = 1.0


@dataclass(frozen=True)
class Run:
    """One estimator on one pair; the error is infinite where it gave up."""

    column: str
    pair: str
    estimator: str
    error: float
    seconds: float


def main() -> int:
    """Run the comparison and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, help="pairs per level of difficulty")
    parser.add_argument("--seed", type=int, default=0, help="other seeds are other pairs")
    parser.add_argument("--fast", action="store_true", help="multi-scale as the only peer")
    parser.add_argument("--small", action="store_true", help="no pairs of 1024 px and more")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    chosen = parser.parse_args()
    estimators = available(slow=not chosen.fast)
    grid = list(scenarios(repeats=chosen.repeats, large=not chosen.small, seed=chosen.seed))
    runs = list(run_all(grid, estimators))
    text = table(runs, list(estimators))
    print(text)
    if chosen.write:
        write_page(text, runs, chosen)
    ours = [run for run in runs if run.estimator == "this project"]
    lost = [run.pair for run in ours if run.error >= SUCCESS]
    if lost:
        print(f"lost by this project: {lost}")
    return 1 if lost else 0


def run_all(grid: list[Scenario], estimators: dict[str, Estimator]) -> Iterator[Run]:
    """Run every estimator on every pair, pair by pair, each after a warm-up."""
    warm = set()
    for number, scenario in enumerate(grid):
        pair = scenario.make()
        for name, estimator in estimators.items():
            if name not in warm:
                run_one(pair, name, estimator)
                warm.add(name)
            yield run_one(pair, name, estimator)
        print(f"\r{number + 1} of {len(grid)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def run_one(pair: Pair, name: str, estimator: Estimator) -> Run:
    """Time one estimator on one pair."""
    begin = time.perf_counter()
    try:
        matrix = estimator(pair.reference, pair.moving, pair.model)
        error = pair.error_of(matrix)
    # A peer that raises has failed on this pair, whatever the reason.
    except (cv2.error, ValueError, TypeError, np.linalg.LinAlgError):
        error = np.inf
    seconds = time.perf_counter() - begin
    return Run(pair.column, pair.name, name, float(error), seconds)


def table(runs: list[Run], names: list[str]) -> str:
    """Return the Markdown table: one row per column of the grid, one cell per estimator."""
    columns = list(dict.fromkeys(run.column for run in runs))
    lines = ["| pairs | " + " | ".join(names) + " |", "| --- |" + " --- |" * len(names)]
    for column in columns:
        cells = [cell([run for run in runs if run.column == column], name) for name in names]
        lines.append(f"| {column} | " + " | ".join(cells) + " |")
    solved = [
        f"{sum(r.error < SUCCESS for r in runs if r.estimator == name)} of "
        f"{sum(r.estimator == name for r in runs)}"
        for name in names
    ]
    lines.append("| **all** | " + " | ".join(solved) + " |")
    return "\n".join(lines)


def cell(runs: list[Run], name: str) -> str:
    """Return success, median error of the successes, and median time ratio to the baseline."""
    own = [run for run in runs if run.estimator == name]
    good = [run.error for run in own if run.error < SUCCESS]
    base = {run.pair: run.seconds for run in runs if run.estimator == BASELINE}
    ratio = np.median([run.seconds / base[run.pair] for run in own])
    seconds = np.median([run.seconds for run in own])
    error = f"{np.median(good):.3f} px" if good else "no success"
    return f"{len(good)}/{len(own)}, {error}, {seconds * 1000:.0f} ms ({ratio:.2f})"


def write_page(text: str, runs: list[Run], chosen: argparse.Namespace) -> None:
    """Write docs/benchmarks.md and its plot."""
    plot(runs)
    command = f"compare.py --repeats {chosen.repeats} --seed {chosen.seed} --write"
    page = f"""# Benchmarks

Pairs with exactly known transforms: pictures of scikit-image sampled by splines of order 5, and
drawn pages of music. Each cell gives the pairs solved to better than {SUCCESS:g} px (RMS over the
four corners), the median error of those, the median time, and in brackets the median ratio of
times, pair by pair, to `cv2.findTransformECCMultiScale` with its defaults. Its time also counts
where it gives up at once, as on every negative. Ours includes the verdict.

Made by `python tests/benchmarks/{command}`
with OpenCV {cv2.__version__}, {cv2.getNumThreads()} threads.

{text}

![median error and time of every estimator, column by column](images/benchmarks.png)
"""
    (DOCS / "benchmarks.md").write_text(page)


def plot(runs: list[Run]) -> None:
    """Plot time against error, one point per estimator and column."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 5), layout="constrained")
    for name in dict.fromkeys(run.estimator for run in runs):
        own = [run for run in runs if run.estimator == name]
        points = []
        for column in dict.fromkeys(run.column for run in own):
            here = [run for run in own if run.column == column and run.error < SUCCESS]
            if here:
                points.append(
                    (np.median([r.seconds for r in here]), np.median([r.error for r in here]))
                )
        axes.loglog(*np.array(points).T, "o", label=name, alpha=0.8)
    axes.set(xlabel="seconds a pair (median of a column)", ylabel="error, px (median of a column)")
    axes.grid(which="both", alpha=0.2)
    axes.legend()
    figure.savefig(DOCS / "images" / "benchmarks.png", dpi=110)


if __name__ == "__main__":
    sys.exit(main())
