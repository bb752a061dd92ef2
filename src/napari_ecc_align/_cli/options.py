"""The options that several commands have."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .._compare.thresholding import THRESHOLD_METHODS
from .._ecc.options import COMPARED, DEFAULTS, ENGINES, MODEL_CHOICES
from .._images.interpolation import INTERPOLATIONS
from .._images.warping import Resampling
from .values import (
    channel,
    count,
    fill_value,
    pixel_size,
    precision,
    small_number,
    thresholds,
    voxel_size,
)

_CODES = """\
Exit code: 0 {fine}
{other}           2 bad usage or input, said in one line on standard error
           70 a bug of this program, with its traceback
           130 interrupted
"""


def add_command(
    commands: Any,
    name: str,
    text: str,
    description: str,
    *examples: str,
    fine: str = "done",
    other: str = "",
    also: str | None = None,
) -> argparse.ArgumentParser:
    """Return the parser of a new command.

    Parameters
    ----------
    commands : subparsers action
        What it is added to.
    name, text : str
        The command, and what it does in a few words.
    description : str
        The same in whole sentences, in lines of less than 80 characters.
    *examples : str
        Command lines that work, for the end of the help.
    fine, other : str
        What the exit codes 0 and 1 mean; no `other` if 1 never is one.
    """
    codes = _CODES.format(fine=fine, other=f"           1 {other}\n" if other else "")
    lines = "\n".join(f"  {example}" for example in examples)
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        aliases=[] if also is None else [also],
        help=text,
        description=description,
        epilog=f"Example:\n{lines}\n\n{codes}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(command=name)
    return command


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


def add_estimation_options(group: argparse._ActionsContainer, *, bends: bool = False) -> None:
    """Add how two images are aligned, under the names of `SearchOptions`."""
    group.add_argument(
        "--model",
        choices=[*MODEL_CHOICES, *["smooth"] * bends],
        help="motion model; auto: the narrowest that suffices"
        + ("; smooth: a field that bends" if bends else "")
        + " (default: %(default)s)",
    )
    group.add_argument("--engine", choices=ENGINES, help="the estimator (default: %(default)s)")
    text = "corner uncertainty to reach, in pixels (default: %(default)g)"
    add_value(group, "--precision", precision, "PX", text)
    text = "most iterations on a level (default: %(default)s)"
    add_value(group, "--max-iterations", count, "N", text)
    text = "stop when an iteration changes the correlation by less (default: %(default)g)"
    add_value(group, "--tolerance", small_number, "GAIN", text)
    group.add_argument(
        "--representation",
        choices=COMPARED,
        help="what is compared: brightness or the direction of edges (default: %(default)s, "
        "the first that convinces)",
    )
    text = "the moving image may be mirrored: align it turned over, too"
    group.add_argument("--mirrored", action="store_true", help=text)
    group.set_defaults(**asdict(DEFAULTS))


def add_method(group: argparse._ActionsContainer) -> None:
    """Add how images are binarised to count what differs."""
    group.add_argument(
        "--method",
        choices=THRESHOLD_METHODS,
        default="otsu",
        help="how both are binarised to count differing pixels (default: %(default)s)",
    )


def add_comparison_options(group: argparse._ActionsContainer) -> None:
    """Add how two images are compared: binarised, and subtracted."""
    add_method(group)
    text = "binarise at these numbers instead: one for both images, or REFERENCE,MOVING"
    add_value(group, "--thresholds", thresholds, "A[,B]", text)
    text = "write reference minus warped as the difference, rather than its magnitude"
    group.add_argument("--signed", action="store_true", help=text)


def add_channel(group: argparse._ActionsContainer) -> None:
    """Add which channel of files with several decides."""
    text = (
        "which channel of a file with several is looked at, from 0 (default: its colours, or the "
        "mean of all); all of them are resampled alike"
    )
    add_value(group, "--channel", channel, "N", text)


def add_frame(group: argparse._ActionsContainer) -> None:
    """Add which frame of a film decides for all."""
    text = "one transform for all frames of a film, found on this one, from 0"
    add_value(group, "--frame", channel, "N", text)


def add_axes(group: argparse._ActionsContainer, pages: str) -> None:
    """Add which axes hold what; `pages` is what pages are of which nothing is said."""
    text = (
        "axis of the {} in a TIFF, by its letter (T, Z, C) or number from 0, where the file does "
        f"not say it, or not right; pages of which nothing is said are {pages}"
    )
    add_value(group, "--frames", str, "AXIS", text.format("frames"), dest="frame_axis")
    add_value(group, "--channels", str, "AXIS", text.format("channels"), dest="channel_axis")


def add_mask_options(group: argparse._ActionsContainer, moving: str) -> None:
    """Add which pixels count, of the reference and of what is named `moving`."""
    add_value(group, "--mask", Path, "IMAGE", "pixels of the reference that count: those not 0")
    add_value(group, "--moving-mask", Path, "IMAGE", f"pixels of {moving} that count")


def add_resampling_options(
    group: argparse._ActionsContainer, interpolation: str = "linear"
) -> None:
    """Add how images are resampled, under the names of `Resampling`.

    Parameters
    ----------
    group : container of arguments
        What they are added to.
    interpolation : str
        What is done by default, in words.
    """
    group.add_argument(
        "--interpolation",
        choices=INTERPOLATIONS,
        help=f"how to resample; nearest for labels (default: {interpolation})",
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


def add_transform_out(group: argparse._ActionsContainer, formats: Iterable[str]) -> None:
    """Add a further file for what is found, in the format of its suffix."""
    text = f"write what is found here too, in the format of the suffix: {', '.join(formats)}"
    add_value(group, "--transform-out", Path, "FILE", text)


def add_accept(group: argparse._ActionsContainer) -> None:
    """Add which verdict is good enough."""
    text = "exit with 0 for what is doubtful, too"
    group.add_argument("--accept", choices=["doubtful"], help=text)


def add_json(group: argparse._ActionsContainer, what: str = "the result as JSON") -> None:
    """Add whether programs read what is printed."""
    text = f"print {what}, and nothing else (its schema: docs/ecc-align.schema.json)"
    group.add_argument("--json", action="store_true", help=text)


def add_answer(
    command: argparse.ArgumentParser, *, accept: bool = False, json: bool = False
) -> None:
    """Add what commands that write files end with: what is replaced, and how they answer."""
    add_overwrite(command)
    if accept:
        add_accept(command)
    if json:
        add_json(command)
    add_loudness(command)


def add_loudness(command: argparse.ArgumentParser) -> None:
    """Add how much is said beside the results."""
    either = command.add_mutually_exclusive_group()
    text = "say nothing but errors and --json: no text, no progress bar"
    either.add_argument("-q", "--quiet", action="store_true", help=text)
    text = "say each step in a line on standard error"
    either.add_argument("-v", "--verbose", action="store_true", help=text)


def add_pixel_sizes(
    group: argparse._ActionsContainer, what: str = "give the transform in its unit, not in pixels"
) -> None:
    """Add between which units a transform is taken to map, and `what` is done with it."""
    text = f"size of the reference's pixels, or X,Y: {what}"
    add_value(group, "--pixel-size", pixel_size, "SIZE", text)
    text = "the same of the moving image (default: that of the reference)"
    add_value(group, "--moving-pixel-size", pixel_size, "SIZE", text)


def add_voxel_sizes(group: argparse._ActionsContainer, what: str) -> None:
    """Add how large the voxels of two volumes are, and `what` that is for."""
    text = f"lengths of a voxel of the reference, {what}"
    add_value(group, "--spacing", voxel_size, "Z,Y,X", text)
    text = "the same of the moving volume (default: that of the reference)"
    add_value(group, "--moving-spacing", voxel_size, "Z,Y,X", text)
