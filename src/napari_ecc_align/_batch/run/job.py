"""What is asked for of one pair, as it is handed to whoever does it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..._common.atomic import real_path
from ..plan.pairs import PairFiles, Plan, with_absolute_paths
from ..records.decided import RecordedReview
from ..records.record import AnyTransform, Record, settings_for
from ..settings import BatchSettings

SIGMAS = 3.0
LARGEST_UNMOVED = 0.25
"""However uncertain, a larger displacement of the corners, in pixels, is not passed through."""


@dataclass(frozen=True)
class PairJob:
    """A pair to be done, by whoever can reach its files.

    Attributes
    ----------
    pair : PairFiles
        The paths in it are absolute.
    settings : BatchSettings
        How.
    out : Path
        The output folder.
    token : str
        Of the run.
    overwrite : bool
        Replace files that no run has written.
    transform : Transform, Field, VolumeTransform, VolumeField or None
        A transform that a person has found, which is taken as it is.
    review : RecordedReview or None
        What that person says of it.
    batch_settings : BatchSettings or None
        Those of its batch, if they may be others.
    """

    pair: PairFiles
    settings: BatchSettings
    out: Path
    token: str
    overwrite: bool = False
    transform: AnyTransform | None = None
    review: RecordedReview | None = None
    batch_settings: BatchSettings | None = None

    @property
    def noted_batch_settings(self) -> dict[str, Any]:
        """What the record says of the batch's settings: nothing if they are the pair's."""
        batch = self.batch_settings
        return {} if batch in (None, self.settings) else batch.as_document()


def pair_job(
    plan: Plan,
    pair: PairFiles,
    record: Record | None,
    token: str,
    *,
    settings: BatchSettings | None = None,
    **more: Any,
) -> PairJob:
    """Return the job of a pair of a plan, with other settings if they were or are asked for."""
    settings = settings or settings_for(record, plan.settings)
    whole, out = with_absolute_paths(pair), real_path(plan.out)
    return PairJob(whole, settings, out, token, batch_settings=plan.settings, **more)


def lies_right(shift: float, sigma: float, settings: BatchSettings) -> bool:
    """Tell whether what would move the corners so far, in pixels, is better left as it is."""
    unmoved = min(SIGMAS * sigma, LARGEST_UNMOVED) if math.isfinite(sigma) else 0.0
    return shift <= max(settings.pass_through, unmoved)
