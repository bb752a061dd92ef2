"""The smooth field that maps reference pixels to moving pixels where no matrix does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .._common.errors import InputError
from .._common.given import GivenPath, Numbers, height_and_width
from .coordinates import checked_points, map_points
from .field_samples import at_pixels, sampled
from .formats.field_files import read_field, write_field
from .formats.field_zarr import Sampled, Stored, is_zarr, read_zarr, write_zarr
from .matrices import checked_matrix, inverse_of
from .splines import LEAST_AREA, Array, Lattice, affine_part, apart, interpolating, summed
from .transform import Transform

_ALONG = ((1, 0), (0, 1))
# Newton's method for the way back has converged long before.
_NEWTON = 20
# The splines of an inverse or a composition lie so many times as close.
_CLOSER = 4
# To find the splines of a map, it is asked at so many places to a spline.
_ASKED = 2


@dataclass(frozen=True, eq=False, repr=False)
class Field:
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

    __array_ufunc__ = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "matrix", checked_matrix(self.matrix))
        for name in ("matrix", "coefficients", "sigma"):
            array = getattr(self, name)
            if array is not None:
                array = np.array(array, np.float64)
                array.setflags(write=False)
                object.__setattr__(self, name, array)
        if self.coefficients.shape != (self.rows.count, self.columns.count, 2):
            raise InputError("the coefficients of a Field must fit its splines")
        if not np.isfinite(self.coefficients).all():
            raise InputError("the coefficients of a Field must be finite")

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
        given = np.asarray(displacements, np.float64)
        if given.ndim != 3 or given.shape[2] != 2 or min(given.shape[:2]) < 4:
            raise InputError(
                f"displacements must have shape (h, w, 2), of 4 or more, not {given.shape}"
            )
        coefficients, counts = interpolating(given)
        rows, columns = (
            Lattice(0.0, step, count) for step, count in zip(spacing[::-1], counts, strict=True)
        )
        return cls(np.eye(3), rows, columns, coefficients)

    def displacement(self, points: Numbers) -> NDArray[np.float64]:
        """Return u, (dx, dy) in px of the reference, at points (x, y) of it."""
        given = checked_points(points)
        return self._displaced(given.reshape(-1, 2)).reshape(given.shape)

    def _displaced(self, points: Array, derivatives: tuple[int, int] = (0, 0)) -> Array:
        column, across = self.columns.local(points[:, 0], derivatives[0])
        row, down = self.rows.local(points[:, 1], derivatives[1])
        total = np.zeros((len(points), 2))
        for i, vertical in enumerate(down):
            for j, horizontal in enumerate(across):
                weight = vertical * horizontal
                total += weight[:, None] * self.coefficients[row + i, column + j]
        return total

    def displacements(self, rows: Numbers, columns: Numbers) -> NDArray[np.float64]:
        """Return u at all crossings of rows and columns, shape (rows, columns, 2)."""
        return summed((self.rows, self.columns), (rows, columns), self.coefficients)

    def to_moving(self, points: Numbers) -> NDArray[np.float64]:
        """Map points (x, y) of the reference, shape (2,) or (N, 2), to the moving image."""
        given = checked_points(points)
        return map_points(self.matrix, given + self.displacement(given))

    def __call__(self, points: Numbers) -> NDArray[np.float64]:
        """Map reference points to the moving image, as `to_moving` does."""
        return self.to_moving(points)

    def to_reference(self, points: Numbers) -> NDArray[np.float64]:
        """Map points (x, y) of the moving image back to the reference, to a millionth of a px."""
        given = checked_points(points)
        there = map_points(inverse_of(self.matrix), given.reshape(-1, 2))
        back = inverse_of(affine_part((self.rows, self.columns), self.coefficients))
        here, turn = map_points(back, there), back[:2, :2].T
        here = here - (here + self._displaced(here) - there) @ turn
        for _ in range(_NEWTON):
            missing = here + self._displaced(here) - there
            if not np.abs(missing).max(initial=0) > 1e-7:
                break
            slopes = ((self._displaced(here, along) + along) @ turn for along in _ALONG)
            (a, c), (b, d) = (one.T for one in slopes)
            area = np.maximum(a * d - b * c, LEAST_AREA)
            x, y = (missing @ turn).T
            here = here - np.stack([d * x - b * y, a * y - c * x], axis=1) / area[:, None]
        return here.reshape(given.shape)

    @property
    def inverse(self) -> Field:
        """The field from moving pixels back to reference pixels, to 0.02 px where it is known."""
        # What is left beside a matrix is small, and goes on beyond the corners of what is turned.
        affine, left = apart((self.rows, self.columns), self.coefficients)
        least = replace(self, matrix=self.matrix @ affine, coefficients=left, sigma=None)
        there = least.to_moving(np.stack(np.meshgrid(*self._edges()), axis=-1).reshape(-1, 2))
        return self._fitted(inverse_of(least.matrix), least.to_reference, there)

    def __matmul__(self, other: Field | Transform) -> Field:
        """Compose: ``(a @ b)(p)`` is ``a(b(p))``."""
        if not isinstance(other, Field | Transform):
            return NotImplemented
        edges = np.stack(np.meshgrid(*self._edges()), axis=-1).reshape(-1, 2)
        within = other.to_reference(edges) if isinstance(other, Transform) else other._corners()
        return self._fitted(self.matrix @ other.matrix, lambda points: self(other(points)), within)

    def __rmatmul__(self, other: Transform) -> Field:
        """Compose a transform after the field."""
        if not isinstance(other, Transform):
            return NotImplemented
        return Field(
            other.matrix @ self.matrix, self.rows, self.columns, self.coefficients, self.sigma
        )

    def _edges(self) -> tuple[Array, Array]:
        return (
            np.linspace(self.columns.start, self.columns.last, self.columns.count),
            np.linspace(self.rows.start, self.rows.last, self.rows.count),
        )

    def _corners(self) -> Array:
        across, down = self._edges()
        return np.array([[across[0], down[0]], [across[-1], down[-1]]])

    def _fitted(self, matrix: Array, mapped: Callable[[Array], Array], within: Array) -> Field:
        """Return the field that maps points as a function does, in the box around some."""
        low, high = within.min(axis=0), within.max(axis=0)
        lattices, designs, places = [], [], []
        for k, own in enumerate((self.columns, self.rows)):
            steps = _CLOSER * (own.count - 3)
            if own.spacing < _CLOSER:
                steps = max(4, int(np.ceil((high[k] - low[k]) / max(1.0, own.spacing))))
            lattices.append(Lattice(float(low[k]), float(high[k] - low[k]) / steps, steps + 3))
            places.append(np.linspace(low[k], high[k], _ASKED * steps + 1))
            designs.append(np.linalg.pinv(lattices[-1].design(places[-1])))
        points = np.stack(np.meshgrid(*places), axis=-1).reshape(-1, 2)
        there = map_points(inverse_of(matrix), mapped(points)) - points
        moved = np.moveaxis(there.reshape(len(places[1]), len(places[0]), 2), -1, 0)
        fitted = designs[1] @ moved @ designs[0].T
        return Field(matrix, lattices[1], lattices[0], np.moveaxis(fitted, 0, -1))

    def uncertainty_at(self, points: Numbers) -> NDArray[np.float64]:
        """Return one sigma, RMS of the distance in px, at points (x, y) of the reference.

        Infinite where the field is not known, NaN if nobody said how well it is.
        """
        given = checked_points(points)
        if self.sigma is None:
            return np.full(given.shape[:-1], np.nan)
        flat = given.reshape(-1, 2)
        return self._spread(flat[:, 1], flat[:, 0]).reshape(given.shape[:-1])

    def _spread(self, rows: Array, columns: Array) -> Array:
        assert self.sigma is not None
        squares = (self.sigma**2).sum(axis=2)
        at = []
        for places, lattice, count in (
            (rows, self.rows, squares.shape[0]),
            (columns, self.columns, squares.shape[1]),
        ):
            share = (places - lattice.start) / max(lattice.last - lattice.start, 1e-9)
            at.append(np.rint(np.clip(share, 0, 1) * (count - 1)).astype(int))
        return np.asarray(np.sqrt(squares[at[0], at[1]]))

    def known(self, shape: tuple[int, ...], within: float = 1.0) -> NDArray[np.bool_]:
        """Return where the field is known to so many px (one sigma), shape (h, w).

        Parameters
        ----------
        shape : sequence of int
            Height and width of the reference.
        within : float, default: 1
            In px.
        """
        height, width = height_and_width(shape, "shape")
        if self.sigma is None:
            return np.zeros((height, width), bool)
        rows, columns = np.arange(float(height))[:, None], np.arange(float(width))
        return np.asarray(self._spread(rows, columns) <= within)

    @property
    def model(self) -> Literal["smooth"]:
        """The motion model, as `align` names it."""
        return "smooth"

    @property
    def largest(self) -> float:
        """How far u displaces at most, in px."""
        across, down = self._edges()
        return float(np.sqrt((self.displacements(down, across) ** 2).sum(axis=2).max()))

    def __repr__(self) -> str:
        known = "where it is known, nobody said"
        if self.sigma is not None:
            share = float(np.isfinite(self.sigma).all(axis=2).mean())
            known = f"known on {share:.0%}"
        return f"Field(bends up to {self.largest:.2f} px; {known})"

    def save(self, path: GivenPath, *, overwrite: bool = False) -> None:
        """Write the field, whole or not at all.

        Parameters
        ----------
        path : str or Path
            Its suffix is ``.npz`` (ours, small and with sigma), or ``.mha``: an ITK displacement
            field, which SimpleITK reads as an image of vectors; or ``.zarr``: a group of OME-NGFF
            0.6 with displacements, as far apart as lines between them are right to 0.01 px.
        overwrite : bool, default: False
            Replace a file that is there already.

        Raises
        ------
        InputError
            If the suffix is none of those, or the file cannot be written.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> import numpy as np
        >>> from napari_ecc_align import Field
        >>> bent = Field.from_displacements(np.full((8, 8, 2), 0.5))
        >>> with TemporaryDirectory() as folder:
        ...     bent.save(f"{folder}/bent.npz")
        ...     Field.load(f"{folder}/bent.npz")((1, 1)).round(6).tolist()
        [1.5, 1.5]
        """
        if is_zarr(path):
            write_zarr(path, sampled(self, (self.rows, self.columns)), overwrite=overwrite)
        else:
            write_field(
                path,
                stored_parts(self),
                lambda: at_pixels(self, (self.rows, self.columns)),
                overwrite=overwrite,
            )

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
        return cls._through(stored) if isinstance(stored, Sampled) else field_of(stored)

    @classmethod
    def _through(cls, given: Sampled) -> Field:
        """Return the field of displacements on a grid."""
        (x, y), (dx, dy) = given.start, given.spacing
        found = cls.from_displacements(given.values, spacing=(dx, dy))
        rows = Lattice(y, found.rows.spacing, found.rows.count)
        columns = Lattice(x, found.columns.spacing, found.columns.count)
        return cls(found.matrix, rows, columns, found.coefficients)


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


def stored_parts(field: Field) -> dict[str, Array]:
    """Return what makes up a field, by name, for `field_of`."""
    stored = {
        "matrix": field.matrix,
        "rows": np.array([field.rows.start, field.rows.spacing]),
        "columns": np.array([field.columns.start, field.columns.spacing]),
        "coefficients": field.coefficients,
    }
    return stored if field.sigma is None else stored | {"sigma": field.sigma}


def plain_parts(field: Field) -> dict[str, Any]:
    """Return the same as lists, without sigma."""
    parts = stored_parts(replace(field, sigma=None))
    return {name: part.tolist() for name, part in parts.items()}


def field_of(stored: Mapping[str, Any]) -> Field:
    """Return the field of what `stored_parts` or `plain_parts` gives."""
    parts = {name: np.asarray(part, np.float64) for name, part in stored.items()}
    down, across = (
        Lattice(float(start), float(spacing), count)
        for (start, spacing), count in zip(
            (parts["rows"], parts["columns"]), parts["coefficients"].shape, strict=False
        )
    )
    return Field(parts["matrix"], down, across, parts["coefficients"], parts.get("sigma"))
