"""Write a volume to disk, however large it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..._common.errors import InputError
from ..._common.given import GivenPath
from ..._images.ome_zarr.writing import written_volume
from ..._images.sources import is_lazy
from ..._transform.matrices import checked_spacing
from ..progress import Progress
from .sources import VolumeLike, is_pyramid


def save_volume(
    path: GivenPath,
    volume: VolumeLike,
    *,
    spacing: Sequence[float] | float | None = None,
    unit: str | None = None,
    progress: Callable[[Progress], object] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> bool:
    """Write a volume as an OME-Zarr image, chunk by chunk.

    Parameters
    ----------
    path : str or Path
        A folder that does not exist yet, such as ``"aligned.zarr"``.
    volume : array_like, lazy array or sequence of such, shape (planes, rows, columns)
        Of any real dtype; what `warp_volume` returns of a lazy volume is computed chunk by chunk.
        Several are the same volume at decreasing sizes.
    spacing : float or sequence of 3 floats, optional
        Length of a voxel along (z, y, x); 1 by default.
    unit : str, optional
        Of that, in the words of OME-NGFF, such as ``"micrometer"``.
    progress : callable, optional
        Called with a `Progress` after every few chunks.
    cancel : callable, optional
        Asked as often; when it returns True, nothing is left of what was written.

    Returns
    -------
    bool
        Whether it was written, and not cancelled.

    Raises
    ------
    InputError
        If an argument cannot be used, or `path` exists.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_ecc_align import save_volume
    >>> save_volume("cube.zarr", np.ones((8, 9, 10), np.uint16), spacing=(2, 0.5, 0.5))
    True
    """
    levels: Any = volume if is_pyramid(volume) else [volume]
    held: list[Any] = [one if is_lazy(one) else np.asarray(one) for one in levels]
    for one in held:
        if len(one.shape) != 3 or one.dtype.kind not in "buif":
            raise InputError(
                "volume must hold real numbers along (planes, rows, columns), not the shape "
                f"{tuple(one.shape)} of {one.dtype}"
            )
    steps = written_volume(
        Path(path), held, checked_spacing(spacing, "spacing", (1.0, 1.0, 1.0)).tolist(), unit=unit
    )
    for fraction in steps:
        if progress is not None:
            progress(Progress(fraction, "writing the volume"))
        if cancel is not None and cancel():
            steps.close()
            return False
    return True
