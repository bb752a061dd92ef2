"""``ecc-align film`` of volumes: drift in three axes, a volume read at a time."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._align.frame_options import Bending
from .._align.passes import StackRun
from .._align.volume.bent.stack import SmoothVolumeStack
from .._align.volume.film import volume_film_steps
from .._align.volume.film_result import VolumeStackResult
from .._align.volume.inspection import checked_interpolation
from .._align.volume.placing import placed
from .._align.volume.sources import LEAST_SIDE, gray_volume
from .._align.volume.transform import VolumeTransform
from .._common.errors import InputError
from .._images.files.image_file import ImageFile
from .._images.files.paged_film import PagedFilm
from .._images.files.suffixes import own_stem
from .._images.files.volumes import Spacing, spacing_of, volume_of
from .._images.warping import Resampling
from .console import say, tell
from .film_run import (
    followed,
    noted,
    tell_provenance,
    transform_paths,
    whole_name,
    workers_of,
)
from .inputs import ImageFiles, ReadWhenAsked, axes_told, read_meant, search_options
from .outputs import all_or_none, check_outputs, warped_suffix
from .provenance import frames_made_by
from .show import exit_code, files, some, to_json, written_text
from .values import check_fill
from .volume_film_files import is_deep, write_volumes
from .volume_report import Aligned, volume_numbers
from .volumes import (
    check_search,
    check_volume,
    volume_mask,
)

_AnyStack = VolumeStackResult | SmoothVolumeStack
_MOVED = ("x", "y", "z", "rotation")


def holds_volumes(
    frames: ImageFiles | PagedFilm, paths: list[Path], chosen: argparse.Namespace
) -> bool:
    """Tell whether a film is one of volumes, by its axes or because ``--volume`` says so.

    Raises
    ------
    InputError
        If ``--volume`` is given, and its frames are none.
    """
    if chosen.planes:
        return False
    deep = isinstance(frames, PagedFilm) and is_deep(frames, told=not chosen.volume)
    if chosen.volume and not deep:
        said = str(frames.held) if isinstance(frames, PagedFilm) else "one image a file"
        raise InputError(
            f"{paths[0]} holds no volumes of {LEAST_SIDE} planes or more along time, but {said}: "
            "say by --frames which axis is the time"
        )
    return deep


def _volume(channel: int | None, file: ImageFile, called: str) -> NDArray[Any]:
    return gray_volume(volume_of(file, channel, called))


@dataclass(frozen=True, eq=False)
class _Job:
    """A film of volumes, and what it is aligned to.

    Attributes
    ----------
    film : PagedFilm
    like : ImageFile
        The volume that it is aligned to, whose grid the result has.
    reference : str, int or ndarray
        Its number in the film, the volume, or "first", "previous" or "mean".
    spacings : tuple of tuple of float, or None
        Lengths of voxels of what it is aligned to and of the film, in micrometres if known.
    initial : VolumeTransform or None
        Where to start.
    """

    film: PagedFilm
    like: ImageFile
    reference: Any
    spacings: tuple[Spacing, Spacing] | None
    initial: VolumeTransform | None

    @cached_property
    def shape(self) -> tuple[int, int, int]:
        """Planes, rows and columns of the grid."""
        return (self.like.frames, *self.like.shape)


def run_volume_film(
    chosen: argparse.Namespace,
    film: ImageFiles | PagedFilm,
    paths: list[Path],
    reference: str | int | Path,
    initial: Path | None,
) -> int:
    """Align the volumes of a film and write them registered; return the exit code.

    Parameters
    ----------
    chosen, paths, reference, initial
        As for `run_frames`.
    film : PagedFilm
        Of which `holds_volumes` is true.
    """
    assert isinstance(film, PagedFilm)
    check_search(chosen)
    checked_interpolation(Resampling(chosen.interpolation, chosen.fill))
    check_fill(chosen.fill, film.dtype)
    outputs = _paths(chosen, paths[0])
    job = _job(chosen, film, paths[0], reference, initial)
    optional = [chosen.mask, chosen.moving_mask, reference, initial]
    given = [*paths, *(each for each in optional if isinstance(each, Path))]
    check_outputs(outputs.values(), given, overwrite=chosen.overwrite)
    whole = np.empty(0), np.broadcast_to(np.uint8(0), job.shape)
    volumes = ReadWhenAsked(film, partial(_volume, chosen.channel), "volume")
    with noted(chosen, paths, given, reference, volumes=True, spacings=job.spacings) as records:
        steps = volume_film_steps(
            volumes,
            search_options(chosen),
            reference=job.reference,
            spacing=None if job.spacings is None else job.spacings[0],
            moving_spacing=None if job.spacings is None else job.spacings[1],
            masks=(
                volume_mask(chosen.mask, "what is aligned to", whole[1]),
                volume_mask(chosen.moving_mask, paths[0], _first(film)),
            ),
            initial=job.initial,
            run=StackRun(
                workers=workers_of(chosen, len(film), prod(_first(film).shape)),
                known=records.known if records else (),
                brief=True,
                bending=Bending() if chosen.model == "smooth" else None,
            ),
        )
        stack = followed(steps, chosen, records, "volumes")
        found = len(stack.gaps) < len(stack)
        if outputs and found:
            with all_or_none([*outputs.values()], overwrite=chosen.overwrite) as staged:
                where = dict(zip(outputs, staged, strict=True))
                _write(where, job, stack, chosen, frames_made_by(chosen, given, stack))
    written = outputs if found else {}
    notes = _notes(paths[0], job, chosen)
    if chosen.json:
        say(to_json(_report(stack, job, written, notes)))
    else:
        tell(chosen, _text(stack, job, written, notes, wanted=bool(outputs)))
    return exit_code(chosen, stack.verdicts)


def _job(
    chosen: argparse.Namespace,
    film: PagedFilm,
    path: Path,
    reference: str | int | Path,
    initial: Path | None,
) -> _Job:
    start = None if initial is None else VolumeTransform.load(initial)
    if isinstance(reference, Path):
        like = read_meant(reference, chosen, "planes")
        check_volume(reference, like)
        fixed = gray_volume(volume_of(like, chosen.channel, reference))
        first = film.file(0)
        start = start or placed((like, first), (reference, path))
        own = chosen.spacing or spacing_of(like)
        other = chosen.moving_spacing or chosen.spacing or spacing_of(first)
        known = None if own is None or other is None else (own, other)
        return _Job(film, like, fixed, known, start)
    number = 0 if isinstance(reference, str) else reference
    if not -len(film) <= number < len(film):
        raise InputError(f"--reference {number}: {path} has the volumes 0 to {len(film) - 1}")
    like = film.file(number % len(film))
    own = chosen.spacing or spacing_of(like)
    return _Job(film, like, reference, None if own is None else (own, own), start)


def _first(film: PagedFilm) -> NDArray[Any]:
    """Return what has the shape of the film's volumes."""
    planes = next(n for n, role in zip(film.held.lengths, film.held.roles, strict=True)
                  if role == "planes")  # fmt: skip
    size = film.shape[len(film.held.lengths) :][:2]
    return np.broadcast_to(np.uint8(0), (planes, *size))


def _paths(chosen: argparse.Namespace, film: Path) -> dict[str, Path]:
    """Return where the results go, by role, in the order of writing."""
    folder, paths = chosen.out, dict[str, Path]()
    if folder is not None:
        suffix = warped_suffix(film, np.dtype(np.uint8))
        paths["warped"] = folder / f"{own_stem(film)}_aligned{suffix}"
        paths["table"] = folder / f"{whole_name([film])}_drift.csv"
    return paths | transform_paths(chosen, whole_name([film]))


def _write(
    where: Mapping[str, Path],
    job: _Job,
    stack: _AnyStack,
    chosen: argparse.Namespace,
    made: Mapping[str, Any],
) -> None:
    if "warped" in where:
        resampling = Resampling(chosen.interpolation, chosen.fill)
        spacing = None if job.spacings is None else job.spacings[0]
        origin = to_json(made, indent=None)
        write_volumes(where["warped"], job.film, stack.filled_transforms, job.like, resampling,
                      spacing=spacing, origin=origin)  # fmt: skip
        stack.save_table(where["table"])
    if "transform_out" in where:
        stack.save(where["transform_out"])
    if "transform" in where:
        stack.save(where["transform"])
        tell_provenance(where["transform"], made)


def _notes(path: Path, job: _Job, chosen: argparse.Namespace) -> list[str]:
    """Return what the axes of the film were taken for."""
    apart = "" if job.spacings is None else f", planes {job.spacings[1][0]:.4g} um apart"
    said = f"{apart}; z is searched (--planes: in x and y only)"
    notes = axes_told(path, job.film.held, said)[:1]
    if job.spacings is None:
        notes.append(
            "The file does not say how large voxels are: they are taken for cubes of one size "
            "(--spacing Z,Y,X says it)."
        )
    return notes


def _report(
    stack: _AnyStack, job: _Job, written: Mapping[str, Path], notes: list[str]
) -> dict[str, Any]:
    counts, table = Counter(stack.verdicts), stack.to_dict()
    unit = "voxels" if job.spacings is None else "um"
    rows: list[dict[str, Any]] = []
    results: Sequence[Aligned] = stack.results
    for at, (number, result) in enumerate(zip(stack.frames, results, strict=True)):
        numbers = volume_numbers(result, None, unit)
        moved = {key: float(table[key][at]) for key in _MOVED if key in table}
        if not result.found:
            numbers["matrix"] = None
        for key in ("corner_shift", "ecc_before", "unit", "spacing"):
            numbers.pop(key, None)
        rows.append({"frame": number, **moved, **numbers})
    return {
        "reference": stack.reference,
        "unit": unit,
        "spacing": [*results[0].spacing],
        **{verdict: counts[verdict] for verdict in ("aligned", "doubtful", "failed")},
        "volumes": rows,
        "notes": notes,
        "files": files(dict(written)),
    }


def _text(
    stack: _AnyStack,
    job: _Job,
    written: Mapping[str, Path],
    notes: list[str],
    *,
    wanted: bool,
) -> str:
    unit = "voxels" if job.spacings is None else "um"
    lines = [
        f"volume {number}: {result.verdict}: {result.reason}"
        for number, result in zip(stack.frames, stack, strict=True)
        if not result.aligned
    ]
    some_found = len(stack.gaps) < len(stack)
    last = written_text(dict(written)) or (["Nothing was written."] if wanted else [])
    hint = " (--json lists all)"
    told = f" {unit}" * (some_found and isinstance(stack, VolumeStackResult))
    return "\n".join([f"{stack!r}{told}", *notes, *some(lines, hint), *last])
