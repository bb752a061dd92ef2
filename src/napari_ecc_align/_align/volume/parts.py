"""What a matrix does to a volume, in numbers that people understand."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from ..._transform.models import Array
from .motion import mapped


class VolumeParts(NamedTuple):
    """Shift, turn, scales and shear of a transform from the reference to the moving volume.

    Attributes
    ----------
    x, y, z : float
        How far the point that was asked about is moved.
    rotation : float
        In degrees, about an axis: of the rotation that is nearest.
    axis_x, axis_y, axis_z : float
        That axis, of length one, about which y follows x; z where nothing turns.
    scale_x, scale_y, scale_z : float
        How much longer things are in the moving volume along each of the reference's axes;
        `scale_z` is negative of a mirror image.
    shear : float
        In degrees: by how much the angle of any two axes differs from a right one at most.
    """

    x: float
    y: float
    z: float
    rotation: float
    axis_x: float
    axis_y: float
    axis_z: float
    scale_x: float
    scale_y: float
    scale_z: float
    shear: float


def volume_parts(matrix: Array, center: Sequence[float]) -> VolumeParts:
    """Return the parts of an invertible (4, 4) matrix of (x, y, z) at a reference point."""
    from scipy.spatial.transform import Rotation

    linear, point = matrix[:3, :3], np.array(center, np.float64)
    scales = np.linalg.norm(linear, axis=0)
    mirror = np.diag([1.0, 1.0, np.sign(np.linalg.det(linear))])
    left, _, right = np.linalg.svd(linear @ mirror)
    turn = Rotation.from_matrix(left @ right).as_rotvec(degrees=True)
    angle = float(np.linalg.norm(turn))
    axis = turn / angle if angle > 0 else np.array([0.0, 0.0, 1.0])
    cosines = [a @ b for a, b in combinations((linear / scales).T, 2)]
    shear = np.rad2deg(np.arcsin(np.clip(np.abs(cosines).max(), 0, 1)))
    numbers = [mapped(matrix, point) - point, [angle], axis, scales @ mirror, [shear]]
    return VolumeParts(*np.concatenate(numbers).tolist())
