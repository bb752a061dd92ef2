"""``ecc-align apply``."""

from __future__ import annotations

import argparse

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
    aligned = warp(
        image,
        transform,
        output_shape=like.shape,
        interpolation=chosen.interpolation,
        fill=chosen.fill,
    )
    write_image(chosen.out, aligned, overwrite=chosen.overwrite)
    say(f"Written to {chosen.out}")
    return 0
