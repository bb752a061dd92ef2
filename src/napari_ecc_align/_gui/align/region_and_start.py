"""Where images are compared, and where the search begins: folded away until it is needed."""

from __future__ import annotations

from typing import Any

import numpy as np
from magicgui.widgets import ComboBox, Container, PushButton
from napari.components import ViewerModel
from napari.layers import Labels, Layer, Points, Shapes

from ..._align.volume.points import volume_from_points
from ..._common.errors import InputError
from ..._transform.coordinates import map_points
from ..._transform.transform import Transform
from ..layers.attributes import is_result
from ..layers.frame_regions import Regions, constant, regions_of_frames
from ..layers.regions import region_in_view
from ..layers.snapshots import LayerSnapshot
from ..layers.stack_snapshots import StackSnapshot
from ..layers.volume_regions import VolumeRegion, region_of_volume, view_of_volume
from ..layers.world import in_units, layer_grid, spacings, start_between
from ..runs.basis import marked_by
from ..shared.watching import Watch

EVERYWHERE = "everywhere"
VIEW = "the current view"
AS_THEY_LIE = "where the layers lie"
POINTS = "point pairs"


class RegionAndStartForm(Container):  # type: ignore[type-arg]
    """Regions of either image, and the start of the search.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Whose layers are offered.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self.region = ComboBox(
            choices=self._areas,
            label="compare",
            tooltip="Only what lies in this region of the reference counts: draw it in a Shapes "
            "layer or paint it in a Labels layer",
        )
        self.moving_region = ComboBox(
            choices=self._areas,
            label="in moving",
            tooltip="Only what lies in this region of the moving image counts",
        )
        self.start = ComboBox(
            choices=[AS_THEY_LIE, POINTS],
            label="start",
            tooltip="Where the search begins: as the layers lie in the viewer, or from two or "
            "more places marked in both images",
        )
        self.reference_points = ComboBox(
            choices=self._points,
            nullable=True,
            label="points",
            tooltip="A Points layer with places in the reference",
        )
        self.moving_points = ComboBox(
            choices=self._points,
            nullable=True,
            label="in moving",
            tooltip="A Points layer with the same places in the moving image, in the same order",
        )
        self.drag = PushButton(
            text="Drag into place",
            tooltip="Move, turn and scale the moving layer by hand until it roughly fits",
        )
        self.draw = PushButton(
            text="Draw a region", tooltip="Compare only what lies in a part that you draw"
        )
        self.mark = PushButton(
            text="Mark points",
            tooltip="Begin with places that you mark in both images, in the same order",
        )
        points = self.reference_points, self.moving_points
        where = self.region, self.moving_region, self.draw
        super().__init__(widgets=[*where, self.start, *points, self.mark, self.drag])
        self.names = [row.label for row in self]
        self.margins = (0, 0, 0, 0)
        Watch(self.native).layer_list(viewer, self._follow)
        self.start.changed.connect(self._show_points)
        self._show_points()

    def regions(
        self, reference: LayerSnapshot, moving: StackSnapshot, *, frames: bool, many: bool
    ) -> dict[str, Regions | VolumeRegion]:
        """Return where each frame, and what it is aligned to, is compared, if not everywhere.

        Parameters
        ----------
        reference : LayerSnapshot
            What is on show of the reference.
        moving : StackSnapshot
            What is aligned.
        frames : bool
            Whether each frame may have a region of its own; else only that on show counts.
        many : bool
            Whether the reference is a stack too, such as the moving one itself.

        Returns
        -------
        dict of str to Regions, or of volumes VolumeRegion
            By "reference" and "moving".

        Raises
        ------
        InputError
            If a region marks nothing.
        """
        if reference.grid.axes == 3:
            chosen = {"reference": self.region.value, "moving": self.moving_region.value}
            kept = {role: area for role, area in chosen.items() if area != EVERYWHERE}
            return {role: self._volume_region(area) for role, area in kept.items()}
        axis = moving.axis if frames else None
        sides = (
            ("reference", self.region.value, reference.index, axis if many else None),
            ("moving", self.moving_region.value, moving.shown.index, axis),
        )
        return {role: self._regions(*side) for role, *side in sides if side[0] != EVERYWHERE}

    def _regions(self, chosen: Any, index: tuple[int, ...], axis: int | None) -> Regions:
        if chosen == VIEW:
            return constant(region_in_view(self._viewer))
        return regions_of_frames(chosen, index, axis)

    def _volume_region(self, chosen: Any) -> VolumeRegion:
        if chosen == VIEW:
            return view_of_volume(self._viewer)
        return region_of_volume(chosen)

    def region_note(self) -> str | None:
        """Return in words what is chosen here, as the form may be folded away."""
        chosen = [box.value for box in (self.region, self.moving_region)]
        names = [
            "the current view" if area == VIEW else repr(area.name)
            for area in chosen
            if area not in (EVERYWHERE, None)
        ]
        said = [f"Compared only in {' and '.join(dict.fromkeys(names))}."] if names else []
        if self.start.value == POINTS:
            points = [box.value for box in (self.reference_points, self.moving_points)]
            named = [repr(layer.name) for layer in points if layer is not None]
            said.append(f"Starts from point pairs: {' and '.join(named) or 'none chosen yet'}.")
        return " ".join(said) or None

    @property
    def marked(self) -> list[Layer]:
        """The layers that say where images are compared, and where the search begins."""
        boxes = [self.region, self.moving_region]
        if self.start.value == POINTS:
            boxes += [self.reference_points, self.moving_points]
        return [box.value for box in boxes if isinstance(box.value, Layer)]

    def basis(self) -> dict[str, object]:
        """Return what is chosen, by what it is in words, to tell it from what was chosen."""
        points = (self.reference_points.value, self.moving_points.value)
        start = points if self.start.value == POINTS else ()
        return {
            "the region": _mark(self.region.value),
            "the region in moving": _mark(self.moving_region.value),
            "the start": (self.start.value, *map(_mark, start)),
        }

    def initial(self, reference: LayerSnapshot, moving: LayerSnapshot) -> Any:
        """Return where the search begins, reference pixel to moving pixel.

        Raises
        ------
        InputError
            If the points chosen do not pair up, or determine nothing.
        """
        if self.start.value == AS_THEY_LIE:
            return start_between(reference.grid, moving.grid)
        first, second = self.reference_points.value, self.moving_points.value
        if first is None or second is None or first.unique_id == second.unique_id:
            raise InputError(
                "Choose two Points layers: the places in the reference, and the same places in "
                "the same order in the moving image."
            )
        pairs = _in_pixels(first, reference), _in_pixels(second, moving)
        if reference.grid.axes == 2:
            return Transform.from_points(*(points[:, ::-1] for points in pairs))
        return volume_from_points(*pairs, *spacings(reference.grid, moving.grid))

    def _areas(self, _: object = None) -> list[Any]:
        return [EVERYWHERE, VIEW, *self._of_kind(Shapes, Labels)]

    def _points(self, _: object = None) -> list[Points]:
        return self._of_kind(Points)

    def _of_kind(self, *kinds: type[Layer]) -> list[Any]:
        here = (layer for layer in self._viewer.layers if isinstance(layer, kinds))
        return [layer for layer in here if not is_result(layer)]

    def _follow(self, _: object = None) -> None:
        for box in (self.region, self.moving_region, self.reference_points, self.moving_points):
            box.reset_choices()
        for box, at in ((self.reference_points, 0), (self.moving_points, 1)):
            points = self._points()
            if box.value is None and len(points) > at:
                box.value = points[at]

    def _show_points(self, _: object = None) -> None:
        wanted = self.start.value == POINTS
        self.reference_points.visible = self.moving_points.visible = wanted
        self._follow()


def _mark(chosen: object) -> object:
    # The view is what it was when the run began: people look around in a result.
    return marked_by(chosen) if isinstance(chosen, Layer) else chosen


def _in_pixels(points: Points, image: LayerSnapshot) -> np.ndarray:
    """Return a Points layer's (row, column) in the pixels of an image, wherever both lie.

    Of a volume (plane, row, column).
    """
    axes = image.grid.axes
    if points.ndim < axes:
        raise InputError(f"{points.name!r} has no planes: mark places of volumes in three axes.")
    own = in_units(layer_grid(points, axes), image.grid.units)
    to_pixels = np.linalg.inv(image.grid.matrix) @ own
    return map_points(to_pixels, np.asarray(points.data, np.float64)[:, -axes:])
