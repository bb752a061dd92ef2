"""The smooth field that maps reference pixels to moving pixels where no matrix does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .._common.given import GivenPath, Numbers, height_and_width
from .bent_map import BentMap
from .formats.field_files import read_field
from .formats.field_zarr import Sampled, Stored, is_zarr, read_zarr
from .matrices import inverse_of
from .splines import Lattice, summed
from .transform import Transform


@dataclass(frozen=True, eq=False, repr=False)
class Field(BentMap):
    """A map from reference pixels to moving pixels that bends, which cannot be changed.

    A point p of the reference lies at ``matrix @ (p + u(p))``: first it is displaced by a smooth
    field u of cubic splines, then moved as a `Transform` moves it.

    Parameters
    ----------
    matrix : ndarray of float64, shape (3, 3)
    rows, columns : Lattice
        Where the splines lie.
    coefficients : ndarray of float64, shape (rows.count, columns.count, 2)
        Of the splines, as (x, y) in px of the reference.
    sigma : ndarray of float64, shape (h, w, 2), optional
        One sigma of u by (x, y) in px, on an even grid from the first to the last pixel; infinite
        where it is not known.

    Examples
    --------
    A field from a displacement at every pixel, as optical flow gives it, and back again:

    >>> import numpy as np
    >>> from napari_ecc_align import Field
    >>> y, x = np.mgrid[:60, :80]
    >>> bent = Field.from_displacements(np.stack([2 * np.sin(y / 20), 0 * x], axis=-1))
    >>> bent.to_moving((10, 20)).round(2).tolist()
    [11.68, 20.0]
    >>> bent.to_reference(bent((10, 20))).round(6).tolist()
    [10.0, 20.0]
    >>> bent
    Field(bends up to 2.00 px; where it is known, nobody said)
    >>> (bent @ bent.inverse)((30.0, 30.0)).round(1).tolist(), bent.matrix.shape
    ([30.0, 30.0], (3, 3))
    >>> bent.displacement((10, 20)).round(2), bent.displacements([20], [10]).round(2)[0]
    (array([1.68, 0.  ]), array([[1.68, 0.  ]]))
    >>> bent.uncertainty_at((10, 20)), bent.known((60, 80)).any(), round(bent.largest, 1)
    (array(nan), np.False_, 2.0)
    >>> bent.model
    'smooth'
    >>> bent.rows.count, bent.columns.count, bent.coefficients.shape, bent.sigma
    (62, 82, (62, 82, 2), None)
    """

    matrix: NDArray[np.float64]
    rows: Lattice
    columns: Lattice
    coefficients: NDArray[np.float64]
    sigma: NDArray[np.float64] | None = None

    _lattice_names = ("rows", "columns")

    @classmethod
    def from_displacements(
        cls, displacements: Numbers, *, spacing: tuple[float, float] = (1.0, 1.0)
    ) -> Field:
        """Return the field of displacements (dx, dy) on an even grid from pixel (0, 0) on.

        Parameters
        ----------
        displacements : array_like, shape (h, w, 2)
            By how much the reference's pixels are displaced, in px.
        spacing : tuple of float, default: (1, 1)
            Of the grid in x and y, in px.

        Raises
        ------
        InputError
            If they are no finite numbers of that shape, of four places or more on a side.
        """
        return cls._through_displacements(displacements, spacing)

    def displacements(self, rows: Numbers, columns: Numbers) -> NDArray[np.float64]:
        """Return u at all crossings of rows and columns, shape (rows, columns, 2)."""
        return summed(self._lattices, (rows, columns), self.coefficients)

    def known(self, shape: tuple[int, ...], within: float = 1.0) -> NDArray[np.bool_]:
        """Return where the field is known to so many px (one sigma), shape (h, w).

        Parameters
        ----------
        shape : sequence of int
            Height and width of the reference.
        within : float, default: 1
            In px.
        """
        return self._known(height_and_width(shape, "shape"), within)

    @classmethod
    def load(cls, path: GivenPath) -> Field:
        """Read a field that `save`, ITK or another program has written.

        Parameters
        ----------
        path : str or Path
            A file ``.npz`` or ``.mha``, a group ``.zarr`` of OME-NGFF 0.6 that has displacements
            (in pixels of its two images), or the record of a pair in a dataset, ``.json``.

        Examples
        --------
        See `save`.

        Raises
        ------
        InputError
            If the file is missing, or holds no such field.
        """
        if is_zarr(path):
            return field_through(read_zarr(path))
        stored = read_field(path)
        return cls._through(stored) if isinstance(stored, Sampled) else cls._of_parts(stored)


def field_through(stored: Stored) -> Field:
    """Return the field of displacements between two matrices, as OME-NGFF has them."""
    # In the pixels of what it displaces, which how close splines lie is in.
    pixel = np.linalg.norm(inverse_of(stored.before)[:2, :2], axis=0)
    given, scale = stored.sampled, np.diag([*pixel, 1.0])
    start, spacing = (tuple((pixel * one).tolist()) for one in given[1:])
    between = Field._through(Sampled(given.values * pixel, start, spacing))
    between = Transform(stored.after @ inverse_of(scale)) @ between
    before = Transform(scale @ stored.before)
    if stored.backward:
        return before.inverse @ between.inverse
    return between if before == Transform.identity() else between @ before
