"""The outcome of an alignment of volumes by a field."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...._common.given import Numbers
from ...._transform.volume_field import VolumeField
from ...._verdict.result import GIVEN
from ...._verdict.verdict import Verdict, WithVerdict
from ..motion import Shape
from ..tiles import VolumeTiles


@dataclass(frozen=True, eq=False)
class SmoothVolumeAlignment(WithVerdict):
    """A field of volumes, where it is known, and whether to trust it.

    Attributes
    ----------
    transform : VolumeField
        Maps reference voxels to moving voxels; its `sigma` is infinite where it is not known.
    verdict : {"aligned", "doubtful", "failed", "cancelled"}
        Whether the field is right where it says that it is known, as far as the volumes can tell.
    reason : str
        What the verdict rests on, and where the field is known.
    shape : tuple of int
        Of the reference.
    spacing : tuple of float
        Length of its voxels along each axis, (z, y, x).
    known_share : float
        Share of what both volumes show where the field is known to the shortest side of a voxel.
    uncertainty : float
        One sigma that is typical there, of each axis, in shortest sides of a voxel; infinite
        where nothing is known.
    bends : bool
        Whether anything bends: if not, the field is an affine motion.
    stiffness : float
        Over which length the field bends, in shortest sides of a voxel.
    ecc : float
        Correlation of the reference and the moving volume laid on it, in [-1, 1].
    inverted : bool
        The moving volume is a negative of the reference.
    overlap_fraction : float
        Share of the reference that the moving volume covers.
    start : str
        Which start led to it, as in `VolumeAlignment`.
    seconds : float
    tiles : VolumeTiles or None
        What small blocks say where the field puts them, each on its own.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.ndimage import gaussian_filter
    >>> from napari_ecc_align import VolumeField, align_volume, warp_volume
    >>> volume = gaussian_filter(np.random.default_rng(0).normal(size=(64, 64, 64)), 2)
    >>> u = np.zeros((64, 64, 64, 3))
    >>> u[..., 0] = 2 * np.sin(np.arange(64) / 12)[:, None, None]
    >>> bent = VolumeField.from_displacements(u)
    >>> reference = warp_volume(volume, bent, interpolation="cubic")
    >>> found = align_volume(reference, volume, model="smooth")
    >>> found.found, found.bends, found.known_share > 0.8
    (True, True, True)
    >>> found.raise_if_not("aligned").aligned
    True
    >>> bool(np.abs(found.transform((32, 30, 20)) - bent((32, 30, 20))).max() < 0.5)
    True
    >>> found.judged
    False
    >>> found.known().shape, bool(found.uncertainty_at((32, 30, 20)) < 0.5)
    ((64, 64, 64), True)
    """

    transform: VolumeField
    verdict: Verdict
    reason: str
    shape: Shape
    spacing: tuple[float, ...] = (1.0, 1.0, 1.0)
    known_share: float = 0.0
    uncertainty: float = float("inf")
    bends: bool = False
    stiffness: float = float("inf")
    ecc: float = 0.0
    inverted: bool = False
    overlap_fraction: float = 0.0
    start: str = "none"
    seconds: float = 0.0
    tiles: VolumeTiles | None = None

    @property
    def judged(self) -> bool:
        """Whether the field was given to `judge_volume`, and not searched for."""
        return self.start == GIVEN

    def known(self, within: float = 1.0) -> NDArray[np.bool_]:
        """Return where the field is known to so many voxels (one sigma), of the reference."""
        return self.transform.known(self.shape, within)

    def uncertainty_at(self, points: Numbers) -> NDArray[np.float64]:
        """Return one sigma, RMS of the distance in voxels, at points (x, y, z)."""
        return self.transform.uncertainty_at(points)
