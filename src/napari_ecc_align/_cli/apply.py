"""``ecc-align apply``."""

from __future__ import annotations

import argparse
import warnings

from .._images.files.images import read_image, write_image
from .._images.warping import warp
from .._transform.transform import Transform
from .console import say
from .outputs import check_outputs
from .values import check_fill


def run_apply(chosen: argparse.Namespace) -> int:
    """Resample one file through a transform; return the exit code."""
    inputs = [chosen.transform, chosen.image, chosen.like]
    check_outputs([chosen.out], inputs, overwrite=chosen.overwrite)
    transform = Transform.load(chosen.transform)
    image, like = read_image(chosen.image), read_image(chosen.like)
    check_fill(chosen.fill, image)
    with warnings.catch_warnings(record=True) as doubts:
        warnings.simplefilter("always", UserWarning)
        warped = warp(
            image, transform, like=like, interpolation=chosen.interpolation, fill=chosen.fill
        )
    write_image(chosen.out, warped, overwrite=chosen.overwrite)
    for doubt in doubts:
        say(f"{chosen.image}: {doubt.message}")
    say(f"Written to {chosen.out}")
    return 0
