"""What other values of the verdict's numbers would do: the curves behind docs/constants.md.

python tests/benchmarks/constants.py --pairs 200 --seed 1 [--only ALPHA LIKE]

Known pairs and inviting ones, half and half, are aligned once. The evidence of each result is then
judged again with other values of one number at a time. What is asked only where all else is right
is not asked again: looser values may look a little better than they are.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from inviting import RIGHT, SIGMAS, WRONG, distance  # noqa: E402
from inviting_kinds import KINDS, inviting_pair  # noqa: E402
from known import known_pairs  # noqa: E402
from scenes import Pair  # noqa: E402

import napari_ecc_align  # noqa: E402
from napari_ecc_align import align  # noqa: E402
from napari_ecc_align._verdict import assess, rules  # noqa: E402
from napari_ecc_align._verdict.evidence import Evidence  # noqa: E402

GRIDS: dict[str, tuple[float, ...]] = {
    "ALPHA": (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-9, 1e-12),
    "LIKE": (0.75, 0.8, 0.85, 0.9, 0.93, 0.96, 0.99),
    "LEAST_LIKE": (0.5, 0.6, 2 / 3, 0.75, 0.85),
    "LEAST_PART": (0.02, 0.05, 0.1, 0.2, 0.4),
    "LARGEST_UNCERTAINTY": (0.2, 0.25, 1 / 3, 0.5, 1.0),
    "LEAST_SHARE": (0.03, 0.04, 0.06, 0.1, 0.2),
    "LEAST_SIGNIFICANCE": (7.0, 8.0, 10.0, 15.0, 30.0),
}
"""Values that are tried; of a second motion only stricter ones, the others were not recorded."""
_OF_SECOND = {"LEAST_SHARE": "share", "LEAST_SIGNIFICANCE": "significance"}


@dataclass(frozen=True, eq=False)
class Seen:
    """The evidence of one result, and whether it is right or wrong."""

    evidence: Evidence
    right: bool
    wrong: bool


def numbers(package: str = "_verdict") -> Iterator[tuple[str, str, str]]:
    """Yield module, names and value, as they are written, of every number of the verdict."""
    folder = Path(napari_ecc_align.__file__).parent.joinpath(*package.split("."))
    for path in sorted(folder.glob("*.py")):
        module = importlib.import_module(f"napari_ecc_align.{package}.{path.stem}")
        for line in ast.parse(path.read_text(encoding="utf-8")).body:
            names = (
                ast.unparse(line.targets[0]).strip("()") if isinstance(line, ast.Assign) else ""
            )
            if not names.isupper():
                continue
            value = np.asarray(getattr(module, names.split(",")[0]))
            texts = (isinstance(getattr(node, "value", None), str) for node in ast.walk(line))
            if value.dtype.kind in "if" and not any(texts):
                yield path.stem, names, ast.unparse(line.value)


def curve(seen: list[Seen], name: str) -> list[tuple[float, int, int]]:
    """Return, for each value of a number, how many wrong and right ones are called aligned."""
    rows = []
    for value in GRIDS[name]:
        before = getattr(rules, name, None)
        if before is not None:
            setattr(rules, name, value)
        try:
            aligned = [one for one in seen if _aligned(one.evidence, name, value)]
        finally:
            if before is not None:
                setattr(rules, name, before)
        rows.append((value, sum(one.wrong for one in aligned), sum(one.right for one in aligned)))
    return rows


def _aligned(evidence: Evidence, name: str, value: float) -> bool:
    attribute = _OF_SECOND.get(name)
    if attribute and evidence.second and getattr(evidence.second, attribute) < value:
        evidence = replace(evidence, second=None)
    return rules.judge(evidence).verdict == "aligned"


def observed(pair: Pair) -> Seen | None:
    """Align a pair; return the evidence of the result, None if it came to none."""
    asked: list[Evidence] = []

    def judge(evidence: Evidence) -> rules.Judgement:
        asked.append(evidence)
        return rules.judge(evidence)

    assess.judge = judge
    try:
        result = align(pair.reference, pair.moving, model=pair.model)
    finally:
        assess.judge = rules.judge
    matrix, shape = result.transform.matrix, pair.reference.shape
    meant = [] if pair.truth is None else [pair.truth, *pair.others]
    error = min((distance(matrix, motion, shape) for motion in meant), default=np.inf)
    for evidence in reversed(asked):
        if rules.judge(evidence).reason in result.reason:
            wrong = error > WRONG and not error < SIGMAS * result.corner_uncertainty
            return Seen(evidence, error < RIGHT, wrong)
    return None


def pairs(count: int, seed: int) -> Iterator[Pair]:
    """Yield as many known pairs as inviting ones."""
    yield from known_pairs(count // 2, seed)
    kinds = ((name, seed + k) for k in range(count) for name in KINDS)
    yield from (inviting_pair(*kind) for kind in islice(kinds, count - count // 2))


def main() -> None:
    """Print the numbers and the curves."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=GRIDS, default=list(GRIDS))
    asked = parser.parse_args()
    seen = [one for one in map(observed, pairs(asked.pairs, asked.seed)) if one]
    right, wrong = sum(one.right for one in seen), sum(one.wrong for one in seen)
    print(f"{len(list(numbers()))} lines of numbers; {right} right results, {wrong} wrong ones")
    for name in asked.only:
        print(f"\n{name:26s} {'wrong, aligned':>15s} {'right, aligned':>15s}")
        now = getattr(rules, name, None)
        for value, misled, believed in curve(seen, name):
            mark = "*" if now is not None and np.isclose(now, value) else " "
            share = f"{believed / right:.1%}" if right else "-"
            print(f"{value:24.3g} {mark} {misled:15d} {believed:7d} {share:>7s}")


if __name__ == "__main__":
    main()
