"""How the frames of a stack lie: a transform for each, and numbers to plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .._transform.transform import Transform
from .._verdict.result import AlignmentResult


@dataclass(frozen=True, eq=False)
class Drift:
    """How the frames lie, one number per frame; NaN where a frame could not be aligned.

    Attributes
    ----------
    x, y : ndarray of float64
        Shift of the reference's middle in the frame, in pixels.
    rotation : ndarray of float64
        In degrees, from x to y, that is clockwise on the screen.
    aligned : ndarray of bool
        Whether the frame's verdict is "aligned".
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    rotation: NDArray[np.float64]
    aligned: NDArray[np.bool_]


def drift_of(results: Sequence[AlignmentResult], shape: Sequence[int]) -> Drift:
    """Return the drift of a stack, for a plot.

    Parameters
    ----------
    results : sequence of AlignmentResult
        One per frame.
    shape : sequence of int
        (height, width) of what they were aligned to.

    Examples
    --------
    >>> import numpy as np
    >>> from skimage import data
    >>> from napari_ecc_align import align_stack, drift_of
    >>> camera = data.camera()
    >>> film = np.stack([camera[100 + 2 * k : 300 + 2 * k, 100:300] for k in range(3)])
    >>> drift = drift_of(align_stack(film, model="translation"), film[0].shape)
    >>> np.abs(drift.y).round(1).tolist()
    [0.0, 2.0, 4.0]
    """
    middle = np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2])
    rows = np.full((len(results), 3), np.nan)
    for row, result in zip(rows, results, strict=True):
        if result.verdict != "failed":
            linear = result.transform.matrix[:2, :2]
            turn = np.arctan2(linear[1, 0] - linear[0, 1], linear[0, 0] + linear[1, 1])
            row[:] = *(result.transform.to_moving(middle) - middle), np.degrees(turn)
    aligned = np.array([result.verdict == "aligned" for result in results])
    return Drift(rows[:, 0], rows[:, 1], rows[:, 2], aligned)


def frame_transforms(results: Sequence[AlignmentResult]) -> list[Transform]:
    """Return a transform for every frame, also for those that could not be aligned.

    Parameters
    ----------
    results : sequence of AlignmentResult
        One per frame, as `align_stack` returns them.

    Returns
    -------
    list of Transform
        Of a frame that has failed, that of the nearest frame that has not (of two as near, the
        earlier one); the identity where all have failed.

    Examples
    --------
    >>> import numpy as np
    >>> from skimage import data
    >>> from napari_ecc_align import align_stack, frame_transforms
    >>> camera = data.camera()
    >>> film = np.stack([camera[100:300, 100:300], np.zeros((200, 200), np.uint8)])
    >>> results = align_stack(film, model="translation")
    >>> [result.verdict for result in results]
    ['aligned', 'failed']
    >>> len(frame_transforms(results))
    2
    """
    good = [number for number, result in enumerate(results) if result.verdict != "failed"]
    if not good:
        return [Transform.identity() for _ in results]
    nearest = (min(good, key=lambda at: abs(at - number)) for number in range(len(results)))
    return [results[number].transform for number in nearest]
