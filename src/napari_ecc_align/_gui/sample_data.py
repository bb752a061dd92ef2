"""The sample pairs as layers, for File > Open Sample."""

from __future__ import annotations

from napari.types import LayerData

from .._images.samples import sample


def sample_layers(name: str) -> list[LayerData]:
    """Return a sample pair as layers: reference, moving, and the moving image's siblings.

    The siblings are not visible at first, and lie below the pair.
    """
    pair = sample(name)
    shown = {"metadata": {"source": pair.source}, "colormap": "gray"}
    hidden = [
        (image, {"name": name, "visible": False, **shown}, "image")
        for name, image in pair.siblings.items()
    ]
    return [
        (pair.reference, {"name": pair.reference_name, **shown}, "image"),
        (pair.moving, {"name": pair.moving_name, **shown}, "image"),
        *hidden,
    ]


def page() -> list[LayerData]:
    """Return the handwritten music page: the binary reference and the displaced gray scan."""
    return sample_layers("page")


def cathedral() -> list[LayerData]:
    """Return two exposures of the cathedral plate."""
    return sample_layers("cathedral")


def tobolsk() -> list[LayerData]:
    """Return two exposures of the Tobolsk plate."""
    return sample_layers("tobolsk")


def lung() -> list[LayerData]:
    """Return two serial sections of lung tissue."""
    return sample_layers("lung")
