"""The results of the volumes of a film together: how it drifted in three axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..frame_results import FrameResults
from .result import VolumeAlignment
from .transform import VolumeTransform

_COLUMNS = (
    "frame", "verdict", "x", "y", "z", "x_uncertainty", "y_uncertainty", "z_uncertainty",
    "corner_uncertainty", "ecc", "overlap_fraction", "reason",
)  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class VolumeStackResult(FrameResults[VolumeAlignment]):
    """A sequence of one result per volume of a film; a slice of it is one, too.

    Attributes
    ----------
    results : tuple of VolumeAlignment
        One per volume.
    reference : str or int
        The index of the volume that the others were aligned to, or "volume" for one that is none
        of the film.
    frames : sequence of int
        The number of each volume in the film that was aligned; all of them by default.
    called : str
        What the frames are: "volumes".

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.ndimage import gaussian_filter
    >>> from napari_ecc_align import align_volume_stack
    >>> noise = gaussian_filter(np.random.default_rng(0).normal(size=(48, 48, 52)), 2)
    >>> film = [noise[k : 40 + k, 4:44, 2 * k : 44 + 2 * k] for k in range(3)]
    >>> drift = align_volume_stack(film, model="translation", spacing=(0.5, 0.1, 0.1))
    >>> table = drift.to_dict()
    >>> table["z"].round(1).tolist(), table["x"].round(1).tolist()
    ([0.0, -0.5, -1.0], [0.0, -0.2, -0.4])
    >>> drift.verdicts, drift.gaps, drift[1:].transforms[0].matrix[:3, 3].round(1).tolist()
    (['aligned', 'aligned', 'aligned'], [], [-2.0, 0.0, -1.0])
    >>> drift.save_table("volume_drift.csv")
    """

    _columns = _COLUMNS

    @property
    def transforms(self) -> list[VolumeTransform]:
        """The transform of every volume, as it was found."""
        return [result.transform for result in self]

    def to_dict(self) -> dict[str, NDArray[Any]]:
        """Return a table of all volumes as columns, as ``pandas.DataFrame`` takes them.

        Returns
        -------
        dict of str to ndarray, shape (n,)
            "frame" is the number of the volume; "x", "y" and "z" by how much the middle of the
            reference moved, in the unit of the spacing, and one sigma of each. NaN stands for
            what could not be aligned.
        """
        rows = self._rows()
        return {key: np.array([row[key] for row in rows]) for key in _COLUMNS}

    def _rows(self) -> list[dict[str, Any]]:
        return [
            dict(zip(_COLUMNS, (frame, *_row(result)), strict=True))
            for frame, result in zip(self.frames, self, strict=True)
        ]

    def __repr__(self) -> str:
        table = self.to_dict()
        if len(self.gaps) == len(self):
            return self._line()
        most = (f"{axis} up to {np.nanmax(np.abs(table[axis])):.2f}" for axis in "xyz")
        return f"{self._line()}; {', '.join(most)}"


def _row(result: VolumeAlignment) -> tuple[Any, ...]:
    centre = (np.array(result.shape[::-1]) - 1) / 2
    moved = (result.transform.to_moving(centre) - centre) * result.spacing[::-1]
    drift = moved if result.found else np.full(3, np.nan)
    return (
        result.verdict, *drift.tolist(), *result.axis_uncertainty, result.corner_uncertainty,
        result.ecc, result.overlap_fraction, result.reason,
    )  # fmt: skip
