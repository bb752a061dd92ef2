"""The smooth field that maps voxels of a reference to a moving volume where no matrix does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._common.errors import InputError
from .._common.given import GivenPath, Numbers
from .bent_map import BentMap
from .field import Field
from .formats.field_files import holds_a_volume_field, read_field, unpacked
from .formats.field_zarr import Sampled, is_zarr, read_zarr
from .matrices import checked_spacing
from .splines import Array, Lattice, summed


@dataclass(frozen=True, eq=False, repr=False)
class VolumeField(BentMap):
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
    >>> (bent @ bent.inverse)((5.0, 6.0, 4.0)).round(1).tolist()
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

    _lattice_names = ("planes", "rows", "columns")
    _unit = "voxels"
    # Smooth as fields are, that is exact to a hundredth of a voxel, and eight times as quick.
    _closer, _asked = 2, 1

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
        return cls._through_displacements(displacements, spacing)

    def displacements(self, planes: Numbers, rows: Numbers, columns: Numbers) -> Array:
        """Return u at all crossings of planes, rows and columns, (d, h, w, 3) by (x, y, z)."""
        return summed(self._lattices, (planes, rows, columns), self.coefficients)

    def known(self, shape: Sequence[int], within: float = 1.0) -> NDArray[np.bool_]:
        """Return where the field is known to so many voxels (one sigma), shape (d, h, w).

        Parameters
        ----------
        shape : sequence of int
            Of the reference.
        within : float, default: 1
            In voxels.
        """
        return self._known(shape, within)

    def in_units(
        self,
        spacing: float | Sequence[float],
        moving_spacing: float | Sequence[float] | None = None,
    ) -> VolumeField:
        """Return the same field between coordinates in micrometres, or what voxels measure.

        As `VolumeTransform.in_units` does it: voxel 0 lies at 0. With ``1 / length`` for each
        length, a field between micrometres, such as ITK's of images with a spacing, becomes one
        between voxels.

        Parameters
        ----------
        spacing : float or sequence of 3 floats
            Length of the reference's voxels along (z, y, x), as for `align_volume`.
        moving_spacing : float or sequence of 3 floats, optional
            Of the moving volume's; by default the same.

        Raises
        ------
        InputError
            If a length is no positive number.

        Examples
        --------
        >>> import numpy as np
        >>> from napari_ecc_align import VolumeField
        >>> field = VolumeField.from_displacements(np.full((8, 9, 10, 3), 0.5))
        >>> field.in_units((2, 0.5, 0.5))((1, 2, 6)).round(6).tolist()
        [1.25, 2.25, 7.0]
        """
        own = checked_spacing(spacing, "spacing", (1.0, 1.0, 1.0))
        other = checked_spacing(moving_spacing, "moving_spacing", own)
        here, there = (np.diag([*lengths[::-1], 1.0]) for lengths in (own, other))
        lattices = [
            Lattice(one.start * length, one.spacing * length, one.count)
            for one, length in zip(self._lattices, own.tolist(), strict=True)
        ]
        matrix = there @ self.matrix @ np.linalg.inv(here)
        sigma = None if self.sigma is None else self.sigma * own[::-1]
        return self._of(matrix, lattices, self.coefficients * own[::-1], sigma)

    @classmethod
    def load(cls, path: GivenPath) -> VolumeField:
        """Read a field that `save`, ITK or another program has written.

        Parameters
        ----------
        path : str or Path
            A file ``.npz`` or ``.mha``, or a group ``.zarr`` of OME-NGFF 0.6 that has
            displacements from reference to moving voxels, and nothing before or after them; or
            the record of a pair in a dataset, ``.json``.

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
        return cls._through(found) if isinstance(found, Sampled) else cls._of_parts(found)


def unpacked_field(text: str) -> Field | VolumeField:
    """Return the field, of images or of volumes, that `packed_field` has written."""
    return field_of(unpacked(text, None))


def field_of(stored: Mapping[str, Any]) -> Field | VolumeField:
    """Return the field, of images or of volumes, of what `stored_parts` gives."""
    return (VolumeField if VolumeField._lattice_names[0] in stored else Field)._of_parts(stored)


def load_field_of_either(path: Path) -> Field | VolumeField:
    """Read a field of images or of volumes, whichever a file or a group holds.

    Raises
    ------
    InputError
        As `Field.load` and `VolumeField.load`.
    """
    return (VolumeField if holds_a_volume_field(path) else Field).load(path)
