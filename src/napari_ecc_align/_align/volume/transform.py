"""The transform that maps voxels of a reference to voxels of a moving volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from ..._common.errors import InputError
from ..._common.given import GivenPath, Numbers
from ..._transform.coordinates import checked_points
from ..._transform.formats.registry import holds_a_volume, read_matrices, write_matrix
from ..._transform.matrices import checked_spacing, checked_volume_matrix
from ..._transform.transform import Transform

VolumeMotionModel = Literal["translation", "euclidean", "similarity", "affine"]
VOLUME_MOTION_MODELS: tuple[VolumeMotionModel, ...] = get_args(VolumeMotionModel)
"""Every motion model of volumes, each one containing those before it."""


@dataclass(frozen=True, eq=False)
class VolumeTransform:
    """A map from voxels of the reference to voxels of the moving volume.

    Coordinates are (x, y, z), that is (column, row, plane), with voxel centres at integers, as
    ITK's indices are.

    Parameters
    ----------
    matrix : array_like, shape (4, 4) or (3, 4)
        Maps (x, y, z, 1) in the reference to the moving volume. Kept as a read-only float64 array
        of shape (4, 4).
    model : {"translation", "euclidean", "similarity", "affine"}, default: "affine"
        The motion model, of which a rigid one is rigid in the volumes' spacing and not in voxels.

    Raises
    ------
    InputError
        If the matrix has another shape, is not finite, not affine or not invertible.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_ecc_align import VolumeTransform
    >>> shift = VolumeTransform(np.eye(3, 4) + [[0, 0, 0, 5], [0, 0, 0, 0], [0, 0, 0, -2]])
    >>> shift.to_moving((1, 2, 3)).tolist(), shift.inverse.to_moving((6, 2, 1)).tolist()
    ([6.0, 2.0, 1.0], [1.0, 2.0, 3.0])
    >>> shift.to_reference((6, 2, 1)).tolist(), shift.model
    ([1.0, 2.0, 3.0], 'affine')
    >>> np.allclose((shift @ shift.inverse).matrix, np.eye(4))
    True
    """

    matrix: NDArray[np.float64]
    model: VolumeMotionModel = "affine"

    def __post_init__(self) -> None:
        if self.model not in VOLUME_MOTION_MODELS:
            known = ", ".join(VOLUME_MOTION_MODELS)
            raise InputError(f"model must be one of {known}, not {self.model!r:.80}")
        checked = checked_volume_matrix(self.matrix)
        checked.setflags(write=False)
        object.__setattr__(self, "matrix", checked)

    def to_moving(self, points: Numbers) -> NDArray[np.float64]:
        """Map points (x, y, z) of the reference, shape (3,) or (N, 3), to the moving volume."""
        given = checked_points(points, 3)
        return np.asarray(given @ self.matrix[:3, :3].T + self.matrix[:3, 3])

    def to_reference(self, points: Numbers) -> NDArray[np.float64]:
        """Map points (x, y, z) of the moving volume, shape (3,) or (N, 3), to the reference."""
        return self.inverse.to_moving(points)

    @property
    def inverse(self) -> VolumeTransform:
        """The transform from moving voxels back to reference voxels."""
        return VolumeTransform(np.asarray(np.linalg.inv(self.matrix), np.float64), self.model)

    def in_units(
        self,
        spacing: float | Sequence[float],
        moving_spacing: float | Sequence[float] | None = None,
    ) -> VolumeTransform:
        """Return the same transform between coordinates in micrometres, or what voxels measure.

        Voxel 0 lies at 0, so that its centre is the origin, as SimpleITK has it.

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
        >>> from napari_ecc_align import VolumeTransform
        >>> shift = VolumeTransform(np.eye(3, 4) + [[0, 0, 0, 5], [0, 0, 0, 0], [0, 0, 0, -2]])
        >>> shift.in_units((2, 0.5, 0.5)).matrix[:3, 3].tolist()
        [2.5, 0.0, -4.0]
        """
        own = checked_spacing(spacing, "spacing", (1.0, 1.0, 1.0))
        other = checked_spacing(moving_spacing, "moving_spacing", own)
        here, there = (np.diag([*lengths[::-1], 1.0]) for lengths in (own, other))
        return VolumeTransform(there @ self.matrix @ np.linalg.inv(here), self.model)

    def save(self, path: GivenPath, *, overwrite: bool = False) -> None:
        """Write the transform in the format of the suffix, whole or not at all.

        Parameters
        ----------
        path : str or Path
            Where to write it: the suffixes are those of `Transform.save`. A ``.tfm`` is ITK's
            AffineTransform_double_3_3 between (x, y, z) of images of spacing 1 and origin 0, as
            SimpleITK makes them of arrays; for images with a spacing save ``in_units(spacing)``.
        overwrite : bool, default: False
            Replace a file that is there already.

        Raises
        ------
        InputError
            If the suffix is none of those, the folder does not exist, or the file does and
            `overwrite` is false.

        Examples
        --------
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> import numpy as np
        >>> from napari_ecc_align import VolumeTransform
        >>> shift = VolumeTransform(np.eye(3, 4) + [[0, 0, 0, 5], [0, 0, 0, 0], [0, 0, 0, -2]])
        >>> with TemporaryDirectory() as folder:
        ...     shift.save(f"{folder}/shift.tfm")
        ...     lines = Path(folder, "shift.tfm").read_text().splitlines()
        >>> print(*lines[2:4], sep=chr(10))
        Transform: AffineTransform_double_3_3
        Parameters: 1.0 0.0 0.0 0.0 1.0 0.0 0.0 0.0 1.0 5.0 0.0 -2.0
        """
        write_matrix(path, self.matrix, self.model, overwrite=overwrite)

    @classmethod
    def load(cls, path: GivenPath) -> VolumeTransform:
        """Read a transform of volumes from a file of any format that `save` writes.

        Parameters
        ----------
        path : str or Path
            The file.

        Returns
        -------
        VolumeTransform
            Of a format that names no motion model a translation, or else affine.

        Raises
        ------
        InputError
            If the file is missing, is of no such format, or holds no valid transform of volumes.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> import numpy as np
        >>> from napari_ecc_align import VolumeTransform
        >>> with TemporaryDirectory() as folder:
        ...     VolumeTransform(np.eye(4), "euclidean").save(f"{folder}/t.json")
        ...     VolumeTransform.load(f"{folder}/t.json").model
        'euclidean'
        """
        ((matrix, model),) = read_matrices(path, stack=False, volumes=True)
        return cls(matrix, cast("VolumeMotionModel", model))

    def __matmul__(self, other: VolumeTransform) -> VolumeTransform:
        """Compose: ``(a @ b).to_moving(p)`` is ``a.to_moving(b.to_moving(p))``."""
        if not isinstance(other, VolumeTransform):
            return NotImplemented
        wider = max(self.model, other.model, key=VOLUME_MOTION_MODELS.index)
        return VolumeTransform(self.matrix @ other.matrix, wider)

    def __array__(
        self, dtype: np.dtype | None = None, copy: bool | None = None
    ) -> NDArray[np.float64]:
        return np.array(self.matrix, dtype=dtype)


def load_of_either(path: GivenPath) -> Transform | VolumeTransform:
    """Read a transform of images or of volumes, whichever a file holds.

    Raises
    ------
    InputError
        As `Transform.load` and `VolumeTransform.load`.
    """
    return VolumeTransform.load(path) if holds_a_volume(path) else Transform.load(path)
