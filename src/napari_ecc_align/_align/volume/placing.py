"""How two volumes lie on each other by what their files say of where their voxels are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..._common.errors import InputError
from ..._images.files.image_file import ImageFile
from .transform import VolumeTransform


def placed(files: Sequence[ImageFile], names: Sequence[object]) -> VolumeTransform | None:
    """Return the transform by which two files lie on each other; None if it is voxel on voxel.

    Parameters
    ----------
    files : sequence of ImageFile
        The reference's and the moving one's.
    names : sequence
        What to call them in an error.

    Raises
    ------
    InputError
        If one is stored as a mirror image of the other.
    """
    own, other = (file.space for file in files)
    if own is None or other is None:
        return None
    matrix = np.linalg.inv(other) @ own
    if np.linalg.det(matrix[:3, :3]) < 0:
        raise InputError(
            f"the axes of {names[0]} and {names[1]} run in different directions "
            f"({_directions(own)} and {_directions(other)}), one a mirror image of the other: "
            "store both alike, as nibabel.as_closest_canonical does"
        )
    if np.allclose(matrix, np.eye(4), atol=1e-6):
        return None
    return VolumeTransform(matrix)


def _directions(space: np.ndarray) -> str:
    """Return where the axes of voxels run to, as letters: R or L, A or P, S or I."""
    letters = []
    for axis in range(3):
        along = space[:3, axis] / np.linalg.norm(space[:3, axis])
        nearest = int(np.abs(along).argmax())
        letters.append(("LR", "PA", "IS")[nearest][int(along[nearest] > 0)])
    return "".join(letters)
