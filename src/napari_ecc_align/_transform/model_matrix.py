"""A matrix and its motion model as one value, and as other programs take it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .._common.errors import InputError
from .._common.given import Numbers
from .axes import in_row_column
from .formats.itk import parameters_of
from .formats.napari_affine import affine_of
from .matrices import (
    Matrix,
    MotionModel,
    check_belongs,
    check_model,
    checked_matrix,
    narrowest_model,
)
from .parts import Parts, parts_of, parts_or_nan, words_beyond_shift

_INFINITY = 1e-12
_SMALL = 0.1


@dataclass(frozen=True, init=False, eq=False, repr=False)
class ModelMatrix:
    """A read-only matrix and its motion model, compared by value; see `Transform`."""

    matrix: NDArray[np.float64]
    model: MotionModel

    # An operator between a transform and an array is an error or unequal, and nobody's surprise.
    __array_ufunc__ = None

    def __init__(self, matrix: Numbers, *, model: MotionModel | None = None) -> None:
        checked = checked_matrix(matrix)
        checked.setflags(write=False)
        if model is not None:
            check_belongs(checked, check_model(model))
        object.__setattr__(self, "matrix", checked)
        object.__setattr__(self, "model", model or narrowest_model(checked))

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state)
        self.matrix.setflags(write=False)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ModelMatrix):
            return NotImplemented
        return self.model == other.model and np.array_equal(self.matrix, other.matrix)

    def __hash__(self) -> int:
        return hash((self.model, *self.matrix.ravel().tolist()))

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.matrix, dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        parts = parts_or_nan(self.matrix, (0.0, 0.0))
        # In other units than pixels a shift may be small.
        digits = ".2f" if max(abs(parts.x), abs(parts.y)) >= _SMALL else ".2g"
        words = [f"x {parts.x + 0.0:+{digits}}, y {parts.y + 0.0:+{digits}}"]
        words += words_beyond_shift(parts, perspective=self._perspective())
        return f"{type(self).__name__}({self.model}: {', '.join(words)})"

    @property
    def params(self) -> NDArray[np.float64]:
        """The same as `matrix`, which is what scikit-image calls it."""
        return self.matrix

    def parts(self, center: tuple[float, float] = (0.0, 0.0)) -> Parts:
        """Return shift, rotation, scales and shear, as scikit-image defines them.

        Parameters
        ----------
        center : tuple of float, default: (0, 0)
            The reference point (x, y) whose shift is asked for. Rotated about its middle an image
            shifts at its corner; so ask for the middle. All parts of a homography are those of
            the affine map at this point.

        Returns
        -------
        Parts
            A named tuple of x and y (pixels), rotation (degrees, clockwise on the screen),
            scale_x, scale_y and shear (degrees).

        Raises
        ------
        InputError
            If the center is no point, or one that a homography carries to infinity.

        Examples
        --------
        >>> from napari_ecc_align import Transform
        >>> parts = Transform([[0, -2, 10], [2, 0, 0]]).parts()
        >>> parts.x, parts.y, parts.rotation, parts.scale_x
        (10.0, 0.0, 90.0, 2.0)
        """
        try:
            if np.ma.is_masked(center):
                raise TypeError("masked")
            x, y = (float(value) for value in center)
        except (TypeError, ValueError) as error:
            raise InputError("center must be the two numbers (x, y)") from error
        weight = self.matrix[2] @ (x, y, 1.0)
        if not np.isfinite(weight) or abs(weight) < _INFINITY:
            raise InputError(f"center must be a point that is carried somewhere, not {(x, y)}")
        try:
            return parts_of(self.matrix, (x, y))
        except ZeroDivisionError as error:
            raise InputError(
                f"center must be where the image has an area, not {(x, y)}"
            ) from error

    def napari_affine(self) -> NDArray[np.float64]:
        """Return what lays the moving layer on the reference in napari, as its ``affine``.

        Returns
        -------
        ndarray of float64, shape (3, 3)
            Maps (row, column, 1) in the moving image to the reference: the opposite direction of
            the transform, and the other axis order. For two layers of scale 1; if they have
            scales, ``transform.in_units(...).napari_affine()``.

        Raises
        ------
        InputError
            If the transform has perspective, which no layer can have.

        Examples
        --------
        >>> from napari_ecc_align import Transform
        >>> Transform([[1, 0, 5], [0, 1, -3]]).napari_affine()[:2, 2].tolist()
        [3.0, -5.0]
        """
        return affine_of(self._affine_matrix("a napari layer"))

    def ndimage_matrix(self) -> NDArray[np.float64]:
        """Return the matrix that ``scipy.ndimage.affine_transform`` warps the moving image by.

        Returns
        -------
        ndarray of float64, shape (3, 3)
            Maps (row, column, 1) in the reference to the moving image: the direction of the
            transform, but the other axis order. Give `output_shape`, the reference's, too.

        Raises
        ------
        InputError
            If the transform has perspective.

        Examples
        --------
        >>> from napari_ecc_align import Transform
        >>> Transform([[1, 0, 5], [0, 1, -3]]).ndimage_matrix()[:2, 2].tolist()
        [-3.0, 5.0]
        """
        swapped = in_row_column(self._affine_matrix("scipy.ndimage.affine_transform"))
        swapped[2] = [0, 0, 1]
        return swapped

    def itk_parameters(self) -> tuple[float, ...]:
        """Return the parameters of ``SimpleITK.AffineTransform(2)``, for its ``SetParameters``.

        Returns
        -------
        tuple of six float
            The linear part, row by row, and the translation: direction and axis order are those
            of the transform. Its units are those of the images' spacing; see
            `Transform.in_units`.

        Raises
        ------
        InputError
            If the transform has perspective.

        Examples
        --------
        >>> from napari_ecc_align import Transform
        >>> Transform([[1, 0, 5], [0, 1, -3]]).itk_parameters()
        (1.0, 0.0, 0.0, 1.0, 5.0, -3.0)
        """
        return parameters_of(self._affine_matrix("ITK's AffineTransform"))

    def _perspective(self) -> bool:
        return self.model == "homography" and bool(self.matrix[2, :2].any())

    def _affine_matrix(self, taker: str) -> Matrix:
        if self._perspective():
            raise InputError(
                f"the transform has perspective, which {taker} cannot take; "
                "use warp, or align with the model 'affine'"
            )
        return self.matrix
