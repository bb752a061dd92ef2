"""Films of volumes in files: what is one, and how each volume is resampled and written."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._align.volume.sources import LEAST_SIDE
from .._align.volume.transform import VolumeTransform
from .._common.errors import InputError
from .._images.files.film import opened_film, write_film
from .._images.files.image_file import ImageFile
from .._images.files.paged_film import PagedFilm
from .._images.files.volumes import Spacing, spacing_of, volume_file
from .._images.warping import Resampling
from .._transform.volume_field import VolumeField
from .values import check_fill
from .volumes import check_volume, fitting_interpolation, resampled_file


def is_deep(film: PagedFilm, *, told: bool) -> bool:
    """Tell whether a film is one of volumes, and if `told` whether nothing of that is guessed."""
    held = film.held
    roles = [held.roles[axis] for axis in held.long]
    if held.along is None or held.roles[held.along] != "frames" or (told and held.guessed):
        return False
    planes = [held.lengths[axis] for axis in held.long if held.roles[axis] == "planes"]
    fits = set(roles) <= {"frames", "planes", "channels"} and len(planes) == 1
    return fits and planes[0] >= LEAST_SIDE


def apply_to_volumes(
    path: Path,
    out: Path,
    transforms: list[VolumeTransform] | list[VolumeField],
    like: ImageFile,
    chosen: argparse.Namespace,
    origin: str,
) -> None:
    """Write a film of volumes, each by its transform, on the grid of a volume in another file.

    Raises
    ------
    InputError
        If it is no film of as many volumes, or the other file holds none.
    """
    with opened_film(path, chosen.frame_axis, chosen.channel_axis) as film:
        if not is_deep(film, told=False) or len(film) != len(transforms):
            raise InputError(
                f"{chosen.transform} holds the transforms of {len(transforms)} volumes, which "
                f"need a film of as many volumes, but {path} holds {film.held}"
            )
        grid = _grid(like, chosen)
        check_fill(chosen.fill, film.dtype)
        first = film.file(0)
        interpolation = chosen.interpolation or fitting_interpolation(first)
        write_volumes(
            out,
            film,
            transforms,
            grid,
            Resampling(interpolation, chosen.fill),
            spacing=spacing_of(grid),
            origin=origin,
        )


def _grid(like: ImageFile, chosen: argparse.Namespace) -> ImageFile:
    """Return the volume in a file, or the first one of a film."""
    grid = like.meaning(None, chosen.channel_axis, chosen.like, "planes")
    held = grid.held
    if held is not None and held.along is not None and held.roles[held.along] == "frames":
        with opened_film(chosen.like, chosen.frame_axis, chosen.channel_axis) as film:
            grid = film.file(0)
    check_volume(chosen.like, grid)
    return grid


def write_volumes(
    path: Path,
    film: PagedFilm,
    transforms: Sequence[VolumeTransform | VolumeField],
    like: ImageFile,
    resampling: Resampling,
    *,
    spacing: Spacing | None,
    origin: str,
) -> None:
    """Write the volumes of a film on the grid of one, a volume at a time, as a new TIFF.

    Parameters
    ----------
    path : Path
        Of a file that is not there.
    film : PagedFilm
        All channels of a time point follow its transform; one that cannot be read is blank.
    transforms : sequence of VolumeTransform or VolumeField
        One for each time point.
    like : ImageFile
        The volume with the grid.
    resampling : Resampling
        Between the voxels, and beyond them.
    spacing : tuple of float or None
        Lengths of the grid's voxels along (z, y, x) in micrometres, if they are known.
    origin : str
        Where it comes from.
    """

    def made() -> Iterator[ImageFile]:
        blank = None
        for number, transform in enumerate(transforms):
            try:
                file = film.file(number)
            except InputError:
                if blank is None:
                    raise
                yield blank
                continue
            pixels = resampled_file(file, transform, like, resampling)
            warped = volume_file(pixels, spacing, file)
            if blank is None:
                blank = replace(warped, pixels=np.zeros_like(pixels))
            yield warped

    volumes = made()
    first = next(volumes)
    assert first.style is not None and first.layout is not None
    planes = first.layout.planes
    lengths = first.layout.lengths[: len(planes)]
    colours = "S" * (first.pixels.ndim - 3)

    def pages() -> Iterator[NDArray[Any]]:
        yield from first.pixels
        for volume in volumes:
            yield from volume.pixels

    write_film(
        path,
        pages(),
        (len(transforms), *lengths, *first.pixels.shape[1:]),
        first.pixels.dtype,
        axes=f"T{planes}YX{colours}",
        style=first.style,
        origin=origin,
        grid=first.grid,
    )
