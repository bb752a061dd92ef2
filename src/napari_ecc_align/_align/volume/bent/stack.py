"""The fields of the volumes of a film together: how it drifted and bent in three axes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...._transform.volume_field import VolumeField
from ...smooth_stack import BentFrames
from .result import SmoothVolumeAlignment
from .smooth import still_volume

_MOVED = ("x", "y", "z", "x_voxels", "y_voxels", "z_voxels")
_OWN = ("known_share", "uncertainty", "bends", "stiffness", "ecc", "overlap_fraction", "reason")


@dataclass(frozen=True, eq=False, repr=False)
class SmoothVolumeStack(BentFrames[SmoothVolumeAlignment, VolumeField]):
    """A sequence of one smooth alignment per volume of a film; a slice of it is one, too.

    Attributes
    ----------
    results : tuple of SmoothVolumeAlignment
        One per volume.
    reference, frames, called
        As in `VolumeStackResult`.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.ndimage import gaussian_filter
    >>> from napari_ecc_align import VolumeField, align_volume_stack, load_volume_transforms
    >>> from napari_ecc_align import warp_volume
    >>> volume = gaussian_filter(np.random.default_rng(0).normal(size=(64, 64, 64)), 2)
    >>> u = np.zeros((64, 64, 64, 3))
    >>> u[..., 0] = 2 * np.sin(np.arange(64) / 12)[:, None, None]
    >>> bent = warp_volume(volume, VolumeField.from_displacements(u), interpolation="cubic")
    >>> stack = align_volume_stack([bent, volume], model="smooth")
    >>> stack.verdicts[0], stack.gaps, stack.shape, len(stack.transforms)
    ('aligned', [], (64, 64, 64), 2)
    >>> [field.largest > 1 for field in stack.filled_transforms]
    [False, True]
    >>> stack.to_dict()["bends"].tolist(), stack.filled_results.verdicts == stack.verdicts
    ([False, True], True)
    >>> stack.save("bent_volumes.npz")
    >>> stack.save_table("bent_volumes.csv")
    >>> [field.model for field in load_volume_transforms("bent_volumes.npz")]
    ['smooth', 'smooth']
    """

    _columns = ("frame", "verdict", *_MOVED, "bends_up_to", *_OWN)

    @property
    def shape(self) -> tuple[int, ...]:
        """Planes, rows and columns of what the volumes were aligned to."""
        return self.results[0].shape

    def to_dict(self) -> dict[str, NDArray[Any]]:
        """Return a table of all volumes as columns, as ``pandas.DataFrame`` takes them.

        Returns
        -------
        dict of str to ndarray, shape (n,)
            "frame" is the number of the volume; "x", "y" and "z" by how much the middle of the
            reference moved, in the unit of the spacing, and the same in voxels of the reference;
            "bends_up_to" how far the field displaces before its affine motion, in voxels; the
            others as the attributes of `SmoothVolumeAlignment`. NaN stands for what could not be
            aligned.
        """
        return self._copied_table()

    def _rows(self) -> Iterator[dict[str, Any]]:
        for frame, result in zip(self.frames, self, strict=True):
            centre = (np.array(result.shape[::-1]) - 1) / 2
            voxels, bends = np.full(3, np.nan), np.nan
            if result.found:
                voxels, bends = result.transform(centre) - centre, result.transform.largest
            moved = [*voxels * result.spacing[::-1], *voxels]
            yield {
                "frame": frame,
                "verdict": result.verdict,
                **dict(zip(_MOVED, moved, strict=True)),
                "bends_up_to": bends,
                **{name: getattr(result, name) for name in _OWN},
            }

    def _still(self) -> VolumeField:
        return still_volume(np.eye(4), self.shape)

    @property
    def _unit(self) -> str:
        return ""

    def __repr__(self) -> str:
        line = self._line()
        if len(self.gaps) == len(self):
            return line
        columns = self._table
        most = (f"{axis} up to {np.nanmax(np.abs(columns[axis])):.2f}" for axis in "xyz")
        bends = f"bends up to {np.nanmax(columns['bends_up_to']):.2f} voxels"
        return f"{line}; {', '.join(most)}; {bends}"
