"""The outcome of a smooth alignment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .._common.given import Numbers
from .._images.pyramid.representations import Representation
from .._transform.field import Field
from .tile_matching import Tiles
from .verdict import Verdict, WithVerdict


@dataclass(frozen=True, eq=False, repr=False)
class SmoothAlignment(WithVerdict):
    """A field, where it is known, and whether to trust it.

    Attributes
    ----------
    transform : Field
        Maps reference pixels to moving pixels; its `sigma` is infinite where it is not known.
    verdict : {"aligned", "doubtful", "failed", "cancelled"}
        Whether the field is right where it says that it is known, as far as the images can tell.
    reason : str
        What the verdict rests on, and where the field is known.
    shape : tuple of int
        Height and width of the reference.
    known_share : float
        Share of the reference's pixels with a moving pixel where the field is known to a pixel.
    uncertainty : float
        One sigma in px that is typical there, of each axis; infinite where nothing is known.
    bends : bool
        Whether anything bends: if not, the field is that of the motion that `align` finds with
        the model "affine".
    stiffness : float
        Over which length the field bends, in px of the reference.
    ecc, ecc_before : float
        Correlation over the overlap with and without the field; of an inverted image, that of its
        negative.
    inverted : bool
    overlap_fraction : float
    start : str
        Which start led to it, as in `AlignmentResult`.
    representation : {"intensity", "gradient", "orientation"}
    seconds : float
    tiles : Tiles or None
        What small tiles say where the field puts them, each on its own.

    Examples
    --------
    >>> import numpy as np
    >>> from skimage import data
    >>> from napari_ecc_align import Field, align, warp
    >>> retina = data.retina()[300:700, 300:700, 1]
    >>> y, x = np.mgrid[:400, :400]
    >>> u = np.stack([3 * np.sin(y / 60), 3 * np.cos(x / 70)], axis=-1)
    >>> bent = Field.from_displacements(u)
    >>> found = align(warp(retina, bent), retina, model="smooth")
    >>> found.aligned, found.found, found.bends, found.known_share > 0.9
    (True, True, True, True)
    >>> bool(np.abs(found.transform((200, 200)) - bent((200, 200))).max() < 0.5)
    True
    >>> found.known(0.5).shape, bool(found.uncertainty_at((200, 200)) < 0.5)
    ((400, 400), True)
    >>> found.raise_if_not("aligned") is found
    True
    """

    transform: Field
    verdict: Verdict
    reason: str
    shape: tuple[int, int]
    known_share: float = 0.0
    uncertainty: float = float("inf")
    bends: bool = False
    stiffness: float = float("inf")
    ecc: float = 0.0
    ecc_before: float = 0.0
    inverted: bool = False
    overlap_fraction: float = 0.0
    start: str = "none"
    representation: Representation = "intensity"
    seconds: float = 0.0
    tiles: Tiles | None = None

    def known(self, within: float = 1.0) -> NDArray[np.bool_]:
        """Return where the field is known to so many px (one sigma), of the reference's shape."""
        return self.transform.known(self.shape, within)

    def uncertainty_at(self, points: Numbers) -> NDArray[np.float64]:
        """Return one sigma, RMS of the distance in px, at points (x, y) of the reference."""
        return self.transform.uncertainty_at(points)

    def __repr__(self) -> str:
        return f"{self.verdict}: {self.reason}"
