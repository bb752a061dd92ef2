"""The results of the volumes of a film together: how it drifted in three axes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ..._common.given import GivenPath
from ..._transform.files import load_fields, load_transforms
from ..._transform.formats.field_files import (
    MANY_FIELDS,
    holds_a_field,
    holds_a_volume_field,
    holds_fields,
    read_fields,
)
from ..._transform.formats.registry import (
    holds_a_stack,
    holds_a_volume,
    read_matrices,
    write_stack,
)
from ..._transform.formats.stored import StoredMatrix
from ..._transform.volume_field import VolumeField
from ..._verdict.verdict import Verdict
from ..frame_results import FrameResults
from .parts import volume_parts
from .result import VolumeAlignment
from .transform import VolumeMotionModel, VolumeTransform

_COLUMNS = (
    "frame", "verdict", "x", "y", "z", "x_uncertainty", "y_uncertainty", "z_uncertainty",
    "x_voxels", "y_voxels", "z_voxels", "rotation",
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
    >>> drift.shape, drift.filled_transforms[2].model, drift.filled_results.verdicts[2]
    ((40, 40, 44), 'translation', 'aligned')
    >>> drift.save_table("volume_drift.csv")
    >>> drift.save("volume_drift.json")
    """

    _columns = _COLUMNS

    @property
    def transforms(self) -> list[VolumeTransform]:
        """The transform of every volume, as it was found."""
        return [result.transform for result in self]

    @property
    def shape(self) -> tuple[int, ...]:
        """Planes, rows and columns of what the volumes were aligned to."""
        return self.results[0].shape

    @property
    def filled_transforms(self) -> list[VolumeTransform]:
        """A transform for every volume, also for those that could not be aligned.

        A gap takes that of the nearest volume that is none; the identity where all are.
        """
        return [result.transform for result in self.filled_results]

    def _filling(self, gap: VolumeAlignment, near: VolumeAlignment | None) -> VolumeTransform:
        if near is not None:
            return near.transform
        return VolumeTransform(np.eye(4), gap.transform.model)

    def save(self, path: GivenPath, *, overwrite: bool = False) -> None:
        """Write the transforms of all volumes, for `load_volume_transforms`.

        Parameters
        ----------
        path : str or Path
            The suffix names the format: ``.json``, which holds the verdicts, too; ``.csv``, a
            line of sixteen numbers per volume; ``.npy``, an array of shape (n, 4, 4). A volume
            that could not be aligned has the transform of its neighbour.
        overwrite : bool, default: False
            Replace a file that is there already.

        Raises
        ------
        InputError
            If the suffix is another one, or it cannot be written.
        """
        save_volume_transforms(
            self.filled_transforms, path, verdicts=self.verdicts, overwrite=overwrite
        )

    def to_dict(self) -> dict[str, NDArray[Any]]:
        """Return a table of all volumes as columns, as ``pandas.DataFrame`` takes them.

        Returns
        -------
        dict of str to ndarray, shape (n,)
            "frame" is the number of the volume; "x", "y" and "z" by how much the middle of the
            reference moved, in the unit of the spacing, and one sigma of each; the same in
            voxels of the reference; "rotation" by how many degrees it turned, about whatever
            axis. NaN stands for what could not be aligned.
        """
        return self._copied_table()

    def _rows(self) -> Iterator[dict[str, Any]]:
        for frame, result in zip(self.frames, self, strict=True):
            yield dict(zip(_COLUMNS, (frame, *_row(result)), strict=True))

    @property
    def _unit(self) -> str:
        return ""

    def __repr__(self) -> str:
        table = self._table
        if len(self.gaps) == len(self):
            return self._line()
        most = (f"{axis} up to {np.nanmax(np.abs(table[axis])):.2f}" for axis in "xyz")
        return f"{self._line()}; {', '.join(most)}"


def _row(result: VolumeAlignment) -> tuple[Any, ...]:
    centre = (np.array(result.shape[::-1]) - 1) / 2
    sizes = np.diag([*result.spacing[::-1], 1.0])
    # Rigid is rigid in the unit of the spacing, and not in voxels.
    moved = sizes @ result.transform.matrix @ np.linalg.inv(sizes)
    parts = volume_parts(moved, (centre * result.spacing[::-1]).tolist())
    drift = np.array([*parts[:4]]) if result.found else np.full(4, np.nan)
    return (
        result.verdict, *drift[:3].tolist(), *result.axis_uncertainty,
        *(drift[:3] / result.spacing[::-1]).tolist(), float(drift[3]), result.corner_uncertainty,
        result.ecc, result.overlap_fraction, result.reason,
    )  # fmt: skip


def save_volume_transforms(
    transforms: Sequence[VolumeTransform],
    path: GivenPath,
    *,
    verdicts: Sequence[Verdict] = (),
    overwrite: bool = False,
) -> None:
    """Write the transforms of volumes, and their verdicts if they are known, in one file."""
    stored = [
        StoredMatrix(one.matrix, one.model, verdict)
        for one, verdict in zip_longest(transforms, verdicts)
    ]
    write_stack(path, stored, overwrite=overwrite)


def load_volume_transforms(path: GivenPath) -> list[VolumeTransform] | list[VolumeField]:
    """Read the transforms of a film's volumes, or the one of any file of a transform of volumes.

    Parameters
    ----------
    path : str or Path
        A file of a format of `VolumeStackResult.save`, `SmoothVolumeStack.save` or
        `VolumeTransform.save`.

    Returns
    -------
    list of VolumeTransform, or of VolumeField
        One per volume; each maps a reference voxel (x, y, z) to the voxel of its volume.

    Raises
    ------
    InputError
        If the file is missing, is of no such format, or holds no transforms of volumes.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_ecc_align import VolumeTransform, load_volume_transforms
    >>> VolumeTransform(np.eye(4), "euclidean").save("one_volume.json")
    >>> [each.model for each in load_volume_transforms("one_volume.json")]
    ['euclidean']
    """
    if Path(path).suffix.lower() in MANY_FIELDS:
        return [VolumeField._of_parts(stored) for stored in read_fields(path, 3)]
    return [
        VolumeTransform(matrix, cast("VolumeMotionModel", model))
        for matrix, model in read_matrices(path, volumes=True)
    ]


def load_film_of_either(path: Path) -> list[Any] | None:
    """Read what maps each frame of a film, of images or of volumes; None if a file holds one."""
    if holds_fields(path):
        return load_volume_transforms(path) if holds_a_volume_field(path) else load_fields(path)
    if holds_a_field(path) or not holds_a_stack(path):
        return None
    return load_volume_transforms(path) if holds_a_volume(path) else load_transforms(path)
