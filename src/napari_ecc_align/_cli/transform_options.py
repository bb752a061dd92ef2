"""The options of the commands that read transforms: info, convert, compose, points."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .._transform.formats.registry import FORMATS
from .options import (
    add_answer,
    add_command,
    add_json,
    add_pixel_sizes,
    add_value,
    add_voxel_sizes,
)
from .values import count


def add_info(commands: Any) -> None:
    """Add the command ``info``."""
    command = add_command(
        commands,
        "info",
        "say what transforms do: shift, rotation, scales, shear",
        "Print the parts of transforms: of files of every format, of one or of a stack, and of\n"
        "the JSON of a result, with its verdict and uncertainty. x and y are how far one point\n"
        "of the reference moves: its middle, where its size is known from the result, from\n"
        "--like or from --size, or else its pixel (0, 0).",
        "ecc-align info results/moving_transform.json",
        "ecc-align info for_itk.tfm --like reference.png --pixel-size 0.325 --unit um",
    )
    text = f"a transform file ({', '.join(FORMATS)}), or what align --json printed"
    add_value(command, "files", Path, "FILE", text, nargs="+")
    size = command.add_mutually_exclusive_group()
    add_value(size, "--like", Path, "IMAGE", "the reference, at whose middle x and y are said")
    text = "its size instead: width and height in pixels"
    size.add_argument("--size", type=count, nargs=2, metavar=("W", "H"), help=text)
    add_pixel_sizes(command)
    text = "what that unit is called (default: units)"
    add_value(command, "--unit", str, "NAME", text, default="units")
    add_json(command, "the parts as JSON")


def add_convert(commands: Any) -> None:
    """Add the command ``convert``."""
    command = add_command(
        commands,
        "convert",
        "write a transform in another format, direction or unit",
        "Read the transform in IN, or those of a stack, and write OUT in the format that its\n"
        f"suffix names: {', '.join(FORMATS)}.",
        "ecc-align convert moving_transform.json back.tfm --inverse",
    )
    add_value(command, "file", Path, "IN", "a transform file")
    add_value(command, "out", Path, "OUT", "where to write it")
    text = "write the inverse: from the moving image to the reference"
    command.add_argument("--inverse", action="store_true", help=text)
    add_pixel_sizes(command)
    add_voxel_sizes(command, "of volumes: give the transform in its unit, not in voxels")
    add_answer(command)


def add_compose(commands: Any) -> None:
    """Add the command ``compose``."""
    command = add_command(
        commands,
        "compose",
        "write transforms, one after the other, as one",
        "The first is applied first: a point p of the first one's reference goes to C(B(A(p))),\n"
        "and the matrix is C B A. So 1_to_2 and 2_to_3, in the order in which they are read,\n"
        "make 1_to_3, by which images of 3 are laid on 1.",
        "ecc-align compose 1_to_2.json 2_to_3.json --out 1_to_3.json",
    )
    add_value(command, "first", Path, "A", "the transform that is applied first")
    add_value(command, "others", Path, "B", "those after it, in their order", nargs="+")
    add_value(command, "--out", Path, "FILE", "where to write it", required=True)
    add_answer(command)


def add_points(commands: Any) -> None:
    """Add the command ``points``."""
    command = add_command(
        commands,
        "points",
        "map points from the reference to the moving image, or back",
        "Map the columns x and y of a table, in pixels, or axis-1 and axis-0, as napari saves\n"
        "points. All else is kept as it is: other columns, the line of names, the delimiter.",
        "ecc-align points moving_transform.json spots.csv --to-reference --out on_reference.csv",
        "cut -d, -f1,2 spots.csv | ecc-align points moving_transform.json - | head",
    )
    add_value(command, "transform", Path, "TRANSFORM", f"a transform file: {', '.join(FORMATS)}")
    text = "a table whose first line is names, separated by comma, semicolon or tab; - is stdin"
    add_value(command, "points", Path, "POINTS", text)
    text = "from the moving image to the reference, rather than from the reference to it"
    command.add_argument("--to-reference", action="store_true", help=text)
    add_value(command, "--out", Path, "FILE", "where to write it (default: -, stdout)")
    add_answer(command)
