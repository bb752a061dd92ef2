"""The smooth field that maps voxels of a reference to a moving volume where no matrix does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...._common.errors import InputError
from ...._common.given import GivenPath, Numbers, as_floats
from ...._transform.field_samples import at_pixels, sampled
from ...._transform.formats.field_files import read_field, write_field
from ...._transform.formats.field_zarr import Sampled, is_zarr, read_zarr, write_zarr
from ...._transform.matrices import checked_volume_matrix
from ...._transform.splines import Array, Lattice, affine_part, interpolating, summed

# Newton's method for the way back has converged long before.
_NEWTON = 20
_LATTICES = ("planes", "rows", "columns")


@dataclass(frozen=True, eq=False, repr=False)
class VolumeField:
    """A map from reference voxels to moving voxels that bends, which cannot be changed.

    A point p of the reference lies at ``matrix @ (p + u(p))``, as of a `Field` of images.
    Coordinates are (x, y, z), with voxel centres at integers.

    Parameters
    ----------
    matrix : ndarray of float64, shape (4, 4)
    planes, rows, columns : Lattice
        Where the splines lie along z, y and x.
    coefficients : ndarray of float64, shape (planes.count, rows.count, columns.count, 3)
        Of the splines of u, as (x, y, z) in voxels of the reference.
    sigma : ndarray of float64, shape (d, h, w, 3), optional
        One sigma of u by (x, y, z) in voxels, on an even grid from the first to the last voxel;
        infinite where it is not known.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_ecc_align import VolumeField
    >>> u = np.zeros((12, 14, 16, 3))
    >>> u[..., 0] = np.sin(np.arange(12) / 4)[:, None, None]
    >>> bent = VolumeField.from_displacements(u)
    >>> bent.to_moving((5, 6, 4)).round(2).tolist()
    [5.84, 6.0, 4.0]
    >>> bent.to_reference(bent((5, 6, 4))).round(6).tolist()
    [5.0, 6.0, 4.0]
    >>> bent
    VolumeField(bends up to 1.00 voxels; where it is known, nobody said)
    >>> bent.uncertainty_at((5, 6, 4)), bent.known((12, 14, 16)).any(), round(bent.largest, 1)
    (array(nan), np.False_, 1.0)
    >>> bent.displacements([4], [6], [5]).shape, bent.model, bent.matrix.shape
    ((1, 1, 1, 3), 'smooth', (4, 4))
    >>> bent.displacement((5, 6, 4)).round(2).tolist(), bent.coefficients.shape, bent.sigma
    ([0.84, 0.0, 0.0], (14, 16, 18, 3), None)
    >>> bent.planes.count, bent.rows.count, bent.columns.count
    (14, 16, 18)
    """

    matrix: NDArray[np.float64]
    planes: Lattice
    rows: Lattice
    columns: Lattice
    coefficients: NDArray[np.float64]
    sigma: NDArray[np.float64] | None = None

    __array_ufunc__ = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "matrix", checked_volume_matrix(self.matrix))
        for name in ("matrix", "coefficients", "sigma"):
            array = getattr(self, name)
            if array is not None:
                array = np.array(array, np.float64)
                array.setflags(write=False)
                object.__setattr__(self, name, array)
        if self.coefficients.shape != (*(one.count for one in self._lattices), 3):
            raise InputError("the coefficients of a VolumeField must fit its splines")
        if not np.isfinite(self.coefficients).all():
            raise InputError("the coefficients of a VolumeField must be finite")

    @property
    def _lattices(self) -> tuple[Lattice, Lattice, Lattice]:
        return self.planes, self.rows, self.columns

    @classmethod
    def from_displacements(
        cls, displacements: Numbers, *, spacing: Sequence[float] = (1.0, 1.0, 1.0)
    ) -> VolumeField:
        """Return the field of displacements (dx, dy, dz) on an even grid from voxel (0, 0, 0) on.

        Parameters
        ----------
        displacements : array_like, shape (d, h, w, 3)
            By how much the reference's voxels are displaced, in voxels.
        spacing : sequence of 3 floats, default: (1, 1, 1)
            Of the grid along (x, y, z), in voxels.

        Raises
        ------
        InputError
            If they are no finite numbers of that shape, of four places or more on a side.
        """
        given = np.asarray(displacements, np.float64)
        if given.ndim != 4 or given.shape[3] != 3 or min(given.shape[:3]) < 4:
            raise InputError(
                f"displacements must have shape (d, h, w, 3), of 4 or more, not {given.shape}"
            )
        coefficients, counts = interpolating(given)
        planes, rows, columns = (
            Lattice(0.0, float(step), count)
            for step, count in zip(tuple(spacing)[::-1], counts, strict=True)
        )
        return cls(np.eye(4), planes, rows, columns, coefficients)

    def displacements(self, planes: Numbers, rows: Numbers, columns: Numbers) -> Array:
        """Return u at all crossings of planes, rows and columns, (d, h, w, 3) by (x, y, z)."""
        return summed(self._lattices, (planes, rows, columns), self.coefficients)

    def displacement(self, points: Numbers) -> Array:
        """Return u, (dx, dy, dz) in voxels of the reference, at points (x, y, z) of it."""
        given = _checked(points)
        return self._displaced(given.reshape(-1, 3)).reshape(given.shape)

    def _displaced(self, points: Array, along: int | None = None) -> Array:
        """Return u, or its derivative along x, y or z (0 to 2), at points (n, 3)."""
        local = [
            lattice.local(points[:, 2 - k], int(along == 2 - k))
            for k, lattice in enumerate(self._lattices)
        ]
        total = np.zeros((len(points), 3))
        for steps in product(range(4), repeat=3):
            at = tuple(first + step for (first, _), step in zip(local, steps, strict=True))
            weight = np.prod(
                [pieces[k] for (_, pieces), k in zip(local, steps, strict=True)], axis=0
            )
            total += weight[:, None] * self.coefficients[at]
        return total

    def to_moving(self, points: Numbers) -> Array:
        """Map points (x, y, z) of the reference, shape (3,) or (N, 3), to the moving volume."""
        given = _checked(points)
        return np.asarray(
            (given + self.displacement(given)) @ self.matrix[:3, :3].T + self.matrix[:3, 3]
        )

    def __call__(self, points: Numbers) -> Array:
        """Map reference points to the moving volume, as `to_moving` does."""
        return self.to_moving(points)

    def to_reference(self, points: Numbers) -> Array:
        """Map points (x, y, z) of the moving volume back, to a millionth of a voxel."""
        given = _checked(points)
        back = np.linalg.inv(self.matrix)
        there = given.reshape(-1, 3) @ back[:3, :3].T + back[:3, 3]
        back = np.linalg.inv(affine_part(self._lattices, self.coefficients))
        here = there @ back[:3, :3].T + back[:3, 3]
        here = here - (here + self._displaced(here) - there) @ back[:3, :3].T
        for _ in range(_NEWTON):
            missing = here + self._displaced(here) - there
            if not np.abs(missing).max(initial=0) > 1e-7:
                break
            slopes = np.stack([self._displaced(here, along) for along in range(3)], axis=-1)
            here = here - np.linalg.solve(slopes + np.eye(3), missing[..., None])[..., 0]
        return np.asarray(here.reshape(given.shape))

    def uncertainty_at(self, points: Numbers) -> Array:
        """Return one sigma, RMS of the distance in voxels, at points (x, y, z) of the reference.

        Infinite where the field is not known, NaN if nobody said how well it is.
        """
        given = _checked(points)
        if self.sigma is None:
            return np.full(given.shape[:-1], np.nan)
        flat = given.reshape(-1, 3)
        return self._spread(flat[:, 2], flat[:, 1], flat[:, 0]).reshape(given.shape[:-1])

    def _spread(self, *places: Array) -> Array:
        assert self.sigma is not None
        squares = (self.sigma**2).sum(axis=3)
        at = tuple(
            np.rint(
                np.clip((one - lattice.start) / max(lattice.last - lattice.start, 1e-9), 0, 1)
                * (count - 1)
            ).astype(int)
            for one, lattice, count in zip(places, self._lattices, squares.shape, strict=True)
        )
        return np.asarray(np.sqrt(squares[at]))

    def known(self, shape: Sequence[int], within: float = 1.0) -> NDArray[np.bool_]:
        """Return where the field is known to so many voxels (one sigma), shape (d, h, w).

        Parameters
        ----------
        shape : sequence of int
            Of the reference.
        within : float, default: 1
            In voxels.
        """
        if self.sigma is None:
            return np.zeros(tuple(shape), bool)
        return np.asarray(self._spread(*np.ogrid[tuple(slice(0.0, n) for n in shape)]) <= within)

    @property
    def model(self) -> Literal["smooth"]:
        """The motion model, as `align_volume` names it."""
        return "smooth"

    @property
    def largest(self) -> float:
        """How far u displaces at most, in voxels."""
        places = (np.linspace(one.start, one.last, one.count) for one in self._lattices)
        return float(np.sqrt((self.displacements(*places) ** 2).sum(axis=3).max()))

    def __repr__(self) -> str:
        known = "where it is known, nobody said"
        if self.sigma is not None:
            known = f"known on {float(np.isfinite(self.sigma).all(axis=3).mean()):.0%}"
        return f"VolumeField(bends up to {self.largest:.2f} voxels; {known})"

    def save(self, path: GivenPath, *, overwrite: bool = False) -> None:
        """Write the field, whole or not at all.

        Parameters
        ----------
        path : str or Path
            Its suffix is ``.npz`` (ours, small and with sigma), or ``.mha``: an ITK displacement
            field, which SimpleITK reads as an image of vectors, of spacing 1; or ``.zarr``: a
            group of OME-NGFF 0.6 with displacements, in voxels.
        overwrite : bool, default: False
            Replace a file that is there already.

        Raises
        ------
        InputError
            If the suffix is another, or the file cannot be written.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> import numpy as np
        >>> from napari_ecc_align import VolumeField
        >>> bent = VolumeField.from_displacements(np.full((8, 9, 10, 3), 0.5))
        >>> with TemporaryDirectory() as folder:
        ...     bent.save(f"{folder}/bent.mha")
        ...     VolumeField.load(f"{folder}/bent.mha")((1, 2, 3)).round(6).tolist()
        [1.5, 2.5, 3.5]
        """
        if is_zarr(path):
            write_zarr(path, sampled(self, self._lattices), overwrite=overwrite)
            return
        stored = {
            name: np.array([one.start, one.spacing])
            for name, one in zip(_LATTICES, self._lattices, strict=True)
        }
        stored |= {"matrix": self.matrix, "coefficients": self.coefficients}
        stored |= {} if self.sigma is None else {"sigma": self.sigma}
        write_field(path, stored, lambda: at_pixels(self, self._lattices), overwrite=overwrite)

    @classmethod
    def load(cls, path: GivenPath) -> VolumeField:
        """Read a field that `save`, ITK or another program has written.

        Parameters
        ----------
        path : str or Path
            A file ``.npz`` or ``.mha``, or a group ``.zarr`` of OME-NGFF 0.6 that has
            displacements from reference to moving voxels, and nothing before or after them.

        Examples
        --------
        See `save`.

        Raises
        ------
        InputError
            If the file is missing, or holds no such field.
        """
        if is_zarr(path):
            stored = read_zarr(path, 3)
            plain = all(np.array_equal(one, np.eye(4)) for one in (stored.before, stored.after))
            if stored.backward or not plain:
                raise InputError(
                    f"{path}: displacements of volumes are read from reference to moving voxels, "
                    "without other transformations beside them"
                )
            return cls._through(stored.sampled)
        found = read_field(path, 3)
        if isinstance(found, Sampled):
            return cls._through(found)
        counts = found["coefficients"].shape[:3]
        planes, rows, columns = (
            Lattice(float(found[name][0]), float(found[name][1]), count)
            for name, count in zip(_LATTICES, counts, strict=True)
        )
        matrix, coefficients = found["matrix"], found["coefficients"]
        return cls(matrix, planes, rows, columns, coefficients, found.get("sigma"))

    @classmethod
    def _through(cls, given: Sampled) -> VolumeField:
        """Return the field of displacements on a grid."""
        found = cls.from_displacements(given.values, spacing=given.spacing)
        planes, rows, columns = (
            Lattice(start, one.spacing, one.count)
            for start, one in zip(given.start[::-1], found._lattices, strict=True)
        )
        return cls(found.matrix, planes, rows, columns, found.coefficients)


def _checked(points: Numbers) -> Array:
    given = as_floats(points, "points must be numbers of shape (3,) or (N, 3)")
    if given.shape[-1:] != (3,) or given.ndim > 2:
        raise InputError(f"points must have shape (3,) or (N, 3), not {given.shape}")
    return given
