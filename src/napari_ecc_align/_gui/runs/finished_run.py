"""A run of the Align form that has ended, in words and numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from ..._align.packed_results import with_others
from ..._align.stack_result import StackResult
from ..._align.volume.film_result import VolumeStackResult
from ..._align.volume.inspection import smooth_volume_rows, volume_rows
from ..._align.volume.result import VolumeAlignment
from ..._common.atomic import write_atomically
from ..._common.tables import csv_text
from ..._compare.inspection import Inspection, Row
from ..._compare.table import before_after, smooth_rows
from ..._images.ome_zarr.image import is_ome_zarr
from ..._images.ome_zarr.scene import save_scene
from ..._transform.files import save_fields, save_transforms
from ..._transform.formats.field_files import FIELD_FORMATS, GROUPS, MANY_FIELDS
from ..._transform.formats.registry import FORMATS, STACK_FORMATS
from ..._transform.matrices import MotionModel
from ..._transform.transform import Transform
from ..._verdict.field_result import SmoothAlignment
from ..._verdict.verdict import FOUND, TOO_STIFF, VERDICTS, Verdict
from ..layers.frame_transforms import frames_record
from ..layers.world import distance_in_world, unit_of, world_change
from .basis import MOVING_PLACE
from .provenance import made_in_napari, plain, provenance, tell_origin
from .script import align_script
from .task import Task

if TYPE_CHECKING:
    from ..._align.smooth_stack import SmoothStack
    from ..._align.volume.bent.stack import SmoothVolumeStack

SCENE = {".zarr": "OME-Zarr scene"}
_NAMED = 5
_BLANK = ("has no contrast", "has no pixel that counts")
_STIFF = (TOO_STIFF, "deformed", "px from where they lie")
# A frame of more pixels takes too long to be drawn while a person waits for it.
_DRAWN_PIXELS = 2**24
_TURNED = 1e-4
_OUT_OF_PLANES = (
    "The moved layer is turned out of its planes: its 3-D view is right, but napari draws its "
    "slices as if it were not turned. To look at slices, choose the output resample."
)


@dataclass(frozen=True, eq=False)
class FinishedRun:
    """What there is to look at, to repeat and to take elsewhere after a run.

    Attributes
    ----------
    task : Task
        What was asked.
    results : StackResult, VolumeStackResult, or SmoothStack and SmoothVolumeStack
        One per frame that was aligned: of all, or the one that goes for all.
    transforms : list of Transform, VolumeTransform, Field or VolumeField
        One per frame. Where a frame could not be aligned, that of the nearest frame that was, or
        the identity where there is none.
    data : array_like, list of array_like, or None
        The aligned frames, for `aligned_layer`; None if every frame has failed, or they are not
        wanted.
    inspection : Inspection or None
        How a single image differs from the reference; None after a failure, of images too large
        to compare, and of stacks, whose frames are compared when they are looked at. Numbers
        alone of what is drawn where somebody looks.
    suffices : str or None
        The smallest motion model that suffices, where that of the task does not.
    bent : str or None
        What was said of a smooth field, where no motion model suffices.
    """

    task: Task
    results: StackResult | SmoothStack | VolumeStackResult | SmoothVolumeStack
    transforms: list[Any]
    data: Any = None
    inspection: Inspection | None = None
    suffices: MotionModel | Literal["smooth"] | None = None
    bent: Verdict | None = None

    @property
    def is_too_stiff(self) -> bool:
        """Whether the verdict says that a freer motion model may explain the images."""
        return any(words in self.result.reason for words in _STIFF)

    @property
    def is_blank(self) -> bool:
        """Whether an image has nothing in it that could be compared, however it is placed."""
        return any(words in self.result.reason for words in _BLANK)

    @property
    def is_stack(self) -> bool:
        """Whether it was a stack that was aligned, and not a single image."""
        return self.task.choice is not None

    @property
    def formats(self) -> dict[str, str]:
        """The formats that `save` knows, by suffix: of two OME-Zarr images a scene, too."""
        if self.task.bends:
            return MANY_FIELDS if self.is_stack else {**FIELD_FORMATS, **GROUPS}
        if self.is_stack:
            return STACK_FORMATS
        return {**FORMATS, **(SCENE if all(map(is_ome_zarr, self._paths)) else {})}

    @property
    def _paths(self) -> list[str | None]:
        return [each.origin["path"] for each in (self.task.reference, self.task.moving)]

    @property
    def result(self) -> Any:
        """The result of the image, or of the worst frame."""
        said = self.results.verdicts
        # Of equal ones the last: the first frame may be what the others are aligned to.
        return self.results[
            min(reversed(range(len(said))), key=lambda at: VERDICTS.index(said[at]))
        ]

    @property
    def verdict(self) -> Verdict:
        """The verdict of the worst frame; "doubtful" where some frames have failed."""
        worst = self.result.verdict
        some = len(self.results.gaps) < len(self.results)
        return "doubtful" if not self.result.found and some else worst

    @property
    def leaves_something(self) -> bool:
        """Whether there is a transform, or a picture of what was judged, to go on with."""
        return self.verdict in FOUND or self.inspection is not None

    def moved_to(self, place: object) -> FinishedRun:
        """Return the run as the result of its moving layer where the run has put it."""
        basis = {**self.task.basis, MOVING_PLACE: place}
        return replace(self, task=replace(self.task, basis=basis))

    @property
    def comparable(self) -> bool:
        """Whether there is something aligned that can be compared with the reference."""
        if not self.is_stack:
            return self.inspection is not None or self.drawn_where_looked_at
        return self.data is not None and prod(self.task.shape) <= _DRAWN_PIXELS

    @property
    def drawn_where_looked_at(self) -> bool:
        """Whether there is a single image of which no more is drawn than is seen."""
        return self.task.drawn_where_looked_at and self.data is not None

    def reason(self) -> str:
        """Return the verdict's reason; of a stack which frames lie right, and which do not."""
        if not self.is_stack:
            negative = self.result.inverted and self.inspection is not None
            said = [self.result.reason, "The moving image is a negative." * negative]
            if self.suffices is not None:
                said.append(f"The {self.suffices} model suffices.")
            elif self.bent is not None:
                smooth = "; the smooth one is doubtful, too" * (self.bent == "doubtful")
                said.append(f"No freer model suffices{smooth}.")
            if self._leaves_its_planes():
                said.append(_OUT_OF_PLANES)
            return " ".join(filter(None, said))
        one = self.task.frames.called[:-1]
        if not self.task.frame_by_frame:
            many = len(self.task.frames)
            return f"One transform for all {many} {one}{'s' * (many != 1)}. {self.result.reason}"
        counts = Counter(self.results.verdicts)
        parts = [
            f"{counts[verdict]} {verdict}" for verdict in reversed(VERDICTS) if counts[verdict]
        ]
        count = len(self.results)
        said = [f"{count} {one}{'s' * (count != 1)}: {', '.join(parts)}."]
        wrong = [at for at, said_of in enumerate(self.results.verdicts) if said_of != "aligned"]
        if wrong:
            reason = self.results[wrong[0]].reason
            said.append(f"{one.title()}{'s' * (len(wrong) != 1)} {first_few(wrong)}: {reason}")
        if self.data is not None and not self.comparable:
            said.append(f"The {one}s are too large to be compared here.")
        return " ".join(said)

    def _leaves_its_planes(self) -> bool:
        """Tell whether a volume was moved so that its planes are not those of the reference."""
        if not (self.task.is_volume and self.task.moves and self.result.found):
            return False
        change = world_change(self.transforms[0], self.task.reference.grid, self.task.moving.grid)
        there = change[:3, :3] @ self.task.moving.grid.matrix[:3, :3]
        return bool(np.abs(there[[0, 1, 2, 0], [1, 0, 0, 2]]).max() > _TURNED * there.max())

    def drift(self) -> dict[str, NDArray[Any]]:
        """Return how far each frame was moved from where it lay: `StackResult.to_dict`.

        Of volumes in the reference's units.
        """
        return self._drift

    @cached_property
    def _drift(self) -> dict[str, NDArray[Any]]:
        lay = self.task.lay
        if lay is None:
            return self.results.to_dict()
        back = lay.inverse
        stack: Any = self.results
        moved = (replace(each, transform=back @ each.transform) for each in stack)
        every = with_others(stack.results, enumerate(moved))
        drift: dict[str, NDArray[Any]] = replace(stack, results=every).to_dict()
        return drift

    def drift_table(self) -> str:
        """Return the drift as CSV: shift and turn of every frame, in px and in units, and verdict.

        Shifts in units are along the axes of the world; without units there are none. Of volumes
        along z, too, with one sigma of each unless they bend.
        """
        drift, grid = self.drift(), self.task.moving.grid
        volumes = self.task.is_volume_film
        axes, own = ("xyz", "_voxels") if volumes else ("xy", "")
        shift = np.stack([drift[f"{axis}{own}"] for axis in axes])
        columns = {"frame": drift["frame"]}
        columns |= {f"d{axis}_px": along for axis, along in zip(axes, shift, strict=True)}
        if "rotation" in drift:
            columns["turn_deg"] = drift["rotation"]
        else:
            columns["bends_up_to_px"] = drift["bends_up_to"]
        if "pixel" not in grid.units:
            there = (grid.matrix[:-1, :-1] @ shift[::-1])[::-1]
            names = zip(axes, grid.units[::-1], there, strict=True)
            columns |= {f"d{axis}_{unit}": along for axis, unit, along in names}
        if volumes and not self.task.bends:
            unit = self.task.reference.grid.units[-1].replace("pixel", "px")
            columns |= {f"sigma_{axis}_{unit}": drift[f"{axis}_uncertainty"] for axis in axes}
        columns["verdict"] = drift["verdict"]
        rows = zip(*(column.tolist() for column in columns.values()), strict=True)
        return csv_text(tuple(columns), (dict(zip(columns, row, strict=True)) for row in rows))

    def save_drift(self, path: Path) -> None:
        """Write the drift as a table; the dialog has asked whether to replace a file.

        Raises
        ------
        InputError
            If it cannot be written.
        """
        write_atomically(path, self.drift_table().encode(), overwrite=True)

    def rows(self) -> list[Row]:
        """Return the table before and after."""
        if self.is_stack:
            return self._rows_of_frames()
        if self.inspection is None:
            return []
        task, found = self.task, self.result.transform
        if task.is_volume:
            if task.bends:
                return smooth_volume_rows(self.result, self.inspection)
            unit = unit_of(task.reference.grid) or "px"
            return volume_rows(cast("VolumeAlignment", self.result), self.inspection, unit)
        if task.bends:
            return smooth_rows(cast("SmoothAlignment", self.result), self.inspection)
        lay = task.lay or Transform.identity()
        length = distance_in_world(found, lay, task.shape, task.moving.grid)
        return before_after(self.result, self.inspection, length)

    def _rows_of_frames(self) -> list[Row]:
        sigma = "uncertainty" if self.task.bends else "corner_uncertainty"
        volumes = self.task.is_volume_film
        names = ("seconds", "ecc_before", "ecc", sigma)
        # One at a time: there may be very many.
        every = [[getattr(one, name, np.nan) for name in names] for one in self.results]
        good = np.array(every)[np.isin(self.results.verdicts, FOUND)]
        before, after, unsure = (
            format(np.median(column), how) if len(good) else ""
            for column, how in zip(good.T[1:], (".3f", ".3f", ".3g"), strict=True)
        )
        lay, drift = self.task.lay, self.drift()
        unit = (unit_of(self.task.reference.grid) if volumes else None) or "px"
        own = "voxels" if volumes and self.task.bends else unit
        # Of frames that lay elsewhere than pixel on pixel, and of volumes, it was not asked.
        rows = [
            Row("ECC, median", "" if volumes or lay is not None else before, after),
            Row(f"uncertainty, {own}", "", unsure),
            Row("time, s", "", f"{sum(seconds for seconds, *_ in every):.2g}"),
        ]
        if len(good):
            axes = "xyz" if volumes else "xy"
            span = [f"{np.nanmax(np.abs(drift[axis])):.2f}" for axis in axes]
            label = f"largest shift ({', '.join(axes)}), {unit}"
            rows.insert(1, Row(label, "", " / ".join(span)))
        if len(good) and "bends_up_to" in drift:
            rows.insert(
                2, Row(f"bends up to, {own}", "", f"{np.nanmax(drift['bends_up_to']):.2g}")
            )
        return rows

    def record(self) -> dict[str, Any]:
        """Return how the result came about, as plain values that JSON can hold."""
        task = self.task
        shared = provenance(
            task.reference,
            task.moving,
            task.parameters.record(),
            self.result,
            initial=task.initial,
            region={role: regions.record for role, regions in task.regions.items()} or None,
        )
        if not self.is_stack:
            return shared
        drift = self.results.to_dict()
        return {
            **shared,
            "frames": str(task.choice),
            "axis": task.frames.axis,
            # Where the frames follow each other in the world, along that axis.
            "frame_places": list(task.frames.frame_places),
            **frames_record(self.transforms),
            "frame_verdicts": self.results.verdicts,
            "drift": {
                axis: plain(drift[axis]) for axis in ("x", "y", "z", "rotation") if axis in drift
            },
        }

    def script(self) -> str:
        """Return a Python script that finds the same transforms."""
        model = self.result.transform.model
        return align_script(self.task, model, compared=self.inspection is not None)

    def save(self, path: Path) -> None:
        """Write the transform, or those of all frames, in the format that the suffix names.

        The dialog has asked whether to replace a file.

        Raises
        ------
        InputError
            If it cannot be written.
        """
        if path.suffix == ".zarr" and not self.task.bends:
            reference, moving = map(str, self._paths)
            made = made_in_napari(self.record())
            save_scene(path, self.result, reference, moving, provenance=made)
            return
        if not self.is_stack:
            self.result.transform.save(path, overwrite=True)
        elif self.task.frame_by_frame:
            self.results.save(path, overwrite=True)
        elif self.task.bends:
            save_fields(self.transforms, path, overwrite=True)
        else:
            save_transforms([self.result] * len(self.transforms), path, overwrite=True)
        if path.is_file():
            tell_origin(path, self.record(), {} if self.is_stack else self._numbers())

    def _numbers(self) -> dict[str, Any]:
        """Return the flat row of a pair's result, with the size of its reference; of no volume."""
        if self.task.is_volume:
            return {}
        height, width = self.task.shape
        return {**self.result.to_dict(), "width": width, "height": height}


def first_few(frames: list[int]) -> str:
    """Return the numbers of frames as text, no more than a person would read."""
    return ", ".join(map(str, frames[:_NAMED])) + ", …" * (len(frames) > _NAMED)
