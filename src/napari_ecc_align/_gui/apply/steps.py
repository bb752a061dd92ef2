"""A transform applied to several layers in a worker thread, or to their affines at once."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from napari.layers import Layer
from napari.types import LayerData

from ..._common.errors import InputError
from ..layers.apply_transform import Application, apply_to_layer, lost_labels
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
) -> Generator[tuple[LayerData, str] | Refusal, None, None]:
    """Yield a new layer for each, or a refusal; no exception leaves here.

    As a layer data tuple, with a sentence on what is lost in it, if there is anything.

    Parameters
    ----------
    layers : sequence of Layer
        Detached ones.
    application : Application
        What to apply to them.
    """
    for layer in layers:
        yield _applied(layer, application)


def _applied(layer: Layer, application: Application) -> tuple[LayerData, str] | Refusal:
    try:
        data, look, kind = apply_to_layer(layer, application)
        return (data, {**look, "visible": True}, kind), _loss(layer, data)
    except InputError as error:
        return Refusal(str(error))
    except MemoryError:
        return Refusal(f"There is not enough memory to resample {layer.name!r}; move it instead.")
    except Exception as error:
        return Refusal(f"{layer.name!r} could not be transformed: {error!r}")


def _loss(layer: Layer, data: object) -> str:
    lost, count = lost_labels(layer, data) or (0, 0)
    if not lost:
        return ""
    return (
        f"{layer.name!r} has lost {lost:,} of its {count:,} labels: smaller than a new pixel, or "
        "outside."
    )
