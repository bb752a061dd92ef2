"""What ``ecc-align`` understands."""

from __future__ import annotations

import argparse
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

from .._images.samples import sample_names
from .._transform.formats.registry import FORMATS
from .batch_options import add_batch
from .options import add_estimation_options, add_overwrite, add_resampling_options, add_value


class _Parser(argparse.ArgumentParser):
    """A parser of options that are written out, whose errors are one line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        line = " ".join(message.split())
        self.exit(2, f"{self.prog}: {line} (see {self.prog} --help)\n")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command."""
    parser = _Parser(
        prog="ecc-align",
        description="Align two images of one thing, and say whether to trust it.",
        epilog="Exit code: 0 aligned, 1 doubtful or failed, 2 bad usage or input.",
    )
    parser.add_argument(
        "--version", action="version", version=f"%(prog)s {version('napari-ecc-align')}"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    _add_align(commands)
    _add_apply(commands)
    add_batch(commands)
    _add_demo(commands)
    return parser


def _add_align(commands: argparse._SubParsersAction[_Parser]) -> None:
    command = commands.add_parser(
        "align",
        help="align MOVING to REFERENCE",
        description="Align MOVING to REFERENCE; write the aligned image, the difference, "
        "the binary difference and the transform to a folder.",
    )
    add_value(command, "reference", Path, "REFERENCE", "the image that stays")
    add_value(command, "moving", Path, "MOVING", "the image to be aligned")
    add_value(command, "--out", Path, "DIR", "folder for the results", required=True)
    add_estimation_options(command)
    add_value(command, "--mask", Path, "IMAGE", "pixels of REFERENCE that count: those not 0")
    add_value(command, "--moving-mask", Path, "IMAGE", "pixels of MOVING that count")
    add_value(command, "--initial", Path, "TRANSFORM", "a transform file to start from")
    text = f"write the transform here too, in the format of the suffix: {', '.join(FORMATS)}"
    add_value(command, "--transform-out", Path, "FILE", text)
    text = "write reference minus aligned as the difference, rather than its magnitude"
    command.add_argument("--signed", action="store_true", help=text)
    add_resampling_options(command)
    add_overwrite(command)
    command.add_argument(
        "--json", action="store_true", help="print the result as JSON, and nothing else"
    )


def _add_apply(commands: argparse._SubParsersAction[_Parser]) -> None:
    command = commands.add_parser(
        "apply",
        help="apply a transform to another image, such as another flavour of the page",
        description="Resample IMAGE through TRANSFORM on the grid of REFERENCE. Without "
        "--interpolation labels are copied and an image of two values keeps these.",
    )
    add_value(command, "transform", Path, "TRANSFORM", f"a transform file: {', '.join(FORMATS)}")
    add_value(command, "image", Path, "IMAGE", "the image to be resampled")
    text = "image whose height and width the result gets"
    add_value(command, "--like", Path, "REFERENCE", text, required=True)
    add_value(command, "--out", Path, "FILE", "where to write the result", required=True)
    add_resampling_options(command)
    command.set_defaults(interpolation=None)
    add_overwrite(command)


def _add_demo(commands: argparse._SubParsersAction[_Parser]) -> None:
    command = commands.add_parser(
        "demo",
        help="align a pair of images that comes with the package",
        description="Open napari on a sample pair, aligned. Without a display, align it all the "
        "same, print the table and write the results to a folder.",
    )
    command.add_argument(
        "--sample", choices=sample_names(), default="page", help="which pair (default: page)"
    )
    text = "folder for the results (default: a new ecc-align-demo here); implies --no-gui"
    add_value(command, "--out", Path, "DIR", text)
    command.add_argument("--no-gui", action="store_true", help="do not open napari")
    add_overwrite(command)
