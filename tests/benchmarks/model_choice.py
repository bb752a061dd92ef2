"""Which motion model "auto" chooses for known pairs of each of the five.

python tests/benchmarks/model_choice.py [--pairs 90] [--seed 0]

The pairs are those of the other benchmarks but for the pages, whose displacement is affine
whatever is asked. *Right* is the model by which the pair was made, or corners within 0.02 px of
the truth.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from known import known_pairs  # noqa: E402

from napari_ecc_align import align  # noqa: E402
from napari_ecc_align._transform.coordinates import corner_error  # noqa: E402
from napari_ecc_align._transform.matrices import MOTION_MODELS  # noqa: E402

_EXACT = 0.02


def main() -> None:
    """Print a row for each model: pairs, how many right, what was chosen, and the time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=90)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    counts: dict[str, Counter[str]] = {model: Counter() for model in MOTION_MODELS}
    seconds = {"auto": 0.0, "affine": 0.0}
    for pair in known_pairs(chosen.pairs, chosen.seed, without=("page",)):
        for model in seconds:
            began = time.process_time()
            result = align(pair.reference, pair.moving, model=model)
            seconds[model] += time.process_time() - began
            if model == "affine":
                continue
            off = corner_error(result.transform.matrix, pair.truth, pair.reference.shape)
            right = result.model == pair.model or off < _EXACT
            counts[pair.model] += Counter(
                {"pairs": 1, "right": right, "aligned": result.aligned, result.model: 1}
                | {"aligned and right": result.aligned and right}
            )
    columns = ("pairs", "right", "aligned", "aligned and right", *MOTION_MODELS)
    print(f"| made by | {' | '.join(columns)} |")
    print(f"| --- |{' --- |' * len(columns)}")
    for model, count in counts.items():
        print(f"| {model} | {' | '.join(str(count[column]) for column in columns)} |")
    print(" ".join(f"{model} {spent:.1f} processor seconds," for model, spent in seconds.items()))


if __name__ == "__main__":
    main()
