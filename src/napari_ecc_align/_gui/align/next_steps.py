"""What may help where an alignment is doubtful or has failed: one click each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from magicgui.widgets import Container, PushButton
from napari.components import ViewerModel
from napari.layers import Image, Layer, Points, Shapes

from ..._align.volume.inspection import is_large
from ..._common.errors import InputError
from ..._compare.binary import COLOURS, ONLY_MOVING, ONLY_REFERENCE
from ..._transform.matrices import MotionModel
from ..layers.world import layer_grid
from ..runs.finished_run import FinishedRun
from ..runs.task import Task
from ..shared.rows import row
from .region_and_start import POINTS, RegionAndStartForm

# Similarity and euclidean are affine, too: the next verdict tells whether that suffices.
_FREER: dict[str, MotionModel | Literal["smooth"]] = {
    "translation": "affine",
    "euclidean": "affine",
    "similarity": "affine",
    "affine": "homography",
    "homography": "smooth",
}


class NextSteps(Container):  # type: ignore[type-arg]
    """Buttons below a verdict that is not "aligned".

    Parameters
    ----------
    align_as : callable
        Aligns again with a motion model.
    by_edges : callable
        Aligns again, comparing edges where brightness does not convince.
    mark, drag, draw : callable
        Begin to mark points, to drag the moving layer, and to draw a region.
    """

    def __init__(
        self,
        align_as: Callable[[Any], object],
        by_edges: Callable[[], object],
        mark: Callable[[], object],
        drag: Callable[[], object],
        draw: Callable[[], object],
    ) -> None:
        self._model: MotionModel | Literal["smooth"] | None = None
        self.freer = PushButton(tooltip="Align again with a motion model of more freedoms")
        self.edges = PushButton(
            text="Compare edges, too",
            tooltip="Align again by the direction of edges where brightness does not convince: "
            "for images that differ in kind",
        )
        self.points = PushButton(
            text="Mark points",
            tooltip="Begin with places that you mark in both images, in the same order",
        )
        self.drag = PushButton(
            text="Drag into place", tooltip="Begin where you put the moving image by hand"
        )
        self.region = PushButton(
            text="Draw a region", tooltip="Compare only what lies in a part that you draw"
        )
        super().__init__(
            widgets=[row(self.freer), row(self.edges), row(self.points, self.drag, self.region)],
            labels=False,
        )
        self.margins = (0, 0, 0, 0)
        self._align_as = align_as
        self.freer.changed.connect(self._align_freer)
        actions = {self.edges: by_edges, self.points: mark, self.drag: drag, self.region: draw}
        for button, action in actions.items():
            button.changed.connect(lambda _=None, action=action: action())
        self.follow(None)

    def _align_freer(self) -> None:
        if self._model is not None:
            self._align_as(self._model)

    def follow(self, run: FinishedRun | None) -> None:
        """Offer what may help with a run; nothing where it has found the place, or with none."""
        if run is None or run.verdict not in ("doubtful", "failed"):
            self.visible = False
            return
        self.visible = True
        search = run.task.parameters.search
        # Few images need more than affine, and only where the sentence says so.
        stiff = search.model != "affine" or run.is_too_stiff
        volume = run.task.is_volume or run.task.is_volume_film
        freer = run.suffices or (None if run.task.bends else _FREER.get(search.model))
        if run.bent is not None:
            # All were tried.
            freer = "smooth" if run.bent == "doubtful" else None
        elif volume and search.model in ("affine", "auto"):
            freer = _freer_than_affine(run.task)
            # A part that lies elsewhere may be what a bend looks like to a matrix.
            stiff = run.is_too_stiff or "moved otherwise" in run.result.reason
        elif freer == "smooth" and (search.mirrored or search.engine != "pyramid"):
            freer = None
        self._model = freer if stiff and not run.task.judged else None
        all_tried = search.representation == "auto" and search.engine == "pyramid"
        self.edges.visible = not all_tried and not run.task.judged and not volume
        self.freer.visible = self._model is not None
        self.freer.text = (
            "It bends: try smooth" if run.suffices == "smooth" else f"Try {self._model}"
        )
        if run.bent is not None:
            # The sentence has just called it doubtful.
            self.freer.text = "Take smooth all the same"
        itself = run.task.anchor is not None
        self.points.visible = self.drag.visible = not itself and not run.task.judged
        self.region.visible = True
        if run.is_blank:
            # Where it is placed, and by which model, changes nothing; another part may.
            for step in (self.freer, self.edges, self.points, self.drag):
                step.visible = False
            self.region.visible = bool(run.task.regions)


def _freer_than_affine(task: Task) -> Literal["smooth"] | None:
    """Return what bends two volumes, if they fit into memory and do not bend yet."""
    large = any(is_large(each.data) for each in (task.reference, task.moving))
    return None if large or task.bends else "smooth"


def mark_points(
    viewer: ViewerModel,
    where: RegionAndStartForm,
    axes: int,
    reference: Image,
    moving: Image,
) -> str:
    """Make a Points layer for each image, or volume, of so many axes; say what to do."""
    if reference is moving:
        raise InputError("Point pairs are places in two images: choose another reference.")
    made = []
    for image, colour in ((reference, ONLY_REFERENCE), (moving, ONLY_MOVING)):
        name = f"points in {image.name}"
        here = [each for each in viewer.layers if isinstance(each, Points) and each.name == name]
        here = [each for each in here if each.ndim == axes]
        grid = layer_grid(image, axes)
        # As large as a person can see them.
        size, place = max(4.0, max(grid.shape) / 60), grid.placement
        if not here:
            face = f"#{bytes(COLOURS[colour]).hex()}"
            here = [viewer.add_points(ndim=axes, name=name, size=size, face_color=face, **place)]
            _number(here[0], face)
        made.append(here[0])
    where.start.value = POINTS
    where.reference_points.value, where.moving_points.value = made
    _show_alone(viewer, reference, *made)
    viewer.layers.selection.active = made[0]
    made[0].mode = made[1].mode = "add"
    return (
        f"Click two or more places in {reference.name!r}, which alone is on show. Then show "
        f"{moving.name!r}, choose the layer {made[1].name!r} and click the same places, in the "
        "same order. Then press Align."
    )


def _show_alone(viewer: ViewerModel, *layers: Layer) -> None:
    """Show one image alone, so that it is plain which one is clicked on or drawn in."""
    for layer in viewer.layers:
        layer.visible = layer in layers


def _number(points: Points, colour: str) -> None:
    """Show beside each place the number that it has: they are paired in their order."""

    def show(_: object = None) -> None:
        numbers = [str(at + 1) for at in range(len(points.data))]
        points.text = {"string": {"array": numbers}, "color": colour, "anchor": "upper_left"}

    points.events.data.connect(show)


def draw_region(viewer: ViewerModel, where: RegionAndStartForm, reference: Image, _: Image) -> str:
    """Make a Shapes layer for a region, choose it, and say what to do."""
    grid = layer_grid(reference)
    layer: Shapes = viewer.add_shapes(
        ndim=2,
        name=f"region of {reference.name}",
        # An outline: what is in it is to be looked at.
        face_color="#ffffff18",
        edge_color="#ffd400",
        edge_width=max(grid.shape) / 300,
        **grid.placement,
    )
    where.region.value = layer
    _show_alone(viewer, reference, layer)
    viewer.layers.selection.active = layer
    layer.mode = "add_rectangle"
    return (
        f"Draw a rectangle around what is to count in {reference.name!r}, which alone is on show. "
        "Then press Align."
    )


def begin_dragging(viewer: ViewerModel, moving: Image) -> str:
    """Put napari's transform tool on a layer, and say what to do."""
    viewer.layers.selection.active = moving
    moving.visible = True
    moving.mode = "transform"
    return "Drag, turn and scale the moving image until it roughly fits, then press Align."
