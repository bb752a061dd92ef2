"""How far the verdict and the uncertainty can be trusted: measured on hostile and known pairs.

python tests/benchmarks/trust.py --pairs 1000 --seed 1
python tests/benchmarks/trust.py inviting --seeds 3 [--kinds NAME ...] [--judged]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from hostile import hostile_pairs  # noqa: E402
from inviting import run_inviting  # noqa: E402
from known import known_pairs  # noqa: E402
from scenes import Pair  # noqa: E402

from napari_ecc_align import AlignmentResult, align  # noqa: E402
from napari_ecc_align._transform.coordinates import corner_error  # noqa: E402

WRONG = 1.0
"""Corner error in pixels beyond which a result is wrong."""
RIGHT = 0.5
"""Corner error in pixels below which a result is right."""


@dataclass(frozen=True)
class Outcome:
    """One pair aligned; `error` (px) is infinite where there is no truth."""

    pair: Pair
    result: AlignmentResult
    error: float
    seconds: float

    @property
    def misleading(self) -> bool:
        """Wrong, and called aligned."""
        return self.error > WRONG and self.result.verdict == "aligned"

    @property
    def z(self) -> float:
        """Error in units of the uncertainty that was stated."""
        return self.error / self.result.corner_uncertainty


def outcome(pair: Pair) -> Outcome:
    """Align a pair and compare with its truth."""
    clock = time.perf_counter()
    result = align(pair.reference, pair.moving, model=pair.model, initial=pair.initial)
    seconds = time.perf_counter() - clock
    error = float("inf")
    if pair.truth is not None:
        error = corner_error(result.transform.matrix, pair.truth, pair.reference.shape[:2])
    return Outcome(pair, result, error, seconds)


def outcomes(pairs: Iterable[Pair], count: int) -> list[Outcome]:
    """Align all pairs; tell on standard error how far it is."""
    done = []
    for pair in pairs:
        done.append(outcome(pair))
        if sys.stderr.isatty():
            print(f"\r{len(done)} of {count}", end="", file=sys.stderr)
    return done


def report(title: str, done: list[Outcome]) -> None:
    """Print the figures of each kind and of all, then every misleading result."""
    print(f"\n{title}: {len(done)} pairs")
    print(
        f"{'kind':16s} {'n':>4s} {'wrong, aligned':>15s} {'right':>6s} {'of these aligned':>17s}"
        f" {'z RMS':>6s} {'median error':>13s} {'median s':>9s}"
    )
    kinds = dict.fromkeys(item.pair.kind for item in done)
    for kind in kinds:
        _row(kind, [item for item in done if item.pair.kind == kind])
    _row("all", done)
    for item in done:
        if item.misleading:
            print(f"WRONG {item.pair.kind}: {_story(item)}")
    for item in done:
        if item.error < RIGHT and item.result.verdict != "aligned":
            print(f"right but {item.result.verdict}, {item.pair.kind}: {_story(item)}")


def _row(kind: str, items: list[Outcome]) -> None:
    right = [item for item in items if item.error < RIGHT]
    believed = [item for item in right if item.result.verdict == "aligned"]
    z = np.array([item.z for item in believed])
    share = f"{len(believed) / len(right):.1%}" if right else "-"
    spread = f"{np.sqrt(np.mean(z**2)):.2f}" if len(z) else "-"
    error = f"{np.median([item.error for item in believed]):.4f}" if believed else "-"
    print(
        f"{kind:16s} {len(items):4d} {sum(item.misleading for item in items):15d} {len(right):6d}"
        f" {share:>17s} {spread:>6s} {error:>13s}"
        f" {np.median([item.seconds for item in items]):9.3f}"
    )


def _story(item: Outcome) -> str:
    pair, result = item.pair, item.result
    return (
        f"{pair.name}, {pair.reference.shape} {pair.model}: {item.error:.2f} px"
        f" ± {result.corner_uncertainty:.2g}, {result.start}, {result.representation}."
        f" {result.reason}"
    )


def main() -> None:
    """Run the sets that were asked for and print their tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = ("hostile", "known", "inviting")
    parser.add_argument("set", nargs="?", choices=names, help="hostile and known by default")
    parser.add_argument(
        "--pairs", type=int, default=1000, help="hostile pairs; half as many known"
    )
    parser.add_argument("--seed", type=int, default=0, help="of inviting pairs: the first one")
    parser.add_argument("--seeds", type=int, default=3, help="inviting pairs of each kind")
    parser.add_argument("--kinds", nargs="+", help="only these of the inviting ones")
    parser.add_argument("--judged", action="store_true", help="other tools' transforms as well")
    parser.add_argument("--jobs", type=int, default=1, help="processes, for the inviting ones")
    parser.add_argument("--csv", type=Path, help="write a row for each inviting pair")
    asked = parser.parse_args()
    if asked.set in (None, "hostile"):
        report("hostile", outcomes(hostile_pairs(asked.pairs, asked.seed), asked.pairs))
    if asked.set in (None, "known"):
        count = asked.pairs // 2
        report("known", outcomes(known_pairs(count, asked.seed), count))
    if asked.set == "inviting":
        seeds = range(asked.seed, asked.seed + asked.seeds)
        run_inviting(seeds, asked.kinds, judged=asked.judged, jobs=asked.jobs, table=asked.csv)


if __name__ == "__main__":
    main()
