"""The files that ``ecc-align`` writes: none of them over an input, and all of them or none."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._common.atomic import is_no_file, move_into_place, real_path, same_file, write_atomically
from .._common.errors import InputError
from .._common.opening import is_folder
from .._common.staging import move_folder_into_place, remove_leftovers, staging_folder
from .._compare.binary import COLOURS, ONLY_MOVING, ONLY_REFERENCE
from .._compare.inspection import Inspection
from .._images.files.image_file import ImageFile
from .._images.files.images import write_file
from .._images.files.nifti import SUFFIXES as NIFTI
from .._images.files.suffixes import ZARR, image_suffix, own_stem
from .._transform.field import Field
from .._transform.files import as_document
from .._transform.formats.field_files import FIELD_FORMATS, GROUPS
from .._transform.formats.field_zarr import check_free, is_zarr
from .._transform.formats.registry import AFFINE_ONLY, FORMATS, check_suffix
from .._transform.transform import Transform
from .._verdict.field_result import SmoothAlignment
from .._verdict.result import AlignmentResult
from .provenance import with_provenance
from .show import result_numbers, to_json


def warped_suffix(moving: Path, dtype: np.dtype[Any]) -> str:
    """Return the suffix of an image that keeps the values of another, whose file is `moving`."""
    if _is_ome(moving):
        return ".ome.tif"
    if image_suffix(moving).lower() in NIFTI:
        return image_suffix(moving)
    # A JPEG becomes a PNG: written as JPEG again, it would lose more than by resampling.
    in_tiff = moving.suffix.lower() in (".tif", ".tiff")
    return ".png" if dtype in (bool, np.uint8, np.uint16) and not in_tiff else ".tif"


def _is_ome(path: Path) -> bool:
    # An OME-Zarr image becomes a file that says as much.
    return path.name.lower().endswith((".ome.tif", ".ome.tiff", *ZARR)) or is_folder(path)


def result_paths(folder: Path | None, moving: Path, file: ImageFile) -> dict[str, Path]:
    """Return where the results of one alignment go, by role, in the order of writing.

    Parameters
    ----------
    folder : Path or None
        Where the results go; None if nowhere.
    moving : Path
        The file of the moving image, after which they are named.
    file : ImageFile
        What it holds, whose dtype and channels the warped image keeps.
    """
    if folder is None:
        return {}
    one = file.channel_axis is None
    suffix = warped_suffix(moving, file.pixels.dtype)
    suffix = suffix if one or _is_ome(moving) else ".tif"
    return {
        "warped": folder / f"{own_stem(moving)}_aligned{suffix}",
        **difference_paths(folder, moving),
        "transform": folder / f"{own_stem(moving)}_transform.json",
    }


def difference_paths(folder: Path, moving: Path) -> dict[str, Path]:
    """Return where the pictures of what differs go, by role."""
    return {
        "difference": folder / f"{own_stem(moving)}_difference.tif",
        "binary_difference": folder / f"{own_stem(moving)}_binary_difference.png",
    }


def check_outputs(outputs: Iterable[Path], inputs: Iterable[Path], *, overwrite: bool) -> None:
    """Raise `InputError` if an output is an input or another output, or may not be replaced.

    What a command that was killed has left of these outputs is removed.
    """
    outputs, inputs, taken = list(outputs), list(inputs), set[str]()
    for output in outputs:
        for given in inputs:
            if same_file(output, given):
                raise InputError(f"{output} is an input and is not overwritten; choose another")
        if not is_zarr(output) and is_no_file(output):
            raise InputError(f"{output} is a folder, or no regular file; give the name of a file")
        # Some file systems do not tell small letters from capitals.
        name = str(real_path(output)).casefold()
        if name in taken:
            raise InputError(f"{output} would be written twice; choose another name for one")
        taken.add(name)
    for folder in dict.fromkeys(output.parent for output in outputs):
        remove_leftovers(folder, [output for output in outputs if output.parent == folder])
    for output in outputs:
        if is_zarr(output):
            check_free(output, overwrite=overwrite)
        elif not overwrite and os.path.lexists(output):
            raise InputError(f"{output} exists; use --overwrite to replace it")


def check_folder(folder: Path) -> None:
    """Raise `InputError` if a folder is not there and cannot be made, or cannot be written to."""
    place = folder
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    if not is_folder(place):
        raise InputError(f"{place} is not a folder; results need one")
    if not os.access(place, os.W_OK | os.X_OK):
        raise InputError(f"cannot write to the folder {place}; choose another with --out")


def check_parent(path: Path) -> None:
    """Raise `InputError` if the folder of an output is not there."""
    if not is_folder(path.parent):
        raise InputError(f"cannot write {path}: its folder does not exist; create it first")


def check_transform_out(
    path: Path | None, folder: Path | None, model: str, formats: Iterable[str] = FORMATS
) -> dict[str, Path]:
    """Return where a transform goes beside the results, by role, if anywhere.

    Raises
    ------
    InputError
        Before any work, for what could only be refused after it.
    """
    if path is None:
        return {}
    bends = model == "smooth"
    suffix = path.suffix.lower() if bends else check_suffix(path)
    one_field = bends and formats is FORMATS
    able = (*FIELD_FORMATS, *GROUPS) if one_field else tuple(formats)
    if suffix not in able:
        what = "a file of a field" if one_field else "a file of many transforms"
        raise InputError(f"{path}: {what} ends in {', '.join(able)}")
    if suffix in AFFINE_ONLY and model in ("homography", "auto"):
        raise InputError(f"{path} cannot hold a homography; choose .json, .csv or .npy")
    # The folder for the results is made if need be.
    if folder is None or real_path(path.parent) != real_path(folder):
        check_parent(path)
    return {"transform_out": path}


@contextmanager
def all_or_none(paths: Sequence[Path], *, overwrite: bool) -> Iterator[list[Path]]:
    """Yield where to write files that get their names once all of them are written.

    A full disk or an interrupt leaves what was there, and no new folder. The last one is moved
    last, and an old one of its name removed first: where it is, the others are of the same run.

    Parameters
    ----------
    paths : sequence of Path
        Where they go, checked by `check_outputs`; their folders are made if need be. Each may be
        a folder, such as a Zarr group.
    overwrite : bool
        Replace what is there already.
    """
    folders = dict.fromkeys(path.parent for path in paths)
    missing = [each for folder in folders for each in _missing(folder)]
    try:
        with ExitStack() as stack:
            staging = {}
            for folder in folders:
                folder.mkdir(parents=True, exist_ok=True)
                staging[folder] = stack.enter_context(staging_folder(folder))
            staged = [staging[path.parent] / path.name for path in paths]
            with _told_where(dict(zip(staged, paths, strict=True))):
                yield staged
            if overwrite and paths and not paths[-1].is_dir():
                paths[-1].unlink(missing_ok=True)
            for finished, path in zip(staged, paths, strict=True):
                if finished.is_dir():
                    move_folder_into_place(finished, path, overwrite=overwrite)
                else:
                    move_into_place(finished, path, overwrite=overwrite)
    except BaseException:
        for folder in missing:
            with suppress(OSError):  # it is not empty
                folder.rmdir()
        raise


@contextmanager
def _told_where(places: Mapping[Path, Path]) -> Iterator[None]:
    """Let errors name the places where files go, not those where they wait."""
    try:
        yield
    except InputError as error:
        message = str(error)
        for staged, path in places.items():
            message = message.replace(str(staged), str(path))
        raise InputError(message) from error


def write_results(
    paths: Mapping[str, Path],
    result: AlignmentResult | SmoothAlignment,
    inspection: Inspection,
    warped: ImageFile,
    *,
    overwrite: bool,
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Write the images of an alignment and its transform, those that have a path, or none.

    Where they come from is said in the transform and in all images.
    """
    numbers, made = result_numbers(result), {"provenance": provenance} if provenance else {}
    if provenance:
        warped = with_provenance(warped, {**provenance, "result": numbers})
    with all_or_none([*paths.values()], overwrite=overwrite) as staged:
        where = dict(zip(paths, staged, strict=True))
        if "warped" in where:
            write_file(where["warped"], warped)
        if "difference" in where:
            labels = inspection.after.labels
            write_differences(where, inspection.difference, labels, warped)
        if "transform" in where and isinstance(result.transform, Field):
            result.transform.save(where["transform"])
        elif "transform" in where:
            assert isinstance(result.transform, Transform)
            document = {**as_document(result.transform), "alignment": numbers, **made}
            write_atomically(where["transform"], f"{to_json(document)}\n".encode())
        if "transform_out" in where:
            result.transform.save(where["transform_out"])


def write_differences(
    where: Mapping[str, Path],
    difference: NDArray[np.float32],
    labels: NDArray[np.uint8],
    like: ImageFile,
) -> None:
    """Write the two pictures of `difference_paths`, of one grid and origin with a file."""
    write_file(where["difference"], replace(like, pixels=difference, style=None))
    palette = np.array([(255, 255, 255), COLOURS[ONLY_REFERENCE], COLOURS[ONLY_MOVING]], np.uint8)
    write_file(where["binary_difference"], replace(like, pixels=palette[labels], style=None))


def _missing(folder: Path) -> list[Path]:
    """Return a folder and those above it that are not there, the innermost first."""
    return [each for each in (folder, *folder.parents) if not os.path.lexists(each)]
