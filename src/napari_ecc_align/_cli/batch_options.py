"""The options of ``ecc-align batch``."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .._batch.settings import BINARY_RESAMPLINGS, DEPTHS, DOUBTFUL, MISSING_SIBLINGS, BatchSettings
from .options import (
    add_accept,
    add_axes,
    add_channel,
    add_command,
    add_estimation_options,
    add_frame,
    add_json,
    add_loudness,
    add_method,
    add_resampling_options,
    add_value,
)
from .values import count, seconds, small_number, voxel_size

_DESCRIPTION = """\
Align each image in MOVING to its partner in REFERENCE, resample each of its siblings by the same
transform, and write everything to a new folder with a report. Pairs that are aligned already are
copied as they are. No input is ever changed.
"""

_MORE = """\
REFERENCE, MOVING and SIBLING are folders, whose images pair by their paths below them, or
patterns with {name} in them: 'scans/{name}_gray.png'. NAME=FOLDER says what the folder of the
outputs is called.

An interrupted or killed run goes on where it was when it is given the same command.
"""


def add_batch(commands: Any) -> None:
    """Add the command ``batch`` to the parser's commands."""
    command = add_command(
        commands,
        "batch",
        "align a whole dataset, each image with its siblings, and report doubtful pairs",
        f"{_DESCRIPTION}\n{_MORE}",
        "ecc-align batch --reference ideal --moving scan/gray --sibling scan/bw --out aligned",
        fine="every pair is aligned or passed through; with --accept doubtful, none failed",
        other="some pairs are doubtful or failed",
    )
    _add_inputs(command.add_argument_group("which images"))
    estimation = command.add_argument_group("how to align")
    add_estimation_options(estimation, bends=True)
    add_method(estimation)
    add_channel(estimation)
    add_axes(estimation, "channels")
    add_frame(estimation)
    _add_depth(estimation)
    resampling = command.add_argument_group("how to resample")
    add_resampling_options(resampling)
    _add_outputs(resampling)
    running = command.add_argument_group("how to run")
    _add_running(running)
    add_accept(running)
    add_json(running, "one JSON document a line")
    add_loudness(command)
    command.set_defaults(**asdict(BatchSettings()))


def _add_inputs(group: argparse._ArgumentGroup) -> None:
    many: dict[str, Any] = {"action": "append", "default": []}
    group.add_argument("--reference", metavar="REFERENCE", help="the images that stay")
    group.add_argument("--moving", metavar="MOVING", help="the images to be aligned")
    text = "images that lie on the moving ones and get the same transform (repeatable)"
    add_value(group, "--sibling", str, "SIBLING", text, **many)
    text = (
        "in place of these: a CSV or TSV file with the columns reference, moving and, if wanted, "
        "sibling:NAME and name"
    )
    add_value(group, "--pairs", Path, "TABLE", text)
    add_value(group, "--out", Path, "DIR", "the output folder", required=True)
    text = (
        "only pairs whose name matches, or COLUMN=GLOB of a table; !GLOB for those that do not "
        "(repeatable: all must hold)"
    )
    add_value(group, "--where", str, "GLOB", text, **many)
    group.add_argument(
        "--missing-siblings",
        choices=MISSING_SIBLINGS,
        help="what becomes of a pair that lacks a sibling (default: %(default)s)",
    )
    text = "refuse images with more pixels (default: %(default)s)"
    add_value(group, "--max-pixels", count, "N", text)


def _add_depth(group: argparse._ArgumentGroup) -> None:
    text = (
        "whether pages are planes of depth, of which z is searched: where both files say so, in "
        "any case, or never (default: %(default)s)"
    )
    group.add_argument("--depth", choices=DEPTHS, help=text)
    text = "lengths of a voxel in micrometres (default: what the files say)"
    add_value(group, "--spacing", voxel_size, "Z,Y,X", text)


def _add_outputs(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--binary",
        choices=BINARY_RESAMPLINGS,
        help="for images of two values, which stay so: the value that covers more of a pixel, or "
        "the nearest (default: %(default)s)",
    )
    text = (
        "pass a pair through if its corners would move by less, or by less than three times "
        "their uncertainty (default: %(default)s)"
    )
    add_value(group, "--pass-through", small_number, "PX", text)
    group.add_argument(
        "--doubtful",
        choices=DOUBTFUL,
        help="whether doubtful pairs get outputs (default: %(default)s); they are reported in "
        "any case",
    )


def _add_running(group: argparse._ArgumentGroup) -> None:
    text = "processes, each using one core (default: one per core)"
    add_value(group, "--workers", count, "N", text)
    text = "seconds after which a pair is tried once more, then given up (default: 600)"
    add_value(group, "--timeout", seconds, "S", text, default=600.0)
    text = "run on the dask.distributed cluster of this scheduler (the extra 'cluster')"
    add_value(group, "--cluster", str, "ADDRESS", text)
    text = "replace files in the output folder that no run has written"
    group.add_argument("--overwrite", action="store_true", help=text)
    group.add_argument("--dry-run", action="store_true", help="show the plan and write nothing")
