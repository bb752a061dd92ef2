"""What ``ecc-align`` understands."""

from __future__ import annotations

import argparse
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

from .._compare.difference import DIFFERENCE_MODES
from .._images.samples import sample_names
from .._transform.formats.registry import FORMATS
from .batch_options import add_batch
from .options import add_estimation_options, add_overwrite, add_resampling_options


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        line = " ".join(message.split())
        self.exit(2, f"{self.prog}: {line} (see {self.prog} --help)\n")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command."""
    parser = _Parser(
        prog="ecc-align",
        description="Align two images of one thing, and say whether to trust it.",
        epilog="Exit code: 0 aligned, 1 doubtful or failed, 2 bad usage or input.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version", action="version", version=f"%(prog)s {version('napari-ecc-align')}"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_align(commands)
    _add_apply(commands)
    add_batch(commands)
    _add_demo(commands)
    return parser


def _add_align(commands: argparse._SubParsersAction[_Parser]) -> None:
    command = commands.add_parser(
        "align",
        allow_abbrev=False,
        help="align MOVING to REFERENCE",
        description="Align MOVING to REFERENCE; write the aligned image, the difference, "
        "the binary difference and the transform to a folder.",
    )
    command.add_argument("reference", type=Path, metavar="REFERENCE", help="the image that stays")
    command.add_argument("moving", type=Path, metavar="MOVING", help="the image to be aligned")
    command.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder for the results"
    )
    add_estimation_options(command)
    _add_masks_and_start(command)
    command.add_argument(
        "--transform-out",
        type=Path,
        metavar="FILE",
        help=f"write the transform here too, in the format of the suffix: {', '.join(FORMATS)}",
    )
    command.add_argument(
        "--difference",
        choices=DIFFERENCE_MODES,
        default="absolute",
        help="kind of difference image (default: absolute)",
    )
    add_resampling_options(command)
    add_overwrite(command)
    command.add_argument(
        "--json", action="store_true", help="print the result as JSON, and nothing else"
    )
    command.set_defaults(run=_run_align)


def _add_masks_and_start(command: _Parser) -> None:
    command.add_argument(
        "--mask", type=Path, metavar="IMAGE", help="pixels of REFERENCE that count: those not 0"
    )
    command.add_argument(
        "--moving-mask", type=Path, metavar="IMAGE", help="pixels of MOVING that count"
    )
    command.add_argument(
        "--initial", type=Path, metavar="TRANSFORM", help="a transform file to start from"
    )


def _add_apply(commands: argparse._SubParsersAction[_Parser]) -> None:
    command = commands.add_parser(
        "apply",
        allow_abbrev=False,
        help="apply a transform to another image, such as another flavour of the page",
        description="Resample IMAGE through TRANSFORM on the grid of REFERENCE.",
    )
    command.add_argument(
        "transform",
        type=Path,
        metavar="TRANSFORM",
        help=f"a transform file: {', '.join(FORMATS)}",
    )
    command.add_argument("image", type=Path, metavar="IMAGE", help="the image to be resampled")
    command.add_argument(
        "--like",
        type=Path,
        required=True,
        metavar="REFERENCE",
        help="image whose height and width the result gets",
    )
    command.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="where to write the result"
    )
    add_resampling_options(command)
    add_overwrite(command)
    command.set_defaults(run=_run_apply)


def _add_demo(commands: argparse._SubParsersAction[_Parser]) -> None:
    command = commands.add_parser(
        "demo",
        allow_abbrev=False,
        help="align a pair of images that comes with the package",
        description="Open napari on a sample pair, aligned. Without a display, align it all the "
        "same, print the table and write the results to a folder.",
    )
    command.add_argument(
        "--sample", choices=sample_names(), default="page", help="which pair (default: page)"
    )
    command.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder for the results (default: a new ecc-align-demo here); implies --no-gui",
    )
    command.add_argument("--no-gui", action="store_true", help="do not open napari")
    add_overwrite(command)
    command.set_defaults(run=_run_demo)


# Estimating needs OpenCV, scikit-image and more: they are loaded when there is work for them.
def _run_align(chosen: argparse.Namespace) -> int:
    from .align import run_align

    return run_align(chosen)


def _run_apply(chosen: argparse.Namespace) -> int:
    from .apply import run_apply

    return run_apply(chosen)


def _run_demo(chosen: argparse.Namespace) -> int:
    from .demo import run_demo

    return run_demo(chosen)
