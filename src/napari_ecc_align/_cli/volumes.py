"""Two files of depth stacks, aligned as volumes."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._align.progress import Progress
from .._align.volume.inspection import (
    Looks,
    resampled_volume,
    volume_inspection_steps,
)
from .._align.volume.placing import placed
from .._align.volume.sources import LEAST_SIDE, gray_volume
from .._align.volume.steps import smooth_volume_steps, volume_judging_steps, volume_steps
from .._align.volume.transform import VolumeTransform
from .._common.errors import InputError
from .._common.steps import outcome_of
from .._compare.inspection import Inspection
from .._compare.table import worth_a_look
from .._compare.thresholding import Thresholding
from .._ecc.options import DEFAULTS
from .._images.files.image_file import ImageFile
from .._images.files.images import read_file, write_file
from .._images.files.nifti import SUFFIXES as NIFTI
from .._images.files.suffixes import image_suffix, own_stem
from .._images.files.volumes import (
    Spacing,
    has_depth,
    resampled_volumes_of,
    spacing_of,
    volume_file,
    volume_of,
)
from .._images.interpolation import Interpolation
from .._images.kinds import kind_of
from .._images.warping import Resampling
from .._transform.volume_field import VolumeField
from .console import progress_bar
from .inputs import search_options
from .outputs import all_or_none, check_outputs, check_transform_out
from .provenance import made_by, with_provenance
from .show import exit_code
from .values import check_fill
from .volume_report import Aligned, tell_volumes, volume_numbers, write_transform


def check_search(chosen: argparse.Namespace) -> None:
    """Raise `InputError` for options of the search that volumes have not."""
    for name in ("engine", "representation", "mirrored"):
        given, usual = getattr(chosen, name), getattr(DEFAULTS, name)
        if given not in (usual, "intensity"):
            option = f"--{name}" + ("" if given is True else f" {given}")
            raise InputError(f"volumes are aligned without {option}: leave it out, or --planes")


def are_volumes(read: list[ImageFile], chosen: argparse.Namespace) -> bool:
    """Tell whether two files are to be aligned as volumes, in three axes.

    Depth stacks are, of which their metadata say so, unless ``--planes`` or ``--frame`` is given;
    and with ``--volume`` whatever has pages.

    Raises
    ------
    InputError
        If ``--volume`` is given, and one of them has too few planes, or other axes as well.
    """
    moving = read[1].held
    if moving is not None and {"frames", "planes"} <= {moving.roles[axis] for axis in moving.long}:
        # A film of volumes.
        return False
    if chosen.volume:
        for path, file in zip((chosen.reference, chosen.moving), read, strict=True):
            check_volume(path, file)
        return True
    by_frames = chosen.planes or chosen.frame is not None or chosen.frame_axis is not None
    return not by_frames and all(has_depth(file.held, LEAST_SIDE) for file in read)


def check_volume(path: Path, file: ImageFile) -> None:
    """Raise `InputError` if a file holds no volume."""
    held = file.held
    others = {"frames", "planes", "channels"}
    roles = [] if held is None else [held.roles[axis] for axis in held.long]
    along = [role for role in roles if role != "channels"]
    if len(along) != 1 or not set(roles) <= others or file.frames < LEAST_SIDE:
        holds = "one image" if held is None else str(held)
        raise InputError(
            f"{path} is no volume of {LEAST_SIDE} planes or more, with channels or without: it "
            f"holds {holds}"
        )


@dataclass(frozen=True, eq=False)
class _Pair:
    """Two volumes, (d, h, w) or with colours, and how they are to be aligned.

    Attributes
    ----------
    reference, moving : ndarray
    spacings : tuple of tuple of float, or None
        Lengths of their voxels in micrometres, if they are known.
    masks : tuple of ndarray or None
        Voxels that count.
    initial : VolumeTransform or None
        Where to start.
    looks : Looks
        How they are compared.
    """

    reference: NDArray[Any]
    moving: NDArray[Any]
    spacings: tuple[Spacing, Spacing] | None
    masks: tuple[NDArray[np.bool_] | None, NDArray[np.bool_] | None]
    initial: VolumeTransform | None
    looks: Looks

    @property
    def lengths(self) -> tuple[Spacing, Spacing]:
        """Lengths of their voxels; of cubes where they are not known."""
        return self.spacings or ((1.0, 1.0, 1.0), (1.0, 1.0, 1.0))


def run_volumes(chosen: argparse.Namespace, read: list[ImageFile]) -> int:
    """Align two volumes, print what comes of it, and write it; return the exit code."""
    check_search(chosen)
    beside = check_transform_out(
        chosen.transform_out, chosen.out, "smooth" if chosen.model == "smooth" else "affine"
    )
    start = VolumeTransform.load(chosen.initial) if chosen.initial else None
    pair = _pair(chosen, read, start)
    given = {"initial": pair.initial, "all_turns": chosen.all_turns}
    if chosen.model == "smooth":
        bending = partial(smooth_volume_steps, **given)
        return _run(chosen, read, pair, beside, bending, bends=True)
    steps = partial(volume_steps, search=search_options(chosen), **given)
    return _run(chosen, read, pair, beside, steps)


def judge_volumes(
    chosen: argparse.Namespace,
    read: list[ImageFile],
    given: VolumeTransform | VolumeField | None,
) -> int:
    """Judge a transform of two volumes, print it, and write what align writes; as `run_volumes`.

    Without a transform they are judged as their files say that they lie.
    """
    pair = _pair(chosen, read)
    if given is not None and chosen.in_um:
        given = in_voxels(given, pair.spacings)
    steps = partial(volume_judging_steps, transform=given or pair.initial)
    return _run(chosen, read, pair, {}, steps, bends=isinstance(given, VolumeField))


def in_voxels(
    transform: VolumeTransform | VolumeField, spacings: tuple[Spacing, Spacing] | None
) -> VolumeTransform | VolumeField:
    """Return a transform, or a field, between coordinates in micrometres as one between voxels."""
    if spacings is None:
        raise InputError(
            "--in-um needs the lengths of voxels, which the files do not say: give --spacing"
        )
    own, other = ([1 / length for length in lengths] for lengths in spacings)
    return transform.in_units(own, other)


def _run(
    chosen: argparse.Namespace,
    read: list[ImageFile],
    pair: _Pair,
    beside: Mapping[str, Path],
    steps: Callable[..., Generator[Progress, None, Aligned]],
    *,
    bends: bool = False,
) -> int:
    check_fill(chosen.fill, read[1].pixels.dtype)
    paths = {**beside, **_paths(chosen, bends=bends)}
    check_outputs(paths.values(), _inputs(chosen), overwrite=chosen.overwrite)
    with progress_bar(chosen) as show:
        running = steps(
            gray_volume(pair.reference),
            gray_volume(pair.moving),
            spacing=pair.lengths[0],
            moving_spacing=pair.lengths[1],
            reference_mask=pair.masks[0],
            moving_mask=pair.masks[1],
        )
        result = outcome_of(running, show)
    seen, written = None, dict[str, Path]()
    if worth_a_look(result):
        seen, written = _compared(pair, result), paths
        if paths:
            _write(paths, result, seen, read, pair.spacings, chosen)
    unit = "um" if pair.spacings else "voxels"
    tell_volumes(result, seen, written, _told(read, pair.spacings, chosen), unit, chosen)
    return exit_code(chosen, [result.verdict])


def _inputs(chosen: argparse.Namespace) -> list[Path]:
    names = ("reference", "moving", "mask", "moving_mask", "initial", "transform")
    return [path for name in names if (path := getattr(chosen, name, None)) is not None]


def _pair(
    chosen: argparse.Namespace, read: list[ImageFile], start: VolumeTransform | None = None
) -> _Pair:
    names = chosen.reference, chosen.moving
    first, second = (
        volume_of(file, chosen.channel, name) for file, name in zip(read, names, strict=True)
    )
    return _Pair(
        first,
        second,
        _spacings(read, chosen),
        (
            volume_mask(chosen.mask, names[0], first),
            volume_mask(chosen.moving_mask, names[1], second),
        ),
        start or placed(read, names),
        Looks(
            Thresholding(chosen.method, chosen.thresholds),
            Resampling(chosen.interpolation, chosen.fill),
            chosen.signed,
        ),
    )


def _compared(pair: _Pair, result: Aligned) -> Inspection:
    steps = volume_inspection_steps(
        pair.reference,
        pair.moving,
        result.transform,
        pair.looks,
        start=pair.initial,
        spacing=pair.lengths[1],
        masks=pair.masks,
    )
    return outcome_of(steps)


def apply_to_volume(
    path: Path,
    file: ImageFile,
    transform: VolumeTransform | VolumeField,
    like: ImageFile,
    chosen: argparse.Namespace,
) -> ImageFile:
    """Return a file's volumes, of all channels, on the grid of those in another file.

    Raises
    ------
    InputError
        If one of them holds no volumes.
    """
    grid = like.meaning(None, chosen.channel_axis, chosen.like, "planes")
    for name, one in ((path, file), (chosen.like, grid)):
        check_volume(name, one)
    check_fill(chosen.fill, file.pixels.dtype)
    interpolation = chosen.interpolation or fitting_interpolation(file)
    warped = resampled_file(file, transform, grid, Resampling(interpolation, chosen.fill))
    return volume_file(warped, spacing_of(grid), file, space=grid.space)


def fitting_interpolation(file: ImageFile) -> Interpolation:
    """Return how a volume is interpolated that is measured, or made of labels."""
    measured = kind_of(file.pixels[len(file.pixels) // 2]) in ("image", "blank")
    return "linear" if measured else "nearest"


def resampled_file(
    file: ImageFile,
    transform: VolumeTransform | VolumeField,
    grid: ImageFile,
    resampling: Resampling,
) -> NDArray[Any]:
    """Return the pixels of a file of a volume, all channels, on the grid of another."""
    shape = grid.frames, *grid.shape
    return resampled_volumes_of(
        file, partial(resampled_volume, transform=transform, shape=shape, resampling=resampling)
    )


def _spacings(read: list[ImageFile], chosen: argparse.Namespace) -> tuple[Spacing, Spacing] | None:
    """Return the lengths of both files' voxels in micrometres; None unless both are known."""
    own = chosen.spacing or spacing_of(read[0])
    other = chosen.moving_spacing or chosen.spacing or spacing_of(read[1])
    return None if own is None or other is None else (own, other)


def volume_mask(path: Path | None, name: object, volume: NDArray[Any]) -> NDArray[np.bool_] | None:
    """Return which voxels of a volume count by the mask in a file, which may be of one plane."""
    if path is None:
        return None
    mask = read_file(path).pixels
    if mask.shape not in (volume.shape[:3], volume.shape[1:3]):
        raise InputError(
            f"{path} is of the shape {mask.shape}, but {name} holds a volume of "
            f"{volume.shape[:3]}: a mask has as many planes, or one for all"
        )
    return np.broadcast_to(mask != 0, volume.shape[:3])


def _paths(chosen: argparse.Namespace, *, bends: bool) -> dict[str, Path]:
    """Return where the results go, by role, in the order of writing."""
    if chosen.out is None:
        return {}
    stem, own = own_stem(chosen.moving), image_suffix(chosen.moving)
    suffix = own if own.lower() in NIFTI else ".ome.tif"
    own_format = ".npz" if bends else ".json"
    return {
        "warped": chosen.out / f"{stem}_aligned{suffix}",
        "difference": chosen.out / f"{stem}_difference{suffix}",
        "binary_difference": chosen.out / f"{stem}_binary_difference{suffix}",
        "transform": chosen.out / f"{stem}_transform{own_format}",
    }


def _write(
    paths: Mapping[str, Path],
    result: Aligned,
    seen: Inspection,
    read: list[ImageFile],
    spacings: tuple[Spacing, Spacing] | None,
    chosen: argparse.Namespace,
) -> None:
    moving, space = read[1], read[0].space
    spacing = None if spacings is None else spacings[0]
    numbers = volume_numbers(result, seen, "voxels" if spacing is None else "um")
    made = made_by(chosen, _inputs(chosen))
    origin = {**made, "result": numbers}
    with all_or_none([*paths.values()], overwrite=chosen.overwrite) as staged:
        where = dict(zip(paths, staged, strict=True))
        if "warped" in where:
            resample = partial(
                resampled_volume,
                transform=result.transform,
                shape=result.shape,
                resampling=Resampling(chosen.interpolation, chosen.fill),
            )
            warped = volume_file(
                resampled_volumes_of(moving, resample), spacing, moving, space=space
            )
            write_file(where["warped"], with_provenance(warped, origin))
            for role, pixels in (
                ("difference", seen.difference),
                ("binary_difference", seen.after.labels),
            ):
                told = with_provenance(volume_file(pixels, spacing, space=space), origin)
                write_file(where[role], told)
        if "transform_out" in where:
            result.transform.save(where["transform_out"])
        if "transform" in where:
            write_transform(where["transform"], result, numbers, made)


def _told(
    read: list[ImageFile], spacings: tuple[Spacing, Spacing] | None, chosen: argparse.Namespace
) -> list[str]:
    """Return what the files were taken for."""
    notes, given = [], chosen.command == "judge"
    for name, file, own in zip(
        (chosen.reference, chosen.moving), read, spacings or (None, None), strict=True
    ):
        apart = "" if own is None else f", {own[0]:.4g} um apart"
        searched = "" if given else "; z is searched (--planes: plane by plane)"
        notes.append(f"{name.name}: a volume of {file.frames} planes{apart}{searched}.")
    if spacings is None:
        notes.append(
            "The files do not say how large voxels are: they are taken for cubes of one size "
            "(--spacing Z,Y,X says it)."
        )
    return notes
