"""Two volumes of which one does not fit into memory: read, and written, where it is needed."""

from __future__ import annotations

import argparse
from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .._align.progress import Progress
from .._align.volume.inspection import background_of, checked_interpolation
from .._align.volume.lazy_warp import warped_levels
from .._align.volume.result import VolumeAlignment
from .._align.volume.sources import gray_volume
from .._align.volume.steps import volume_judging_steps, volume_steps
from .._align.volume.transform import VolumeTransform
from .._align.volume.warp import warped_by
from .._common.errors import InputError
from .._common.staging import remove_leftovers
from .._common.steps import outcome_of, retold
from .._images.files.suffixes import own_stem
from .._images.files.volumes import Spacing, spacing_of, volume_of
from .._images.files.zarr_image import is_zarr, zarr_volume
from .._images.ome_zarr.image import read_ome_zarr
from .._images.ome_zarr.writing import written_volume
from .._images.warping import Resampling
from .._transform.axes import in_row_column
from .console import progress_bar
from .held import held_volume
from .inputs import read_meant, search_options
from .outputs import all_or_none, check_folder, check_outputs, check_transform_out
from .provenance import made_by
from .show import exit_code
from .values import check_fill
from .volume_report import tell_volumes, volume_numbers, write_transform
from .volumes import (
    check_search,
    check_volume,
    in_voxels,
)


@dataclass(frozen=True, eq=False)
class _Volume:
    """A volume at every size there is, full resolution first, and the lengths of its voxels."""

    levels: list[Any]
    spacing: Spacing | None


def run_large_volumes(chosen: argparse.Namespace) -> int:
    """Align or judge two volumes as `run_volumes` does, of OME-Zarr images not read whole.

    They are not compared voxel by voxel, and the aligned one is an OME-Zarr image, too.
    """
    _check(chosen)
    judges = chosen.command == "judge"
    transform_out = None if judges else chosen.transform_out
    beside = check_transform_out(transform_out, chosen.out, "affine")
    reference, moving = (_volume(path, chosen) for path in (chosen.reference, chosen.moving))
    check_fill(chosen.fill, np.dtype(moving.levels[0].dtype))
    paths = {**beside, **_paths(chosen)}
    start = chosen.transform if judges else chosen.initial
    given = [chosen.reference, chosen.moving, *filter(None, [start])]
    check_outputs(paths.values(), given, overwrite=chosen.overwrite)
    lies: Any = None
    if start is not None:
        lies = held_volume(start) if judges else VolumeTransform.load(start)
    own = chosen.spacing or reference.spacing
    other = chosen.moving_spacing or chosen.spacing or moving.spacing
    known = own is not None and other is not None
    cubes = (1.0, 1.0, 1.0)
    if judges and lies is not None and chosen.in_um:
        lies = in_voxels(lies, (own, other) if own and other else None)
    # By no field: what `held_volume` returns is a matrix.
    steps: Any = (
        partial(volume_judging_steps, transform=lies)
        if judges
        else partial(
            volume_steps,
            search=search_options(chosen),
            initial=lies,
            all_turns=chosen.all_turns,
        )
    )
    with progress_bar(chosen) as show:
        running = steps(
            reference.levels if len(reference.levels) > 1 else reference.levels[0],
            moving.levels if len(moving.levels) > 1 else moving.levels[0],
            spacing=own if known else cubes,
            moving_spacing=other if known else cubes,
        )
        result = outcome_of(running, show)
        if result.found and paths:
            _write(paths, result, moving, own if known else None, chosen, show)
    notes = _notes(chosen, (reference, moving), known=known)
    written = paths if result.found else {}
    tell_volumes(result, None, written, notes, "um" if known else "voxels", chosen)
    return exit_code(chosen, [result.verdict])


def _check(chosen: argparse.Namespace) -> None:
    """Raise `InputError` for what is not done with volumes that are not read whole."""
    if chosen.command == "align":
        check_search(chosen)
        if chosen.model == "smooth":
            raise InputError(
                "the model 'smooth' is for volumes that fit into memory: crop them, or raise "
                "ECC_ALIGN_IMAGE_BYTES"
            )
    checked_interpolation(Resampling(chosen.interpolation, chosen.fill))
    if chosen.out is not None:
        check_folder(chosen.out)
    if chosen.mask or chosen.moving_mask or chosen.planes or chosen.frame is not None:
        raise InputError(
            "masks, --planes and --frame are for what fits into memory: crop the volumes, or "
            "raise ECC_ALIGN_IMAGE_BYTES"
        )


def _volume(path: Path, chosen: argparse.Namespace) -> _Volume:
    import dask.array as da

    if is_zarr(path):
        found = zarr_volume(path, chosen.channel)
        return _Volume(found.levels, found.spacing)
    file = read_meant(path, chosen, "planes")
    check_volume(path, file)
    volume = gray_volume(volume_of(file, chosen.channel, path))
    # Resampled on the grid of the other one, it would not fit into memory either.
    return _Volume([da.from_array(volume)], spacing_of(file))


def _paths(chosen: argparse.Namespace) -> dict[str, Path]:
    """Return where the results go, by role, in the order of writing."""
    if chosen.out is None:
        return {}
    stem = own_stem(chosen.moving)
    warped = chosen.out / f"{stem}_aligned.ome.zarr"
    paths = {"warped": warped, "transform": chosen.out / f"{stem}_transform.json"}
    remove_leftovers(chosen.out, [*paths.values()])
    if warped.exists():
        raise InputError(f"{warped} exists, and is not replaced: give another folder, or move it")
    return paths


def _write(
    paths: dict[str, Path],
    result: VolumeAlignment,
    moving: _Volume,
    spacing: Spacing | None,
    chosen: argparse.Namespace,
    show: Any,
) -> None:
    numbers = volume_numbers(result, None, "voxels" if spacing is None else "um")
    start = chosen.transform if chosen.command == "judge" else chosen.initial
    made = made_by(chosen, filter(None, [start]))
    # To look at all chunks would take longer than all else.
    made["inputs"] += [_known(path) for path in (chosen.reference, chosen.moving)]
    with all_or_none([*paths.values()], overwrite=chosen.overwrite) as staged:
        where = dict(zip(paths, staged, strict=True))
        if "warped" in where:
            told = {"napari-ecc-align": {**made, "result": numbers}}
            steps = _written(where["warped"], result, moving, spacing, chosen, told)
            outcome_of(retold(steps, lambda share: Progress(share, "writing the volume")), show)
        if "transform_out" in where:
            result.transform.save(where["transform_out"])
        if "transform" in where:
            write_transform(where["transform"], result, numbers, made, overwrite=False)


def _written(
    path: Path,
    result: VolumeAlignment,
    moving: _Volume,
    spacing: Spacing | None,
    chosen: argparse.Namespace,
    told: dict[str, Any],
) -> Generator[float, None, None]:
    """Write the moving volume on the reference's grid, and yield which share is written."""
    fill, way = chosen.fill, checked_interpolation(Resampling(chosen.interpolation))
    fill = background_of(moving.levels[-1], fill) if isinstance(fill, str) else fill
    resample = partial(warped_by, interpolation=way, fill=float(np.ravel(fill)[0]))
    matrix = in_row_column(result.transform.matrix)
    return written_volume(
        path,
        warped_levels(moving.levels, matrix, result.shape, resample),
        spacing or (1.0, 1.0, 1.0),
        unit=None if spacing is None else "micrometer",
        attributes=told,
    )


def _known(path: Path) -> dict[str, Any]:
    """Return what tells an input: of an OME-Zarr image what its metadata are."""
    told = {"metadata_sha256": read_ome_zarr(path).sha256} if is_zarr(path) else {}
    return {"name": path.name, **told}


def _notes(
    chosen: argparse.Namespace, volumes: tuple[_Volume, _Volume], *, known: bool
) -> list[str]:
    notes = []
    for path, volume in zip((chosen.reference, chosen.moving), volumes, strict=True):
        depth, height, width = volume.levels[0].shape
        notes.append(f"{path.name}: a volume of {depth} planes of {width} x {height}.")
    notes.append("Read where it was needed, and not compared voxel by voxel.")
    if not known:
        notes.append(
            "The files do not say how large voxels are: they are taken for cubes of one size "
            "(--spacing Z,Y,X says it)."
        )
    return notes
