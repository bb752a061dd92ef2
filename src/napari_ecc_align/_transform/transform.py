"""The transform that maps reference pixels to moving pixels."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Self

import numpy as np
from numpy.typing import NDArray

from .._common.errors import InputError
from .._common.given import GivenPath, Numbers, height_and_width
from .coordinates import checked_points, corner_error, map_points
from .formats.registry import read_matrices, write_matrix
from .matrices import MOTION_MODELS, MotionModel, checked_matrix, inverse_of, model_from, scaling
from .model_matrix import ModelMatrix
from .points import estimate_from_points


class Transform(ModelMatrix):
    """A map from reference pixels to moving pixels, which cannot be changed.

    The direction is that of OpenCV's ``WARP_INVERSE_MAP``, of scikit-image's ``inverse_map``
    and of ITK's fixed-to-moving transforms. Coordinates are (x, y), that is (column, row),
    with pixel centres at integers.

    Parameters
    ----------
    matrix : array_like, shape (3, 3) or (2, 3)
        Maps (x, y, 1) in the reference to the moving image. Kept as a read-only float64 array of
        shape (3, 3) whose last element is 1, the attribute `matrix`.
    model : {"translation", "euclidean", "similarity", "affine", "homography"}, optional
        The motion model that the matrix belongs to; by default the narrowest one.

    Raises
    ------
    InputError
        If the matrix has another shape, is not finite or not invertible, or does not belong to
        the model.

    Notes
    -----
    Two transforms are equal if matrix and model are. NumPy takes one as its matrix, scikit-image
    calls one as it calls its own: ``skimage.transform.warp(moving, transform)``.

    Examples
    --------
    Transforms are composed with ``@``; the right one comes first.

    >>> from napari_ecc_align import Transform
    >>> shift = Transform([[1, 0, 10], [0, 1, 0]])
    >>> double = Transform([[2, 0, 0], [0, 2, 0]])
    >>> double @ shift
    Transform(similarity: x +20.00, y +0.00, scaled 2.000)
    >>> (double @ shift)((1, 1)).tolist()
    [22.0, 2.0]
    >>> double == Transform(double.params), double.params is double.matrix
    (True, True)
    """

    @classmethod
    def identity(cls, model: MotionModel = "translation") -> Self:
        """Return the transform that maps every pixel to itself.

        Examples
        --------
        >>> from napari_ecc_align import Transform
        >>> Transform.identity().to_moving((3, 4)).tolist()
        [3.0, 4.0]
        """
        return cls(np.eye(3), model=model)

    @classmethod
    def from_points(
        cls,
        reference_points: Numbers,
        moving_points: Numbers,
        *,
        model: MotionModel | None = None,
    ) -> Self:
        """Estimate the transform that carries points of the reference to the moving image.

        With the fewest pairs that a model needs all points are met exactly, with more of them by
        least squares.

        Parameters
        ----------
        reference_points, moving_points : array_like, shape (N, 2)
            The same N places in both images as (x, y) in pixels. napari's Points layers hold
            (row, column): turn them round with ``points[:, ::-1]``.
        model : {"translation", "euclidean", "similarity", "affine", "homography"}, optional
            The motion model: 1, 2, 2, 3 and 4 pairs are needed. Left out, it is the one that the
            number of pairs suggests: a translation for one pair, a similarity for two, an affine
            transform for three or more. A homography has to be asked for, as points set by hand
            seldom determine perspective.

        Raises
        ------
        InputError
            If there are too few pairs, or points that coincide or lie on one line so that they do
            not determine the transform.

        Examples
        --------
        >>> from napari_ecc_align import Transform
        >>> found = Transform.from_points([(0, 0), (10, 0)], [(5, 7), (25, 7)])
        >>> found.model, found.to_moving((0, 10)).round(9).tolist()
        ('similarity', [5.0, 27.0])
        """
        matrix, chosen = estimate_from_points(reference_points, moving_points, model)
        return cls(matrix, model=chosen)

    @property
    def inverse(self) -> Transform:
        """The transform from moving pixels back to reference pixels.

        Examples
        --------
        >>> from napari_ecc_align import Transform
        >>> shift = Transform([[1, 0, 2], [0, 1, 3]], model="translation")
        >>> shift.inverse.to_moving((2, 3)).tolist()
        [0.0, 0.0]
        """
        return Transform(inverse_of(self.matrix), model=self.model)

    def __matmul__(self, other: Transform) -> Transform:
        """Compose: ``(a @ b)(p)`` is ``a(b(p))``; the wider motion model is kept."""
        if not isinstance(other, Transform):
            return NotImplemented
        wider = max(self.model, other.model, key=MOTION_MODELS.index)
        with np.errstate(all="ignore"):
            matrix = checked_matrix(self.matrix @ other.matrix)
        return Transform(matrix, model=wider)

    def to_moving(self, points: Numbers) -> NDArray[np.float64]:
        """Map reference points to the moving image.

        Parameters
        ----------
        points : array_like, shape (2,) or (N, 2)
            Points as (x, y) in reference pixels.

        Returns
        -------
        ndarray of float64
            The mapped points as (x, y) in moving pixels, in the shape of `points`.

        Raises
        ------
        InputError
            If the points are no numbers of that shape.

        Examples
        --------
        >>> from napari_ecc_align import Transform
        >>> Transform([[2, 0, 10], [0, 2, 20]], model="similarity").to_moving([(0, 0), (5, 1)])
        array([[10., 20.],
               [20., 22.]])
        """
        return map_points(self.matrix, checked_points(points))

    def __call__(self, points: Numbers) -> NDArray[np.float64]:
        """Map reference points to the moving image, as `to_moving` does."""
        return self.to_moving(points)

    def to_reference(self, points: Numbers) -> NDArray[np.float64]:
        """Map points (x, y) of the moving image back to the reference, as `inverse` does.

        Examples
        --------
        >>> from napari_ecc_align import Transform
        >>> Transform([[2, 0, 10], [0, 2, 20]]).to_reference((20, 22)).tolist()
        [5.0, 1.0]
        """
        return self.inverse.to_moving(points)

    def corner_distance(self, other: Self | Numbers, shape: Sequence[int]) -> float:
        """Return how far two transforms are apart: RMS over the reference's corners, in pixels.

        Parameters
        ----------
        other : Transform or array_like, shape (3, 3)
            What to compare with, such as a known truth.
        shape : sequence of int
            Height and width of the reference; further numbers are ignored.

        Raises
        ------
        InputError
            If one of them cannot be used.

        Examples
        --------
        >>> from napari_ecc_align import Transform
        >>> Transform([[1, 0, 3], [0, 1, 4]]).corner_distance(Transform.identity(), (100, 200))
        5.0
        """
        sides = height_and_width(shape, "shape")
        return corner_error(self.matrix, checked_matrix(other), sides)

    def in_units(
        self,
        reference: float | tuple[float, float],
        moving: float | tuple[float, float] | None = None,
    ) -> Transform:
        """Return the same transform between coordinates in micrometres, or what pixels measure.

        Pixel 0 lies at 0, so that its center is the origin, as SimpleITK has it.

        Parameters
        ----------
        reference : float or tuple of float
            Size of the reference's pixels, or their sizes (x, y): width, height.
        moving : float or tuple of float, optional
            Size of the moving image's pixels; by default that of the reference's.

        Returns
        -------
        Transform
            From reference to moving points, both (x, y) in those units. The motion model is wider
            if the sizes demand it.

        Raises
        ------
        InputError
            If a size is no positive number.

        Examples
        --------
        >>> from napari_ecc_align import Transform
        >>> shift = Transform([[1, 0, 10], [0, 1, 0]])
        >>> shift.in_units(0.5).parts().x
        5.0
        """
        here = scaling(reference, "reference")
        there = here if moving is None else scaling(moving, "moving")
        with np.errstate(all="ignore"):
            matrix = checked_matrix(there @ self.matrix @ np.linalg.inv(here))
        return Transform(matrix, model=model_from(self.model, matrix))

    def save(self, path: GivenPath, *, overwrite: bool = False) -> None:
        """Write the transform in the format of the suffix, whole or not at all.

        Parameters
        ----------
        path : str or Path
            Where to write it. The suffix is ``.json`` (ours, with the motion model), ``.ome.json``
            (OME-NGFF), ``.tfm`` (ITK), ``.csv`` (numbers), ``.npy`` (NumPy array) or ``.txt``
            (napari affine, as affinder saves it: moving to reference, in (row, column)).
        overwrite : bool, default: False
            Replace a file that is there already.

        Raises
        ------
        InputError
            If the suffix is none of those, the format cannot hold the transform (a homography is
            no affine), the folder does not exist, or the file does and `overwrite` is false.

        Examples
        --------
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from napari_ecc_align import Transform
        >>> with TemporaryDirectory() as folder:
        ...     Transform([[1, 0, 2], [0, 1, 3]], model="translation").save(f"{folder}/shift.tfm")
        ...     print(Path(folder, "shift.tfm").read_text())
        #Insight Transform File V1.0
        #Transform 0
        Transform: AffineTransform_double_2_2
        Parameters: 1.0 0.0 0.0 1.0 2.0 3.0
        FixedParameters: 0 0
        <BLANKLINE>
        """
        write_matrix(path, self.matrix, self.model, overwrite=overwrite)

    @classmethod
    def load(cls, path: GivenPath) -> Transform:
        """Read a transform file of any format that `save` writes.

        Its content tells OME-NGFF from our own ``.json``, and ITK's text and our header line from
        a bare napari affine in a ``.csv`` or ``.txt``.

        Parameters
        ----------
        path : str or Path
            The file.

        Returns
        -------
        Transform
            Reference pixel (x, y) to moving pixel, whatever the direction in the file. Of a format
            that names no motion model, the narrowest that the matrix belongs to.

        Raises
        ------
        InputError
            If the file is missing, is of no such format, or holds no valid transform, or one for
            each frame of a stack.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> from napari_ecc_align import Transform
        >>> with TemporaryDirectory() as folder:
        ...     Transform([[1, 0, 2], [0, 1, 3]]).save(f"{folder}/shift.csv")
        ...     Transform.load(f"{folder}/shift.csv").model
        'translation'
        """
        ((matrix, model),) = read_matrices(path, stack=False)
        return Transform(matrix, model=model)


def usable_transform(
    matrix: NDArray[np.float64],
    model: MotionModel,
    initial: NDArray[np.float64] | None = None,
) -> Transform | None:
    """Return a matrix as a transform, or None if it is not a usable one.

    One that is a motion of the model after the initial transform is usable too: it belongs to the
    narrowest model that contains it.
    """
    with suppress(InputError):
        return Transform(matrix, model=model)
    if initial is None:
        return None
    with suppress(InputError):
        Transform(np.linalg.inv(initial) @ matrix, model=model)
        return Transform(matrix, model=model_from(model, matrix))
    return None
