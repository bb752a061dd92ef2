"""A job's images as pyramids, and what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .arguments import Job
from .ecc.pyramid.ladder import image_pyramid
from .ecc.pyramid.scalespace import Level
from .pixels import to_gray, valid_pixels

_FLAT = 1e-7


@dataclass(frozen=True, eq=False)
class Pyramids:
    """Both images as pyramids, full resolution first, and why nothing can be done with them.

    `flaw` is a sentence, or None.
    """

    reference: list[Level]
    moving: list[Level]
    flaw: str | None

    def index_below(self, pixels: int) -> int:
        """Return the finest level on which neither image has more pixels than that."""
        depth = min(len(self.reference), len(self.moving))
        for index in range(depth):
            if max(self.reference[index].image.size, self.moving[index].image.size) <= pixels:
                return index
        return depth - 1


def make_pyramids(job: Job) -> Pyramids:
    """Return the pyramids of a job's images."""
    planes = []
    for name, image, mask in (
        ("reference", job.reference, job.reference_mask),
        ("moving image", job.moving, job.moving_mask),
    ):
        valid = valid_pixels(image, mask)
        gray = np.ma.getdata(image) if image.ndim == 2 else to_gray(image, valid)
        levels = image_pyramid(gray, valid)
        flaw = _flaw(levels[0])
        if flaw:
            return Pyramids([], [], f"The {name} {flaw}.")
        planes.append(levels)
    return Pyramids(planes[0], planes[1], None)


def _flaw(level: Level) -> str | None:
    if level.valid is not None and not level.valid.any():
        return "has no pixel that counts"
    inside = level.image if level.valid is None else level.image[level.valid]
    low, high = float(inside.min()), float(inside.max())
    if high / 2 - low / 2 <= _FLAT * max(abs(low), abs(high)):
        return "has no contrast"
    return None
