"""The options of the commands that read transforms: info, convert, compose, points."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .._transform.formats.registry import FORMATS
from .._transform.matrices import MOTION_MODELS
from .options import (
    add_accept,
    add_answer,
    add_command,
    add_json,
    add_loudness,
    add_pixel_sizes,
    add_value,
    add_voxel_sizes,
)
from .values import channel as channel_number
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
        "--like or from --size, or else its pixel (0, 0). Of volumes too: z, and the axis of the\n"
        "rotation.",
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
    add_voxel_sizes(command, "of volumes: say the parts in its unit")
    text = "what that unit is called (default: units)"
    add_value(command, "--unit", str, "NAME", text, default="units")
    add_json(command, "the parts as JSON")


def add_show(commands: Any) -> None:
    """Add the command ``show``."""
    command = add_command(
        commands,
        "show",
        "say how results were made: versions, inputs, options, verdict",
        "Print what results say of where they come from: a transform or a warped TIFF that align\n"
        "or judge has written, or a scene. Inputs stand there with their SHA-256.",
        "ecc-align show results/moving_transform.json",
    )
    command.set_defaults(module="provenance")
    text = "a _transform.json, a warped TIFF, or the folder of a scene"
    add_value(command, "files", Path, "FILE", text, nargs="+")
    add_json(command, "it as JSON, by file")


def add_scene(commands: Any) -> None:
    """Add the command ``scene``."""
    command = add_command(
        commands,
        "scene",
        "lay one OME-Zarr image on another, as a scene of OME-NGFF 0.6",
        "Write a folder in which both images are linked and the transform between them stands,\n"
        "in their axes and units. They are aligned, unless --transform is given. Nothing of them\n"
        "is changed or resampled.",
        "ecc-align scene fixed.ome.zarr moving.ome.zarr --out pair.zarr",
        fine="aligned, or a transform was given; with --accept doubtful, doubtful too",
        other="doubtful or failed; nothing is written if it failed",
    )
    add_value(command, "reference", Path, "REFERENCE", "the OME-Zarr image that stays")
    add_value(command, "moving", Path, "MOVING", "the one that is laid on it, of the same axes")
    add_value(command, "--out", Path, "SCENE", "the folder to write", required=True)
    text = "a transform file between pixels of the finest levels, in place of aligning them"
    add_value(command, "--transform", Path, "TRANSFORM", text)
    text = "which motion may have happened (default: %(default)s)"
    command.add_argument(
        "--model", choices=(*MOTION_MODELS[:-1], "smooth"), default="affine", help=text
    )
    add_value(command, "--channel", channel_number, "N", "which channel, from 0 (default: 0)")
    text = "copy the pixels, so that the scene can be moved without the images"
    command.add_argument("--copy", action="store_true", help=text)
    add_accept(command)
    add_loudness(command)


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
        "make 1_to_3, by which images of 3 are laid on 1. All are of images, or all of volumes.",
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
        "points; of volumes x, y and z, in voxels, or axis-2, axis-1 and axis-0. All else is\n"
        "kept as it is: other columns, the line of names, the delimiter.",
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
