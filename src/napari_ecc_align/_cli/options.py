"""The options that several commands have."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from .._compare.thresholding import THRESHOLD_METHODS
from .._ecc.options import DEFAULTS, ENGINES
from .._images.interpolation import INTERPOLATIONS
from .._images.warping import Resampling
from .._transform.matrices import MOTION_MODELS
from .values import count, fill_value, precision, small_number


def add_value(
    group: argparse._ActionsContainer,
    name: str,
    kind: Callable[[str], object],
    metavar: str,
    text: str,
    **more: Any,
) -> None:
    """Add an option or argument whose value is read by `kind`, with `text` for its help."""
    group.add_argument(name, type=kind, metavar=metavar, help=text, **more)


def add_estimation_options(group: argparse._ActionsContainer) -> None:
    """Add how two images are aligned, under the names of `SearchOptions`, and binarised."""
    group.add_argument(
        "--model", choices=MOTION_MODELS, help="motion model (default: %(default)s)"
    )
    group.add_argument("--engine", choices=ENGINES, help="the estimator (default: %(default)s)")
    text = "corner uncertainty to reach, in pixels (default: %(default)g)"
    add_value(group, "--precision", precision, "PX", text)
    text = "most iterations on a level (default: %(default)s)"
    add_value(group, "--max-iterations", count, "N", text)
    text = "stop when an iteration changes the correlation by less (default: %(default)g)"
    add_value(group, "--tolerance", small_number, "GAIN", text)
    group.add_argument(
        "--threshold",
        dest="method",
        choices=THRESHOLD_METHODS,
        help="how both are binarised to count differing pixels (default: %(default)s)",
    )
    group.set_defaults(**asdict(DEFAULTS), method="otsu")


def add_resampling_options(group: argparse._ActionsContainer) -> None:
    """Add how images are resampled, under the names of `Resampling`."""
    group.add_argument(
        "--interpolation",
        choices=INTERPOLATIONS,
        help="how to resample; nearest for labels (default: linear)",
    )
    text = (
        "value outside the moving image: a number, or background for the median along its border "
        "(default: %(default)s)"
    )
    add_value(group, "--fill", fill_value, "VALUE", text)
    group.set_defaults(**asdict(Resampling()))


def add_overwrite(group: argparse._ActionsContainer) -> None:
    """Add whether results that are there are replaced."""
    group.add_argument(
        "--overwrite", action="store_true", help="replace results that are there already"
    )
