"""Pairs of images to try the alignment on: three real ones and a drawn page of music."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
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

    Examples
    --------
    >>> from napari_ecc_align import sample
    >>> pair = sample("lung")
    >>> pair.title, pair.reference.shape, pair.matrix
    ('Serial sections of a lung', (800, 800), None)
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
# As tests/draw_page.py prints them.
_PAGE_MATRIX = [
    [1.0018967956987057, -0.006006430877321276, 6.789634137954513],
    [-0.008238126918641928, 1.002933320850572, 2.217555112309366],
    [0.0, 0.0, 1.0],
]
_STAFF_SPACE = 10.0


def sample_names() -> tuple[str, ...]:
    """Return the names of the sample pairs."""
    return tuple(_TITLES)


def sample(name: str) -> SamplePair:
    """Load one sample pair.

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

    Examples
    --------
    >>> from napari_ecc_align import sample
    >>> pair = sample("page")
    >>> pair.reference.shape, pair.moving.shape, list(pair.siblings)
    ((900, 1200), (892, 1192), ['scan, binary', 'scan, staffless'])

    The page alone is drawn, so where its scan lies is known exactly:

    >>> pair.matrix[:2, 2].round(2).tolist()
    [6.79, 2.22]
    """
    if name not in _TITLES:
        raise InputError(f"name must be one of {', '.join(_TITLES)}, not {name!r}")
    made = partial(SamplePair, name, _TITLES[name])
    if name == "page":
        from .paper import scan

        ink = np.divide(_load("page_scan_ink.png"), 255, dtype=np.float32)
        return made(
            reference=_two_tone(_load("page.png")),
            moving=scan(ink, np.random.default_rng(0).spawn(3)[-1], _STAFF_SPACE),
            reference_name="page",
            moving_name="scan",
            source=_PAGE_SOURCE,
            matrix=np.array(_PAGE_MATRIX),
            siblings={
                "scan, binary": _two_tone(ink <= 0.5),
                "scan, staffless": _two_tone(_load("page_scan_staffless.png")),
            },
            siblings_follow=True,
        )
    if name == "lung":
        third, fourth = _load("lung_section_3.png"), _load("lung_section_4.png")
        return made(third, fourth, "lung section 3", "lung section 4", _LUNG_SOURCE)
    green, red, blue = (_exposure(name, colour) for colour in ("green", "red", "blue"))
    siblings = {f"{name} blue": blue}
    return made(green, red, f"{name} green", f"{name} red", _PLATE_SOURCE, siblings=siblings)


def _two_tone(white: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return white.astype(np.uint8) * np.uint8(255)


def _exposure(name: str, colour: str) -> NDArray[Any]:
    # The plate's edge and the tape around it are no part of the scene.
    border = slice(_PLATE_BORDER, -_PLATE_BORDER)
    return np.ascontiguousarray(_load(f"{name}_{colour}.jpg")[border, border])


def _load(filename: str) -> NDArray[Any]:
    from ..files.images import read_image

    with as_file(files(__name__).joinpath("data", filename)) as path:
        return read_image(path)
