"""The outcome of an alignment of volumes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..._verdict.result import GIVEN
from ..._verdict.verdict import Verdict, WithVerdict
from .motion import Shape
from .tiles import VolumeTiles
from .transform import VolumeTransform

NO_TILES: dict[str, Any] = {
    "displacements": np.empty((0, 6)),
    **dict.fromkeys(("uncertainties", "fits", "contrasts"), np.empty(0)),
    "telling": np.empty(0, bool),
}
"""What stands for each single tile where tiles are just counted."""


@dataclass(frozen=True, eq=False)
class VolumeAlignment(WithVerdict):
    """A transform of volumes, and whether to trust it.

    Lengths are in the unit of the reference's spacing: voxels where none was given.

    Attributes
    ----------
    transform : VolumeTransform
        Maps reference voxels to moving voxels. When `verdict` is "failed", the best one met; when
        it is "cancelled", the best so far.
    verdict : {"aligned", "doubtful", "failed", "cancelled"}
        Whether the transform is right, as far as the volumes can tell.
    reason : str
        What the verdict rests on, in a sentence.
    shape : tuple of int
        Of the reference.
    spacing : tuple of float
        Length of its voxels along each axis, (z, y, x).
    ecc : float
        Correlation of the reference and the moving volume laid on it, in [-1, 1].
    inverted : bool
        The moving volume is a negative of the reference.
    overlap_fraction : float
        Share of the reference that the moving volume covers.
    corner_uncertainty : float
        One sigma of the error, RMS over the reference's eight corners; infinite where nothing was
        found.
    axis_uncertainty : tuple of float
        The same along x, y and z of the moving volume.
    iterations : int
        On the finest level.
    converged : bool
    start : str
        Which start led to it: "initial", "identity", "centres", "correlation", "turns", "none", or
        "given" if it was judged.
    seconds : float
    tiles : VolumeTiles or None
        What small blocks say of the alignment, each on its own.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.ndimage import gaussian_filter
    >>> from napari_ecc_align import align_volume
    >>> volume = gaussian_filter(np.random.default_rng(0).normal(size=(60, 64, 64)), 2)
    >>> moved = (volume[4:52, 4:60, 4:60], volume[6:54, :56, 5:61])
    >>> result = align_volume(*moved, model="translation", spacing=2.0)
    >>> result.aligned, result.found, result.start, result.corner_uncertainty < 0.1
    (True, True, 'identity', True)
    >>> result.judged
    False
    """

    transform: VolumeTransform
    verdict: Verdict
    reason: str
    shape: Shape
    spacing: tuple[float, ...] = (1.0, 1.0, 1.0)
    ecc: float = 0.0
    inverted: bool = False
    overlap_fraction: float = 0.0
    corner_uncertainty: float = float("inf")
    axis_uncertainty: tuple[float, ...] = (np.inf, np.inf, np.inf)
    iterations: int = 0
    converged: bool = False
    start: str = "none"
    seconds: float = 0.0
    tiles: VolumeTiles | None = None

    @property
    def judged(self) -> bool:
        """Whether the transform was given to `judge_volume`, and not searched for."""
        return self.start == GIVEN


def counted_volume(result: Any) -> Any:
    """Return a result, of a matrix or a field, of which the tiles are just counted."""
    tiles = None if result.tiles is None else replace(result.tiles, **NO_TILES)
    return replace(result, tiles=tiles)
