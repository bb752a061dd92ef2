"""The options of the commands that read images: align, judge, stack, apply, compare."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from .._transform.formats.registry import FORMATS, STACK_FORMATS
from .._transform.matrices import MOTION_MODELS
from .options import (
    add_answer,
    add_axes,
    add_channel,
    add_command,
    add_comparison_options,
    add_estimation_options,
    add_frame,
    add_mask_options,
    add_pixel_sizes,
    add_resampling_options,
    add_transform_out,
    add_value,
    add_voxel_sizes,
)
from .values import count, stack_reference


def add_align(commands: Any) -> None:
    """Add the command ``align``."""
    command = add_command(
        commands,
        "align",
        "align MOVING to REFERENCE",
        "Align MOVING to REFERENCE and print the verdict, and what differed before and after.\n"
        "With --out, write the warped image, the difference, the binary difference and the\n"
        "transform to a folder; without it, nothing is written.\n"
        "The channels of a TIFF move together. Of a film each frame is aligned, as by stack: to\n"
        "REFERENCE, or to its own there if that is a film, too. Two depth stacks are aligned as\n"
        "volumes, along z too, as far apart as their planes are by OME's or ImageJ's metadata.",
        "ecc-align align reference.png moving.png --out results/",
        "ecc-align align round1.ome.tif round2.ome.tif --model euclidean --out results/",
        fine="aligned; with --accept doubtful, doubtful too",
        other="doubtful or failed; nothing is written if it failed",
    )
    _add_pair(command, "the image to be aligned")
    add_estimation_options(command, bends=True)
    add_value(command, "--initial", Path, "TRANSFORM", "a transform file to start from")
    add_frame(command)
    _add_volumes(command, "align two depth stacks plane by plane, as sections, in x and y only")
    text = "of volumes: search all turns, not just any about z and 30 degrees about x and y"
    command.add_argument("--all-turns", action="store_true", help=text)
    add_transform_out(command, FORMATS)
    _add_looks(command)
    command.set_defaults(workers=None)


def _add_volumes(command: ArgumentParser, planes: str) -> None:
    """Add whether depth stacks are volumes, or what `planes` says, and how large voxels are."""
    either = command.add_mutually_exclusive_group()
    text = "pages are planes of a volume, though nothing says so"
    either.add_argument("--volume", action="store_true", help=text)
    either.add_argument("--planes", action="store_true", help=planes)
    add_voxel_sizes(command, "in micrometres (default: what the files say)")


def add_judge(commands: Any) -> None:
    """Add the command ``judge``."""
    command = add_command(
        commands,
        "judge",
        "say whether a transform, of any program, lays MOVING on REFERENCE",
        "Judge an alignment that is known, by the evidence that align judges its own by, and\n"
        "print the verdict. Without --transform, the images are judged as they lie, pixel on\n"
        "pixel, as after being warped elsewhere. Where they fit better close by, the reason\n"
        "says where. With --out, write to a folder what align writes there.\n"
        "Two depth stacks are judged as volumes, by a transform of volumes. The frames of a\n"
        "film are judged by their transforms: to REFERENCE, or if the film is given alone to the\n"
        "frame that it was aligned to; alone and without --transform, as they lie.",
        "ecc-align judge fixed.png moving.png --transform from_itk.tfm",
        "ecc-align judge fixed.png warped_elsewhere.png --json",
        "ecc-align judge film.tif --transform registered/film_transforms.json",
        fine="aligned; with --accept doubtful, doubtful too",
        other="doubtful or failed; nothing is written if nothing could be compared",
    )
    _add_pair(command, "the image that is laid on it; none where REFERENCE is a film", "?")
    text = (
        f"a transform file: {', '.join(FORMATS)}; or the folder of a scene, or an image that "
        "align or batch has aligned (default: pixel on pixel)"
    )
    add_value(command, "--transform", Path, "TRANSFORM", text)
    text = "motion model that is uncertain (default: the narrowest that contains the transform)"
    command.add_argument("--model", choices=MOTION_MODELS, help=text)
    add_pixel_sizes(command, "the transform is in its unit, not in pixels")
    _add_volumes(command, "judge two depth stacks as images, in x and y only")
    text = "the transform of volumes is in micrometres, as ITK has it, not in voxels"
    command.add_argument("--in-um", action="store_true", help=text)
    _add_looks(command)
    command.set_defaults(frame=None)


def _add_pair(command: ArgumentParser, moving: str, nargs: str | None = None) -> None:
    """Add two images, which of their pixels count, and where results go."""
    add_value(command, "reference", Path, "REFERENCE", "the image that stays")
    add_value(command, "moving", Path, "MOVING", moving, nargs=nargs)
    add_value(command, "--out", Path, "DIR", "folder for the results (default: none are written)")
    add_channel(command)
    add_axes(command, "channels")
    add_mask_options(command, "MOVING")


def _add_looks(command: ArgumentParser) -> None:
    """Add how the result of a pair is looked at, written and told."""
    add_comparison_options(command)
    add_resampling_options(command)
    add_answer(command, accept=True, json=True)


def add_stack(commands: Any) -> None:
    """Add the command ``stack``, which is ``film``, too."""
    command = add_command(
        commands,
        "stack",
        "align the frames of a film",
        "Align every frame of a film, given as files or as one TIFF or OME-Zarr of many pages,\n"
        "and print how it drifts. With --out, write the warped frames (as one TIFF, if they came\n"
        "so), all transforms, and a table of the drift, to a folder. A frame that cannot be\n"
        "aligned gets the transform of its neighbour, one that cannot be read is blank. Killed\n"
        "or interrupted, the same command goes on with the frames that are left.\n"
        "A film of volumes (time and depth, as OME, ImageJ or OME-Zarr say) is aligned in three\n"
        "axes, with a drift along z and a transform of volumes for each.",
        "ecc-align film film.tif --model translation --out registered/",
        "ecc-align stack frames/*.png --reference previous --out registered/",
        fine="every frame is aligned; with --accept doubtful, none failed",
        other="some frames are doubtful or failed; nothing is written if all failed",
        also="film",
    )
    text = "the frames in their order, or one TIFF or OME-Zarr of them"
    add_value(command, "frames", Path, "FRAME", text, nargs="+")
    text = (
        "what frames are aligned to: first, previous, mean, the number of a frame (from 0), or an "
        "image file (default: %(default)s)"
    )
    names = "--reference", "--to"
    command.add_argument(*names, type=stack_reference, metavar="WHAT", help=text, default="first")
    add_value(command, "--out", Path, "DIR", "folder for the results (default: none are written)")
    add_estimation_options(command, bends=True)
    add_channel(command)
    add_axes(command, "frames")
    _add_volumes(command, "align frames of volumes in x and y only, by the mean of their planes")
    add_mask_options(command, "every frame")
    add_transform_out(command, STACK_FORMATS)
    add_resampling_options(command)
    text = "processes, each using one core (default: one per core if there is much to do)"
    add_value(command, "--workers", count, "N", text)
    add_answer(command, accept=True, json=True)


def add_apply(commands: Any) -> None:
    """Add the command ``apply``."""
    command = add_command(
        commands,
        "apply",
        "apply a transform to other images, such as siblings of the moving one",
        "Resample each IMAGE, all its channels and pages, through TRANSFORM on the grid of\n"
        "REFERENCE. Without --interpolation labels are copied and an image of two values keeps\n"
        "these. All are written, or none.\n"
        "The transforms of a film's frames are for as many images, in their order, or for each\n"
        "IMAGE that is a film of as many frames. That of volumes is for depth stacks, those of a\n"
        "film of volumes for films of them.",
        "ecc-align apply moving_transform.json sibling.png --like reference.png --out new.png",
        "ecc-align apply moving_transform.json a.tif b.tif --like reference.png --out warped/",
    )
    add_value(
        command,
        "transform",
        Path,
        "TRANSFORM",
        f"a transform file: {', '.join(FORMATS)}; or a scene, or an aligned image",
    )
    add_value(command, "images", Path, "IMAGE", "an image to be resampled", nargs="+")
    text = "image whose height and width the results get"
    add_value(command, "--like", Path, "REFERENCE", text, required=True)
    text = "where to write: the file of one image, or a folder"
    add_value(command, "--out", str, "FILE|DIR", text, required=True)
    text = (
        "what files in the folder are called, {name} being the image's own name; a suffix names "
        "the format (default: {name}_aligned, as PNG, or as TIFF if the image is one)"
    )
    add_value(command, "--name", str, "PATTERN", text)
    text = "apply the inverse: carry what lies on the reference to the moving image"
    command.add_argument("--inverse", action="store_true", help=text)
    add_axes(command, "frames where TRANSFORM holds those of frames, else channels")
    add_resampling_options(command, "what fits each image")
    command.set_defaults(interpolation=None)
    add_answer(command, json=True)


def add_compare(commands: Any) -> None:
    """Add the command ``compare``."""
    command = add_command(
        commands,
        "compare",
        "count where two images differ that lie on each other",
        "Binarise two images on one grid and count the pixels that differ; nothing is aligned.\n"
        "With --out, write the difference and the binary difference to a folder.",
        "ecc-align compare reference.png results/moving_aligned.png --method sauvola",
        fine="compared, whatever differs",
    )
    add_value(command, "reference", Path, "REFERENCE", "an image")
    add_value(command, "warped", Path, "WARPED", "another one of the same height and width")
    add_comparison_options(command)
    add_channel(command)
    add_value(command, "--mask", Path, "IMAGE", "pixels that count: those not 0")
    add_value(command, "--out", Path, "DIR", "folder for the pictures (default: none are written)")
    add_answer(command, json=True)
