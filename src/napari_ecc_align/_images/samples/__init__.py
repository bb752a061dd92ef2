"""Pairs of images to try the alignment on: three real ones and a page of music drawn to order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import as_file, files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._common.errors import InputError

__all__ = ["SamplePair", "sample", "sample_names"]


@dataclass(frozen=True, eq=False)
class SamplePair:
    """Two images of one thing that do not lie on each other.

    Attributes
    ----------
    name : str
        What `sample` calls it.
    title : str
        What a menu calls it.
    reference, moving : ndarray of uint8, shape (h, w)
        The image that stays and the image to align; their shapes may differ.
    reference_name, moving_name : str
        Names for layers or files.
    matrix : ndarray of float64, shape (3, 3), or None
        The truth, if it is known: maps a reference pixel (x, y, 1) to the moving pixel.
    source : str
        Where the images come from and under which licence, in a line.
    siblings : mapping of str to ndarray
        Further images by name. They lie where `moving` lies if `siblings_follow`.
    siblings_follow : bool
        Whether the transform of `moving` is the transform of the siblings too.
    """

    name: str
    title: str
    reference: NDArray[np.uint8]
    moving: NDArray[np.uint8]
    reference_name: str
    moving_name: str
    source: str
    matrix: NDArray[np.float64] | None = None
    siblings: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)
    siblings_follow: bool = False


_TITLES = {
    "page": "Music page: binary and gray scan",
    "cathedral": "Glass plate, cathedral: green and red exposure",
    "tobolsk": "Glass plate, Tobolsk: green and red exposure",
    "lung": "Serial sections of a lung",
}
_PLATE_BORDER = 22
_PLATE_SOURCE = "Prokudin-Gorskii Collection, Library of Congress, 1905-1915; public domain"
_LUNG_SOURCE = "InsightSoftwareConsortium/ITKElastix, lung_sem; Apache-2.0"
_PAGE_SOURCE = "drawn by napari-ecc-align; BSD-3-Clause"


def sample_names() -> tuple[str, ...]:
    """Return the names of the sample pairs."""
    return tuple(_TITLES)


def sample(name: str) -> SamplePair:
    """Load one sample pair, or draw it.

    Parameters
    ----------
    name : {"page", "cathedral", "tobolsk", "lung"}
        Which one; see `sample_names`.

    Returns
    -------
    SamplePair
        Fresh arrays, free to be changed.

    Raises
    ------
    InputError
        If there is no sample of that name.
    """
    if name not in _TITLES:
        raise InputError(f"name must be one of {', '.join(_TITLES)}, not {name!r}")
    if name == "page":
        return _page()
    if name == "lung":
        return _lung()
    return _plate(name)


def _page() -> SamplePair:
    from .page import make_page

    page = make_page()
    return SamplePair(
        name="page",
        title=_TITLES["page"],
        reference=page.reference,
        moving=page.gray,
        reference_name="page",
        moving_name="scan",
        source=_PAGE_SOURCE,
        matrix=page.matrix,
        siblings={"scan, binary": page.binary, "scan, staffless": page.staffless},
        siblings_follow=True,
    )


def _plate(name: str) -> SamplePair:
    return SamplePair(
        name=name,
        title=_TITLES[name],
        reference=_exposure(name, "green"),
        moving=_exposure(name, "red"),
        reference_name=f"{name} green",
        moving_name=f"{name} red",
        source=_PLATE_SOURCE,
        siblings={f"{name} blue": _exposure(name, "blue")},
    )


def _exposure(name: str, colour: str) -> NDArray[Any]:
    # The plate's edge and the tape around it are no part of the scene.
    border = slice(_PLATE_BORDER, -_PLATE_BORDER)
    return np.ascontiguousarray(_load(f"{name}_{colour}.jpg")[border, border])


def _lung() -> SamplePair:
    return SamplePair(
        name="lung",
        title=_TITLES["lung"],
        reference=_load("lung_section_3.png"),
        moving=_load("lung_section_4.png"),
        reference_name="lung section 3",
        moving_name="lung section 4",
        source=_LUNG_SOURCE,
    )


def _load(filename: str) -> NDArray[Any]:
    from ..files.images import read_image

    with as_file(files(__name__).joinpath("data", filename)) as path:
        return read_image(path)
