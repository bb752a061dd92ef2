"""A transform applied to several layers in a worker thread, or to their affines at once."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from napari.layers import Layer
from napari.types import LayerData

from ..._common.errors import InputError
from ..layers.apply_transform import Application, apply_to_layer
from ..shared.refusal import Refusal


def detached(layer: Layer) -> Layer:
    """Return a copy that shares the layer's data and that no viewer knows.

    A thread may read it while a person goes on with the layer itself.
    """
    data, options, kind = layer.as_layer_data_tuple()
    # Not visible, or napari would slice it and draw its thumbnail.
    return Layer.create(data, {**options, "visible": False}, kind)


def apply_steps(
    layers: Sequence[Layer], application: Application
) -> Generator[LayerData | Refusal, None, None]:
    """Yield a new layer, as a layer data tuple, or a refusal for each; no exception leaves here.

    Parameters
    ----------
    layers : sequence of Layer
        Detached ones.
    application : Application
        What to apply to them.
    """
    for layer in layers:
        yield _applied(layer, application)


def _applied(layer: Layer, application: Application) -> LayerData | Refusal:
    try:
        data, look, kind = apply_to_layer(layer, application)
        return data, {**look, "visible": True}, kind
    except InputError as error:
        return Refusal(str(error))
    except MemoryError:
        return Refusal(f"There is not enough memory to resample {layer.name!r}; move it instead.")
    except Exception as error:
        return Refusal(f"{layer.name!r} could not be transformed: {error!r}")
