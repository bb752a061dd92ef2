"""The outcome of an alignment."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._common.given import Numbers
from .._common.tables import MATRIX_KEYS, PART_KEYS, RESULT_KEYS, UNCERTAINTY_KEYS
from .._images.pyramid.representations import Representation
from .._transform.coordinates import checked_points
from .._transform.matrices import MotionModel
from .._transform.models import frame_of
from .._transform.parts import Parts, parts_or_nan
from .._transform.transform import Transform
from .tile_matching import Tiles
from .uncertainty import spread_at, spread_of_parts, whole_covariance
from .verdict import Verdict, WithVerdict
from .wording import first_sentence, html_row, motion_line, parts_html

GIVEN = "given"
"""The start of what was not searched for."""


@dataclass(frozen=True, eq=False)
class AlignmentResult(WithVerdict):
    """A transform, and whether to trust it; by default one for which nothing was measured.

    It has no truth value: ask `aligned`, or the `verdict`.

    Attributes
    ----------
    transform : Transform
        Maps reference pixels to moving pixels. When `verdict` is "failed", the best one met, or
        identity; when it is "cancelled", the best so far. Of `judge`, the one it was given.
    verdict : {"aligned", "doubtful", "failed", "cancelled"}
        Whether the transform is right, as far as the images can tell; "cancelled" where the
        caller did not let them.
    reason : str
        What the verdict rests on, in a sentence.
    shape : tuple of int
        Height and width of the reference.
    ecc : float
        Enhanced correlation coefficient of reference and warped image over their overlap, in
        [-1, 1]; of an inverted image, that of its negative.
    ecc_before : float
        The same without any transform.
    inverted : bool
        The moving image is a negative of the reference, as dark ink on white is of white ink on
        black.
    overlap_fraction : float
        Share of the reference's valid pixels that valid moving pixels cover.
    corner_uncertainty : float
        One sigma of the error, in pixels: RMS over the reference's four corners, with what the
        tiles contradict beyond doubt. NaN from the "opencv" engine, which gives none, and infinite
        where nothing was found.
    contradiction : float
        What the tiles, or all pixels of what `judge` was given, contradict beyond doubt, in
        pixels: that part of `corner_uncertainty`.
    covariance : ndarray of float64, shape (p, p), or None
        Of the model's parameters: translation (x, y), then rotation, then the logarithm of scale
        for the models up to "similarity"; the six affine coefficients (1, x, y) of the x and of
        the y displacement, and the two of perspective for the others. Lengths in half the
        reference's longer side, around its centre.
    iterations : int
        Iterations on the last level.
    converged : bool
        The estimator settled before its iterations were used up.
    start : str
        Which start led to it: "initial", "identity", "phase correlation", "rotation and scale",
        "blobs", "features", "mutual information", "region" or "smaller image" where the region
        that counts or the moving image is small and was aligned by itself first, "given" by the
        caller of `judge`, or "none".
    timings : dict of str to float
        Seconds spent on each start.
    representation : {"intensity", "gradient", "orientation"}
        What was correlated: the images themselves or, where that led nowhere, which way their
        edges run; of the "opencv" engine, the magnitude of their gradients.
    engine : str
        Which estimator ran.
    seconds : float
        How long everything took, as `align` measures it; 0 where nobody did.
    placed : bool
        The place is beyond doubt, though the result is "doubtful": the images are deformed, and
        only a freer motion model, or none, would suffice.
    tiles : Tiles or None
        What small tiles say of the alignment, each on its own: its `displacements` are how far
        from where the transform puts them they fit best in the moving image laid on the
        reference, its `uncertainties` one sigma of that.

    Examples
    --------
    >>> from skimage import data
    >>> from napari_ecc_align import align
    >>> camera = data.camera()
    >>> result = align(camera[100:300, 100:350], camera[97:297, 105:355], model="translation")
    >>> result
    aligned: x -5.00 ± 0.01 px, y +3.00 ± 0.01, 37 of 37 tiles
    >>> result.raise_if_not("aligned").transform.to_moving((6, 0)).round(1).tolist()
    [1.0, 3.0]
    >>> result.judged, result.aligned, result.found, result.model, round(result.corner_shift, 1)
    (False, True, True, 'translation', 5.8)
    """

    transform: Transform
    verdict: Verdict
    reason: str
    shape: tuple[int, int]
    ecc: float = 0.0
    ecc_before: float = 0.0
    inverted: bool = False
    overlap_fraction: float = 0.0
    corner_uncertainty: float = float("inf")
    contradiction: float = 0.0
    covariance: NDArray[np.float64] | None = None
    iterations: int = 0
    converged: bool = False
    start: str = "none"
    timings: dict[str, float] = field(default_factory=dict)
    representation: Representation = "intensity"
    engine: str = "pyramid"
    seconds: float = 0.0
    placed: bool = False
    tiles: Tiles | None = None

    @property
    def judged(self) -> bool:
        """Whether the transform was given to `judge`, and not searched for."""
        return self.start == GIVEN

    @property
    def model(self) -> MotionModel:
        """The motion model of the transform."""
        return self.transform.model

    @property
    def corner_shift(self) -> float:
        """How far the transform moves the corners of the reference, RMS in pixels."""
        return self.transform.corner_distance(Transform.identity(), self.shape)

    def parts(self, center: tuple[float, float] | None = None) -> Parts:
        """Return shift, rotation, scales and shear, at the middle of the reference by default.

        Parameters
        ----------
        center : tuple of float, optional
            The point (x, y) of the reference whose shift it is.

        Returns
        -------
        Parts
            As `Transform.parts` returns them; NaN where a transform that was judged leaves no
            area of the middle.

        Examples
        --------
        >>> from skimage import data
        >>> from napari_ecc_align import align
        >>> camera = data.camera()
        >>> result = align(camera[100:300, 100:350], camera[97:297, 105:355], model="euclidean")
        >>> round(result.parts().x, 1), round(result.parts().y, 1)
        (-5.0, 3.0)
        """
        if center is not None:
            return self.transform.parts(center)
        return parts_or_nan(self.transform.matrix, frame_of(self.shape).centre)

    def parts_uncertainty(self, center: tuple[float, float] | None = None) -> Parts:
        """Return one sigma of each of the parts.

        They are those of the covariance of the parameters, with what `corner_uncertainty` holds
        beside it: the bias of sampling, a shift alike everywhere, and what the tiles contradict,
        which raises all of them alike. What the motion model fixes is certain: 0.

        Parameters
        ----------
        center : tuple of float, optional
            As in `parts`.

        Returns
        -------
        Parts
            In the units of `parts`; NaN where there is none.

        Examples
        --------
        >>> from skimage import data
        >>> from napari_ecc_align import align
        >>> camera = data.camera()
        >>> result = align(camera[100:300, 100:350], camera[97:297, 105:355], model="translation")
        >>> result.parts_uncertainty().x < 0.01, result.parts_uncertainty().rotation
        (True, 0.0)
        """
        if self._covariance is None:
            return Parts(*[math.nan] * len(PART_KEYS))
        place = frame_of(self.shape).centre if center is None else center
        return spread_of_parts(self.transform.matrix, self._covariance, self.shape, place)

    def uncertainty_at(self, points: Numbers) -> NDArray[np.float64]:
        """Return one sigma of where points of the reference lie in the moving image.

        Its RMS over the reference's four corners is `corner_uncertainty`. Where that holds more
        than the covariance of the parameters, the bias of sampling is alike everywhere, and what
        the tiles contradict raises it by the same factor everywhere.

        Parameters
        ----------
        points : array_like, shape (2,) or (N, 2)
            Points as (x, y) in reference pixels.

        Returns
        -------
        ndarray of float64, shape () or (N,)
            RMS of the distance, in moving pixels; NaN or infinite where `corner_uncertainty` is.

        Raises
        ------
        InputError
            If the points have another shape.

        Examples
        --------
        >>> from skimage import data
        >>> from napari_ecc_align import align
        >>> camera = data.camera()
        >>> result = align(camera[100:300, 100:350], camera[97:297, 105:355])
        >>> middle, corner = result.uncertainty_at([(125, 100), (0, 0)])
        >>> bool(middle < corner < 0.05)
        True
        """
        given = checked_points(points)
        if self._covariance is None:
            return np.full(given.shape[:-1], self.corner_uncertainty)
        matrix = self.transform.matrix
        spread = spread_at(given.reshape(-1, 2), matrix, self._covariance, self.shape)
        return spread.reshape(given.shape[:-1])

    def to_dict(self) -> dict[str, Any]:
        """Return the result as one flat row of strings, numbers and booleans.

        The keys are those of the command's JSON, of a batch's tables and of `StackResult`: x, y,
        rotation, scale_x, scale_y and shear at the middle of the reference, each with its
        uncertainty, the elements m00 to m22 of the matrix, and the rest as the attributes say.
        Where nothing was found, NaN stands for the transform, unless it was given.

        Examples
        --------
        >>> from skimage import data
        >>> from napari_ecc_align import align
        >>> camera = data.camera()
        >>> result = align(camera[100:300, 100:350], camera[97:297, 105:355], model="translation")
        >>> row = result.to_dict()
        >>> row["verdict"], round(row["x"], 1), row["rotation"], row["tiles_agreeing"]
        ('aligned', -5.0, 0.0, 37)
        """
        numbers = transform_numbers(self.transform, self.shape)
        numbers |= zip(UNCERTAINTY_KEYS, self.parts_uncertainty(), strict=True)
        if not (self.found or self.judged):
            numbers = dict.fromkeys(numbers, math.nan)
        tested, agreeing = (self.tiles.tested, self.tiles.agreeing) if self.tiles else (0, 0)
        numbers |= {"tiles": tested, "tiles_agreeing": agreeing}
        return {key: numbers[key] if key in numbers else getattr(self, key) for key in RESULT_KEYS}

    def __repr__(self) -> str:
        told = []
        if self.found:
            perspective = bool(self.transform.matrix[2, :2].any())
            told.append(
                motion_line(self.parts(), self.parts_uncertainty(), perspective=perspective)
            )
            if self.tiles is not None:
                told.append(f"{self.tiles.agreeing} of {self.tiles.tested} tiles")
        line = f"{self.verdict}: {', '.join(told)}"
        if self.aligned:
            return line
        return f"{line}{'; ' * bool(told)}{first_sentence(self.reason)}"

    def _repr_html_(self) -> str:
        """Return the verdict, its reason and the numbers, for a notebook."""
        head = f"<div><b>{self.verdict}</b>: {escape(self.reason)}</div>"
        if not self.found:
            return head
        uncertain = self.corner_uncertainty
        rows = [
            parts_html(self.parts(), self.parts_uncertainty()),
            html_row(
                "corners",
                f"{self.corner_shift:.2f} px",
                f"± {uncertain:.2g}" if math.isfinite(uncertain) else "",
            ),
            html_row("ECC", f"{self.ecc:.4f}", f"before {self.ecc_before:.4f}"),
            html_row("overlap", f"{self.overlap_fraction:.1%}", ""),
        ]
        if self.tiles is not None:
            rows.append(html_row("tiles", f"{self.tiles.agreeing}", f"of {self.tiles.tested}"))
        return f"{head}<table>{''.join(rows)}</table>"

    @cached_property
    def _covariance(self) -> NDArray[np.float64] | None:
        """All that `corner_uncertainty` holds as a covariance; None if there is none."""
        if self.covariance is None or not math.isfinite(self.corner_uncertainty):
            return None
        return whole_covariance(
            self.transform.matrix,
            self.covariance,
            self.shape,
            corner_uncertainty=self.corner_uncertainty,
            contradiction=self.contradiction,
        )


def transform_numbers(transform: Transform, shape: tuple[int, int]) -> dict[str, float]:
    """Return the numbers that a result's row holds of a transform of a reference of a shape."""
    parts = parts_or_nan(transform.matrix, frame_of(shape).centre)
    return {
        **dict(zip(PART_KEYS, parts, strict=True)),
        "corner_shift": transform.corner_distance(Transform.identity(), shape),
        **dict(zip(MATRIX_KEYS, transform.matrix.ravel().tolist(), strict=True)),
    }
