"""``ecc-align judge``."""

from __future__ import annotations

import argparse
from collections.abc import Generator
from typing import Any

from .._align.judged import judge_job, judge_steps
from .._align.progress import Progress
from .._images.sources import ImageLike
from .._transform.transform import Transform
from .._verdict.result import AlignmentResult
from .align import run_pair
from .values import in_pixels


def run_judge(chosen: argparse.Namespace) -> int:
    """Judge the transform in a file, or two images as they lie; return the exit code."""
    given = Transform.identity() if chosen.transform is None else Transform.load(chosen.transform)
    transform = in_pixels(given, chosen)

    def steps(
        reference: ImageLike, moving: ImageLike, **masks: Any
    ) -> Generator[Progress, None, AlignmentResult]:
        return judge_steps(judge_job(reference, moving, transform, chosen.model, **masks))

    return run_pair(chosen, steps, chosen.transform)
