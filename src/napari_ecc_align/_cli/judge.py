"""``ecc-align judge``."""

from __future__ import annotations

import argparse
from collections.abc import Generator
from typing import Any

from .._align.judged import judge_job, judge_steps
from .._align.pair import checked_job
from .._align.progress import Progress
from .._align.smooth import judged_field
from .._ecc.options import DEFAULTS
from .._images.sources import ImageLike
from .._transform.field import Field
from .._transform.formats.field_files import holds_a_field
from .._transform.transform import Transform
from .._verdict.field_result import SmoothAlignment
from .._verdict.result import AlignmentResult
from .align import run_pair
from .values import in_pixels


def run_judge(chosen: argparse.Namespace) -> int:
    """Judge the transform in a file, or two images as they lie; return the exit code."""
    if chosen.transform is not None and holds_a_field(chosen.transform):
        return _judge_field(chosen)
    given = Transform.identity() if chosen.transform is None else Transform.load(chosen.transform)
    transform = in_pixels(given, chosen)

    def steps(
        reference: ImageLike, moving: ImageLike, **masks: Any
    ) -> Generator[Progress, None, AlignmentResult]:
        return judge_steps(judge_job(reference, moving, transform, chosen.model, **masks))

    return run_pair(chosen, steps, chosen.transform)


def _judge_field(chosen: argparse.Namespace) -> int:
    field = Field.load(chosen.transform)

    def steps(
        reference: ImageLike, moving: ImageLike, **masks: Any
    ) -> Generator[Progress, None, SmoothAlignment]:
        yield Progress(0.0, "judging")
        return judged_field(checked_job(reference, moving, DEFAULTS, **masks), field, None, None)

    return run_pair(chosen, steps, chosen.transform)
