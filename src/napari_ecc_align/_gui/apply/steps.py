"""A transform applied to several layers in a worker thread, or to their affines at once."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..._common.errors import InputError
from ..._images.warping import Resampling
from ..._transform.transform import Transform
from ..layers.apply_transform import apply_to_layer
from ..layers.frame_transforms import FrameTransforms
from ..layers.world import PixelGrid
from ..shared.refusal import Refusal

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.types import LayerData


@dataclass(frozen=True, eq=False)
class ApplyOptions:
    """How layers are to be transformed: what `apply_to_layer` takes."""

    transform: Transform | FrameTransforms
    reference: PixelGrid
    moving: PixelGrid | None
    inverse: bool
    resampling: Resampling


def detached(layer: Layer) -> Layer:
    """Return a copy that shares the layer's data and that no viewer knows.

    A thread may read it while a person goes on with the layer itself.
    """
    from napari.layers import Layer

    data, options, kind = layer.as_layer_data_tuple()
    # Not visible, or napari would slice it and draw its thumbnail.
    return Layer.create(data, {**options, "visible": False}, kind)


def apply_steps(
    layers: Sequence[Layer], options: ApplyOptions
) -> Generator[LayerData | Refusal, None, None]:
    """Yield a new layer, as a layer data tuple, or a refusal for each; no exception leaves here.

    Parameters
    ----------
    layers : sequence of Layer
        Detached ones.
    options : ApplyOptions
        How to transform them.
    """
    for layer in layers:
        yield _applied(layer, options)


def _applied(layer: Layer, options: ApplyOptions) -> LayerData | Refusal:
    name = f"{layer.name} back" if options.inverse else None
    try:
        data, look, kind = apply_to_layer(
            layer,
            options.transform,
            options.reference,
            moving=options.moving,
            inverse=options.inverse,
            resampling=options.resampling,
            name=name,
        )
        return data, {**look, "visible": True}, kind
    except InputError as error:
        return Refusal(str(error))
    except MemoryError:
        return Refusal(f"There is not enough memory to resample {layer.name!r}; move it instead.")
    except Exception as error:
        return Refusal(f"{layer.name!r} could not be transformed: {error!r}")
