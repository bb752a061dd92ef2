"""The results of the frames of a stack together: how it drifted, and where it has gaps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._common.given import GivenPath
from .._common.tables import RESULT_KEYS
from .._transform.files import save_transforms
from .._transform.transform import Transform
from .._verdict.result import AlignmentResult
from .frame_results import FrameResults


@dataclass(frozen=True, eq=False, repr=False)
class StackResult(FrameResults[AlignmentResult]):
    """A sequence of one result per frame of a stack; a slice of it is one, too.

    Attributes
    ----------
    results : tuple of AlignmentResult, or sequence
        One per frame. Of more than 10,000 no tuple, but a sequence that makes each when it is
        asked for.
    reference : str or int
        What the frames were aligned to: "first", "previous", "mean" or the index of a frame;
        "image" for one that is none of the stack, "images" for one for each frame.
    frames : sequence of int
        The number of each frame in the stack that was aligned; all of them by default.
    called : str, default: "frames"
        What the frames are: "frames", the "planes" of a depth stack, or "channels".

    Examples
    --------
    >>> import numpy as np
    >>> from skimage import data
    >>> from napari_ecc_align import align_stack
    >>> camera = data.camera()
    >>> film = np.stack([camera[100 + 2 * k : 300 + 2 * k, 100:300] for k in range(3)])
    >>> stack = align_stack(film, model="translation")
    >>> stack.to_dict()["y"].round(1).tolist()
    [0.0, -2.0, -4.0]
    >>> stack.shape, stack[1:].verdicts, stack.transforms[0].matrix[:2, 2].tolist(), stack.gaps
    ((200, 200), ['aligned', 'aligned'], [0.0, 0.0], [])
    >>> stack.save("film.json")
    >>> stack.save_table("drift.csv")
    >>> stack.filled_results.verdicts == stack.verdicts
    True
    """

    _columns = ("frame", *RESULT_KEYS)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of what the frames were aligned to; of the first, if of many."""
        return self.results[0].shape

    @property
    def transforms(self) -> list[Transform]:
        """The transform of every frame, as it was found."""
        return [result.transform for result in self]

    @property
    def filled_transforms(self) -> list[Transform]:
        """A transform for every frame, also for those that could not be aligned.

        A gap takes that of the nearest frame that is none (of two as near, the earlier one); the
        identity where all are.

        Examples
        --------
        >>> import numpy as np
        >>> from skimage import data
        >>> from napari_ecc_align import align_stack
        >>> camera = data.camera()
        >>> film = np.stack([camera[100:300, 100:300], np.zeros((200, 200), np.uint8)])
        >>> stack = align_stack(film, model="translation")
        >>> stack.verdicts, stack.gaps, len(stack.filled_transforms)
        (['aligned', 'failed'], [1], 2)
        """
        return [result.transform for result in self.filled_results]

    def _filling(self, gap: AlignmentResult, near: AlignmentResult | None) -> Transform:
        return Transform.identity(gap.model) if near is None else near.transform

    def to_dict(self) -> dict[str, NDArray[Any]]:
        """Return a table of all frames as columns, as ``pandas.DataFrame`` takes them.

        Returns
        -------
        dict of str to ndarray, shape (n,)
            "frame" is the number of the frame; the others have the keys of
            `AlignmentResult.to_dict`. NaN stands for the transform of a frame that could not be
            aligned.
        """
        return self._copied_table()

    def save(self, path: GivenPath, *, overwrite: bool = False) -> None:
        """Write the transforms of all frames and, where the format holds them, the verdicts.

        Parameters
        ----------
        path : str or Path
            The suffix names the format, as in `save_transforms`. A frame that could not be
            aligned has the transform of its neighbour; see `filled_transforms`.
        overwrite : bool, default: False
            Replace a file that is there already.

        Raises
        ------
        InputError
            If it cannot be written.
        """
        save_transforms(self.filled_results, path, overwrite=overwrite)

    def __repr__(self) -> str:
        line = self._line()
        if len(self.gaps) == len(self):
            return line
        # Nothing is told of a gap, unless its transform was given.
        told = (result for result in self if result.found or result.judged)
        shifts = np.array([result.parts()[:2] for result in told])
        x, y = (
            f"{axis} up to {most:.2f}"
            for axis, most in zip("xy", np.nanmax(np.abs(shifts), axis=0), strict=True)
        )
        return f"{line}; {x}, {y} px"

    def _rows(self) -> Iterator[dict[str, Any]]:
        for frame, result in zip(self.frames, self, strict=True):
            yield {"frame": frame, **result.to_dict()}
