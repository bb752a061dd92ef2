"""The transform that maps voxels of a reference to voxels of a moving volume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..._common.errors import InputError
from ..._common.given import Numbers, as_floats

VolumeMotionModel = Literal["translation", "euclidean", "similarity", "affine"]
VOLUME_MOTION_MODELS: tuple[VolumeMotionModel, ...] = get_args(VolumeMotionModel)
"""Every motion model of volumes, each one containing those before it."""

_SINGULAR = 1e-9


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
        object.__setattr__(self, "matrix", checked_volume_matrix(self.matrix))

    def to_moving(self, points: Numbers) -> NDArray[np.float64]:
        """Map points (x, y, z) of the reference, shape (3,) or (N, 3), to the moving volume."""
        given = as_floats(points, "points must be numbers of shape (3,) or (N, 3)")
        if given.shape[-1:] != (3,) or given.ndim > 2:
            raise InputError(f"points must have shape (3,) or (N, 3), not {given.shape}")
        return np.asarray(given @ self.matrix[:3, :3].T + self.matrix[:3, 3])

    def to_reference(self, points: Numbers) -> NDArray[np.float64]:
        """Map points (x, y, z) of the moving volume, shape (3,) or (N, 3), to the reference."""
        return self.inverse.to_moving(points)

    @property
    def inverse(self) -> VolumeTransform:
        """The transform from moving voxels back to reference voxels."""
        return VolumeTransform(np.asarray(np.linalg.inv(self.matrix), np.float64), self.model)

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


def checked_volume_matrix(matrix: Numbers) -> NDArray[np.float64]:
    """Return an invertible affine matrix as a read-only (4, 4) array, or raise `InputError`."""
    checked = as_floats(matrix, "matrix must be numbers of shape (4, 4) or (3, 4)")
    if checked.shape == (3, 4):
        checked = np.vstack([checked, [0.0, 0.0, 0.0, 1.0]])
    if checked.shape != (4, 4):
        raise InputError(f"matrix must have shape (4, 4) or (3, 4), not {checked.shape}")
    if not np.isfinite(checked).all():
        raise InputError("matrix must be finite, but it holds NaN or infinity")
    if checked[3].tolist() != [0.0, 0.0, 0.0, 1.0]:
        raise InputError("matrix must be affine: its last row must be 0, 0, 0, 1")
    singular = np.linalg.svd(checked[:3, :3], compute_uv=False)
    if singular[2] <= _SINGULAR * singular[0]:
        raise InputError("matrix is singular: it squeezes the volume onto a plane")
    checked = checked.copy()
    checked.setflags(write=False)
    return checked
