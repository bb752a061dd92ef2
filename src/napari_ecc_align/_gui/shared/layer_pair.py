"""Two combo boxes that follow the viewer's image layers without losing the person's choice."""

from __future__ import annotations

from magicgui.widgets import ComboBox, Widget
from napari.components import ViewerModel
from napari.layers import Image

from ..._common.errors import InputError
from ..layers.attributes import axes_of, is_result, layer_with_id
from ..layers.stack_snapshots import is_stack
from .rows import Form, button
from .watching import Watch


def images_in(viewer: ViewerModel) -> list[Image]:
    """Return the image layers of a viewer."""
    return [layer for layer in viewer.layers if isinstance(layer, Image)]


class LayerPair(Form):
    """A reference and a moving layer, chosen from the images of a viewer.

    The two images that are selected in the viewer's list are chosen already, or else the first
    two; of those selected the lower one is the reference. A choice lasts as long as its layer
    does, whatever else is added, removed, renamed or moved; a button takes two that are selected
    later.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Whose images are offered.
    *more : magicgui widget
        Shown below the two, in the same form.
    """

    def __init__(self, viewer: ViewerModel, *more: Widget) -> None:
        self._viewer = viewer
        self._alone = False
        self.reference = ComboBox(
            choices=lambda _: images_in(viewer),
            nullable=True,
            label="reference",
            tooltip="The image that stays where it is",
        )
        self.moving = ComboBox(
            choices=lambda _: images_in(viewer),
            nullable=True,
            label="moving",
            tooltip="The image that is laid on the reference",
        )
        self.selected = button(
            "Choose selected",
            "Take the two images that are selected in the list of layers, the lower one as the "
            "reference",
            self._choose_selected,
        )
        super().__init__(self.reference, self.moving, self.selected, *more)
        Watch(self.native).layer_list(viewer, self._follow)
        Watch(self.native).begin(self._offer_selected, viewer.layers.selection.events.changed)
        self.changed.connect(self._offer_selected)
        self._choose_selected()
        self._follow()

    def chosen(self, *, stack_to_itself: bool = False) -> tuple[Image, Image]:
        """Return the two layers.

        Parameters
        ----------
        stack_to_itself : bool, default: False
            They may be one and the same stack.

        Raises
        ------
        InputError
            If there are no two.
        """
        reference, moving = self.reference.value, self.moving.value
        if reference is None or moving is None:
            raise InputError(
                "Choose two image layers: open your own, or a pair from File > Open Sample."
            )
        if reference == moving and not (stack_to_itself and is_stack(moving)):
            raise InputError("Reference and moving are one layer; choose two.")
        return reference, moving

    def choose(self, reference: object, moving: object) -> None:
        """Choose two layers by their ids."""
        for box, identity in ((self.reference, reference), (self.moving, moving)):
            layer = layer_with_id(self._viewer, identity)
            if layer in box.choices:
                box.value = layer

    def _choose_selected(self) -> None:
        selected = self._selected()
        if len(selected) == 2:
            self.reference.value, self.moving.value = selected
        self._offer_selected()

    def _selected(self) -> list[Image]:
        here = self._viewer.layers.selection
        return [each for each in images_in(self._viewer) if each in here and not is_result(each)]

    def _offer_selected(self, _: object = None) -> None:
        selected = self._selected()
        chosen = self.reference.value, self.moving.value
        self.selected.visible = len(selected) == 2 and set(selected) != set(chosen)

    def _follow(self, _: object = None) -> None:
        """Offer the layers there are, and fill an empty choice with the first that fits."""
        self.reference.reset_choices()
        self.moving.reset_choices()
        candidates = [layer for layer in images_in(self._viewer) if not is_result(layer)]
        for box, other in ((self.reference, self.moving), (self.moving, self.reference)):
            free = [layer for layer in candidates if layer != other.value]
            if box.value is None and free:
                box.value = free[0]
        self._follow_alone(candidates)

    def _follow_alone(self, candidates: list[Image]) -> None:
        """Choose a lone stack twice, to be aligned to itself, until there is another image."""
        if len(candidates) == 1 and self.moving.value is None:
            # The channels of one image lie on each other unless a person says otherwise.
            if axes_of(candidates[0], self._viewer).along is not None:
                self.moving.value = candidates[0]
                self._alone = True
        elif len(candidates) > 1 and self._alone:
            self._alone = False
            if self.moving.value == self.reference.value:
                others = [layer for layer in candidates if layer != self.reference.value]
                self.moving.value = others[0]
