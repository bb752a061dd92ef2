"""A pair of volumes, from its files to its record: z is searched, too."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._align.volume.bent.result import SmoothVolumeAlignment
from ..._align.volume.inspection import Looks, resampled_volume, volume_inspection_steps
from ..._align.volume.parts import volume_parts
from ..._align.volume.placing import placed
from ..._align.volume.result import VolumeAlignment
from ..._align.volume.sources import LEAST_SIDE, gray_volume
from ..._align.volume.steps import smooth_volume_steps, volume_steps
from ..._align.volume.transform import VolumeTransform
from ..._align.volume.warp import warp_volume
from ..._common.errors import InputError
from ..._common.steps import outcome_of
from ..._compare.inspection import Inspection
from ..._compare.thresholding import Thresholding
from ..._images.files.image_file import ImageFile
from ..._images.files.images import encode_image
from ..._images.files.volumes import (
    has_depth,
    resampled_volumes_of,
    spacing_of,
    volume_file,
    volume_of,
)
from ..._images.kinds import kind_of, two_values
from ..._images.warping import Resampling
from ..._transform.volume_field import VolumeField
from ..records.record import Number, Outcome, Record
from ..settings import BatchSettings
from .job import PairJob, lies_right
from .loaded import Loaded, load
from .measure import Differences, compared_numbers, mid_planes, thumbnail_below

AnyResult = VolumeAlignment | SmoothVolumeAlignment

_TOLD_ELSEWHERE = ("axis_x", "axis_y", "axis_z")


@dataclass(frozen=True, eq=False)
class _Volumes:
    """Two volumes, the lengths of their voxels, and how they lie by their files."""

    reference: NDArray[Any]
    moving: NDArray[Any]
    spacings: tuple[NDArray[np.float64], NDArray[np.float64]]
    in_um: bool
    initial: VolumeTransform | None

    @property
    def unit(self) -> float:
        """The shortest side of a reference voxel, which is what a px of a volume is."""
        return float(self.spacings[0].min())

    @property
    def lay(self) -> VolumeTransform:
        """How they lie before: as their files say, or first voxel on first voxel."""
        ratio = (self.spacings[0] / self.spacings[1])[::-1]
        return self.initial or VolumeTransform(np.diag([*ratio, 1.0]))


def are_volumes(reference: Loaded, moving: Loaded, settings: BatchSettings) -> bool:
    """Tell whether a pair is aligned as volumes: its files say so, or the settings do.

    Raises
    ------
    InputError
        If the settings say so, and a file holds no volume.
    """
    if settings.depth == "planes" or settings.frame is not None:
        return False
    deep = [has_depth(one.read.held, LEAST_SIDE) for one in (reference, moving)]
    if settings.depth == "volume" and not all(deep):
        path = (reference, moving)[deep.index(False)].file.path
        raise InputError(
            f"{path} is no volume: its metadata name no {LEAST_SIDE} planes of depth or more"
        )
    return all(deep)


def volume_record(
    job: PairJob, reference: Loaded, moving: Loaded
) -> tuple[Record, dict[str, bytes]]:
    """Return the record of a pair of volumes and the contents of its outputs, by path.

    Raises
    ------
    InputError
        If a file cannot be used.
    """
    pair, settings = job.pair, job.settings
    volumes = _volumes(reference, moving, settings)
    result = None if job.transform is not None else _aligned(volumes, settings)
    transform = job.transform if result is None else result.transform
    if not isinstance(transform, VolumeTransform | VolumeField):
        raise InputError(f"{pair.name}: volumes need a transform of volumes")
    seen = _inspected(volumes, transform, settings)
    numbers = _numbers(volumes, result, transform, seen)
    outcome = _outcome(volumes, result, numbers, settings)
    files, inputs = dict[str, bytes](), [reference.file, moving.file]
    for role, path in pair.images[1:]:
        if role != "moving" and settings.missing_siblings == "skip" and not path.exists():
            continue
        one = moving if role == "moving" else _sibling(role, path, moving, job)
        inputs += [] if role == "moving" else [one.file]
        folder = pair.folder if role == "moving" else role
        if outcome == "passed through":
            name = pair.output(folder, path, resampled=False)
            files[name] = one.passed_on(name)
        elif outcome == "aligned" or (outcome == "doubtful" and settings.doubtful == "write"):
            name = pair.output(folder, path, resampled=True)
            warped = _resampled(one.read, reference.read, transform, settings)
            files[name] = encode_image(name, warped, quick=True)
    before, after = _differences(volumes, seen, outcome)
    record = Record(
        name=pair.name,
        outcome=outcome,
        reason=_reason(result, outcome, numbers),
        transform=_applied(outcome, transform),
        inputs=tuple(inputs),
        settings=settings.as_document(),
        batch_settings=job.noted_batch_settings,
        numbers=numbers | compared_numbers(before, after, settings),
        review=job.review,
        thumbnail=thumbnail_below(before, after),
    )
    return record, files


def _volumes(reference: Loaded, moving: Loaded, settings: BatchSettings) -> _Volumes:
    pair = reference, moving
    first, second = (volume_of(one.read, settings.channel, one.file.path) for one in pair)
    told = [settings.spacing or spacing_of(one.read) for one in pair]
    known = all(told)
    own, other = (np.array(one if known else (1.0, 1.0, 1.0), np.float64) for one in told)
    initial = placed([one.read for one in pair], [one.file.path for one in pair])
    return _Volumes(first, second, (own, other), known, initial)


def _aligned(volumes: _Volumes, settings: BatchSettings) -> AnyResult:
    own, other = volumes.spacings
    pair = gray_volume(volumes.reference), gray_volume(volumes.moving)
    options: dict[str, Any] = {"initial": volumes.initial, "spacing": own.tolist()}
    options |= {"moving_spacing": other.tolist()}
    if settings.bends:
        return outcome_of(smooth_volume_steps(*pair, **options))
    return outcome_of(volume_steps(*pair, settings, **options))


def _inspected(
    volumes: _Volumes, transform: VolumeTransform | VolumeField, settings: BatchSettings
) -> Inspection | None:
    """Return how the volumes compare, None if no threshold suits them."""
    looks = Looks(Thresholding(settings.method), Resampling(settings.interpolation, settings.fill))
    steps = volume_inspection_steps(
        volumes.reference,
        volumes.moving,
        transform,
        looks,
        start=volumes.lay,
        spacing=volumes.spacings[1].tolist(),
    )
    try:
        return outcome_of(steps)
    except InputError:
        return None


def _numbers(
    volumes: _Volumes,
    result: AnyResult | None,
    transform: VolumeTransform | VolumeField,
    seen: Inspection | None,
) -> dict[str, Number]:
    """Return what was measured, in voxels of the reference's shortest side."""
    (depth, height, width), other = volumes.reference.shape[:3], volumes.moving.shape[:3]
    shape = np.array([width, height, depth])
    moved = transform.to_moving(_corners(shape)) - volumes.lay.to_moving(_corners(shape))
    with np.errstate(over="ignore"):  # what lies that far apart is infinitely far
        length = float(np.sqrt(((moved * volumes.spacings[1][::-1]) ** 2).sum(axis=1).mean()))
    numbers: dict[str, Number] = {
        **_motion(transform, (shape - 1) / 2),
        "corner_shift": length / volumes.unit,
        "corner_shift_um": length if volumes.in_um else None,
        "width": width,
        "height": height,
        "depth": depth,
        "moving_width": other[2],
        "moving_height": other[1],
        "moving_depth": other[0],
    }
    if result is None:
        return numbers
    numbers |= _told_of(result, seen)
    if isinstance(result, SmoothVolumeAlignment):
        own = ("known_share", "uncertainty", "bends", "stiffness")
        return numbers | {name: getattr(result, name) for name in own}
    sigmas = np.array(result.axis_uncertainty) / volumes.spacings[1][::-1]
    return numbers | {
        **{f"{axis}_uncertainty": s for axis, s in zip("xyz", sigmas.tolist(), strict=True)},
        "corner_uncertainty": result.corner_uncertainty / volumes.unit,
        "iterations": result.iterations,
        "converged": result.converged,
    }


def _motion(
    transform: VolumeTransform | VolumeField, centre: NDArray[np.float64]
) -> dict[str, Number]:
    """Return by how much the middle of the reference moves, and how it turns, or bends."""
    if isinstance(transform, VolumeField):
        moved = (transform(centre) - centre).tolist()
        return {**dict(zip("xyz", moved, strict=True)), "bends_up_to": transform.largest}
    parts = volume_parts(transform.matrix, centre.tolist())._asdict()
    return {name: value for name, value in parts.items() if name not in _TOLD_ELSEWHERE}


def _told_of(result: AnyResult, seen: Inspection | None) -> dict[str, Number]:
    """Return what is told alike of a matrix and of a field."""
    tiles = result.tiles
    alike = ("verdict", "ecc", "inverted", "overlap_fraction", "start")
    return {
        **{name: getattr(result, name) for name in alike},
        "ecc_before": None if seen is None else seen.ecc_before,
        "tiles": 0 if tiles is None else tiles.tested,
        "tiles_agreeing": 0 if tiles is None else tiles.agreeing,
    }


def _corners(shape: NDArray[np.int_]) -> NDArray[np.float64]:
    return np.asarray(np.array([*np.ndindex(2, 2, 2)]) * (shape - 1.0))


def _outcome(
    volumes: _Volumes,
    result: AnyResult | None,
    numbers: dict[str, Number],
    settings: BatchSettings,
) -> Outcome:
    """Decide what becomes of a pair: volumes that lie right already are not resampled."""
    if result is None:
        return "aligned"
    if result.verdict != "aligned":
        return "failed" if result.verdict == "cancelled" else result.verdict
    alike = volumes.reference.shape == volumes.moving.shape
    if isinstance(result, SmoothVolumeAlignment) and result.bends:
        return "aligned"
    if volumes.initial is not None or not alike or not np.allclose(*volumes.spacings):
        return "aligned"
    shift = float(numbers["corner_shift"] or 0)
    if isinstance(result, SmoothVolumeAlignment):
        sigma = result.uncertainty
    else:
        sigma = result.corner_uncertainty / volumes.unit
    there = lies_right(shift, sigma, settings)
    return "passed through" if there else "aligned"


def _sibling(role: str, path: Any, moving: Loaded, job: PairJob) -> Loaded:
    loaded = load(role, path, job.settings)
    sizes = [(one.read.frames, *one.read.shape) for one in (loaded, moving)]
    if sizes[0] != sizes[1]:
        said = [" x ".join(map(str, size[::-1])) for size in sizes]
        raise InputError(
            f"{path} is {said[0]} voxels, but {moving.file.path}, on whose grid it should lie, "
            f"is {said[1]}"
        )
    return loaded


def _resampled(
    file: ImageFile,
    reference: ImageFile,
    transform: VolumeTransform | VolumeField,
    settings: BatchSettings,
) -> ImageFile:
    """Return a file's volumes on the reference's grid, each as its kind of values wants it."""
    shape = reference.frames, *reference.shape

    def resample(volume: NDArray[Any]) -> NDArray[Any]:
        pair = two_values(volume.reshape(-1, volume.shape[2])) if volume.ndim == 3 else None
        how = Resampling(settings.interpolation, settings.fill)
        if pair is None:
            labels = kind_of(volume[len(volume) // 2]) == "labels"
            how = replace(how, interpolation="nearest") if labels else how
            return resampled_volume(volume, transform, shape, how)
        outside = pair.low if settings.fill == "background" else settings.fill
        high = abs(float(outside) - float(pair.high)) < abs(float(outside) - float(pair.low))
        more = warp_volume(
            pair.is_high.reshape(volume.shape),
            transform,
            output_shape=shape,
            interpolation="nearest" if settings.binary == "nearest" else "linear",
            fill=float(high),
        )
        return np.where(more, pair.high, pair.low).astype(volume.dtype)

    warped = resampled_volumes_of(file, partial(resample))
    return volume_file(
        warped, settings.spacing or spacing_of(reference), file, space=reference.space
    )


def _differences(
    volumes: _Volumes, seen: Inspection | None, outcome: Outcome
) -> tuple[Differences, Differences | None]:
    if seen is None:
        return Differences(), None
    before, after = (
        Differences(one.to_dict(), mid_planes(one.labels, volumes.spacings[0]))
        for one in (seen.before, seen.after)
    )
    if outcome == "passed through":
        return before, before
    return before, after if outcome != "failed" else None


def _applied(
    outcome: Outcome, transform: VolumeTransform | VolumeField
) -> VolumeTransform | VolumeField | None:
    if outcome == "passed through":
        model = "affine" if isinstance(transform, VolumeField) else transform.model
        return VolumeTransform(np.eye(4), model)
    return None if outcome == "failed" else transform


def _reason(result: AnyResult | None, outcome: Outcome, numbers: dict[str, Number]) -> str:
    if result is None:
        return "A person has found the transform."
    if outcome != "passed through":
        return result.reason
    return (
        f"Aligned already: its corners would move by {numbers['corner_shift']:.2g} voxels. "
        f"{result.reason}"
    )
