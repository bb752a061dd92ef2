"""The outcome of a smooth alignment."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._common.given import Numbers
from .._common.tables import FIELD_KEYS, MATRIX_KEYS
from .._images.pyramid.representations import Representation
from .._transform.coordinates import corners
from .._transform.field import Field
from .result import GIVEN
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
    >>> found.aligned, found.found, found.judged, found.bends, found.known_share > 0.9
    (True, True, False, True, True)
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

    @property
    def judged(self) -> bool:
        """Whether the field was given to `judge`, and not searched for."""
        return self.start == GIVEN

    def known(self, within: float = 1.0) -> NDArray[np.bool_]:
        """Return where the field is known to so many px (one sigma), of the reference's shape."""
        return self.transform.known(self.shape, within)

    def uncertainty_at(self, points: Numbers) -> NDArray[np.float64]:
        """Return one sigma, RMS of the distance in px, at points (x, y) of the reference."""
        return self.transform.uncertainty_at(points)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as one flat row of strings, numbers and booleans.

        The keys are those of the command's JSON: x and y by how much the middle of the reference
        moves, the elements m00 to m22 of the matrix after the field, and the rest as the
        attributes say. Where nothing was found, NaN stands for what moves.

        Examples
        --------
        >>> from skimage import data
        >>> from napari_ecc_align import align
        >>> camera = data.camera()
        >>> result = align(camera[100:300, 100:350], camera[97:297, 105:355], model="smooth")
        >>> row = result.to_dict()
        >>> row["verdict"], round(row["x"], 1), row["bends"], row["bends_up_to"], row["m22"]
        ('aligned', -5.0, False, 0.0, 1.0)
        """
        numbers = field_numbers(self.transform, self.shape)
        if not (self.found or self.judged):
            numbers = dict.fromkeys(numbers, math.nan)
        tested, agreeing = (self.tiles.tested, self.tiles.agreeing) if self.tiles else (0, 0)
        numbers |= {"tiles": tested, "tiles_agreeing": agreeing}
        known = {**numbers, "model": self.transform.model}
        return {key: known[key] if key in known else getattr(self, key) for key in FIELD_KEYS}

    def __repr__(self) -> str:
        return f"{self.verdict}: {self.reason}"


def field_numbers(field: Field, shape: tuple[int, int]) -> dict[str, float]:
    """Return the numbers that a result's row holds of a field on a reference of a shape."""
    centre = (np.array(shape[::-1]) - 1) / 2
    x, y = (field(centre) - centre).tolist()
    matrix = dict(zip(MATRIX_KEYS, field.matrix.ravel().tolist(), strict=True))
    moved = corner_shift(field, shape)
    return {"x": x, "y": y, "bends_up_to": field.largest, "corner_shift": moved, **matrix}


def corner_shift(
    field: Field, shape: tuple[int, int], pixel: tuple[float, float] = (1.0, 1.0)
) -> float:
    """Return how far a field moves the corners, RMS, in px or, of their size (x, y), its unit."""
    places = corners(shape)
    moved = (field(places) - places) * pixel
    return float(np.sqrt((moved**2).sum(axis=1).mean()))
