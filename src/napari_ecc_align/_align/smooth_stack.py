"""The fields of the frames of a stack together: how it drifted and bent, and where it has gaps."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from .._common.given import GivenPath
from .._common.tables import FIELD_KEYS
from .._transform.field import Field
from .._transform.files import save_fields
from .._transform.transform import Transform
from .._transform.volume_field import VolumeField
from .._verdict.field_result import SmoothAlignment
from .._verdict.result import AlignmentResult
from .bent import still
from .frame_results import FrameResults, Result
from .jumps import doubt_jumps
from .read_frames import ReadFrames
from .stack_masks import StackMasks
from .still_films import doubt_still

AnyField = TypeVar("AnyField", Field, VolumeField)


@dataclass(frozen=True, eq=False, repr=False)
class BentFrames(FrameResults[Result], Generic[Result, AnyField]):
    """What films that bend have in common, of images and of volumes."""

    @abstractmethod
    def _still(self) -> AnyField:
        """Return the field of the reference's shape that bends nowhere."""

    @property
    def transforms(self) -> list[AnyField]:
        """The field of every frame, as it was found."""
        found: Any = self.results
        return [result.transform for result in found]

    @property
    def filled_transforms(self) -> list[AnyField]:
        """A field for every frame: a gap takes that of the nearest frame that is none.

        Where it is known is nowhere then; the identity where all are gaps.
        """
        filled: Any = self.filled_results
        return [result.transform for result in filled]

    def _filling(self, gap: Result, near: Any) -> AnyField:
        return self._still() if near is None else replace(near.transform, sigma=None)

    def save(self, path: GivenPath, *, overwrite: bool = False) -> None:
        """Write the fields of all frames, for `load_fields`.

        Parameters
        ----------
        path : str or Path
            Its suffix is ``.npz``.
        overwrite : bool, default: False
            Replace a file that is there already.

        Raises
        ------
        InputError
            If it cannot be written.
        """
        save_fields(self.filled_transforms, path, overwrite=overwrite)


@dataclass(frozen=True, eq=False, repr=False)
class SmoothStack(BentFrames[SmoothAlignment, Field]):
    """A sequence of one smooth alignment per frame of a stack; a slice of it is one, too.

    Attributes
    ----------
    results : tuple of SmoothAlignment
        One per frame.
    reference, frames, called
        As in `StackResult`.

    Examples
    --------
    >>> import numpy as np
    >>> from skimage import data
    >>> from napari_ecc_align import Field, align_stack, load_fields, warp, warp_stack
    >>> retina = data.retina()[400:640, 400:640, 1]
    >>> u = np.stack([2 * np.sin(np.mgrid[:240, :240][0] / 30)] * 2, axis=-1)
    >>> film = [retina, warp(retina, Field.from_displacements(u))]
    >>> stack = align_stack(film, model="smooth")
    >>> stack.verdicts, stack.gaps, stack.shape, len(stack.transforms)
    (['aligned', 'aligned'], [], (240, 240), 2)
    >>> [field.largest > 1 for field in stack.filled_transforms]
    [False, True]
    >>> stack.to_dict()["bends"].tolist()
    [False, True]
    >>> stack.save("bent_film.npz")
    >>> stack.save_table("bent_film.csv")
    >>> [field.model for field in load_fields("bent_film.npz")]
    ['smooth', 'smooth']
    >>> warp_stack(film, stack).shape, stack.filled_results.verdicts == stack.verdicts
    ((2, 240, 240), True)
    """

    _columns = ("frame", *FIELD_KEYS)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of what the frames were aligned to; of the first, if of many."""
        return self.results[0].shape

    def to_dict(self) -> dict[str, NDArray[Any]]:
        """Return a table of all frames as columns, as ``pandas.DataFrame`` takes them.

        Returns
        -------
        dict of str to ndarray, shape (n,)
            "frame" is the number of the frame; the others have the keys of
            `SmoothAlignment.to_dict`.
        """
        return self._copied_table()

    def _still(self) -> Field:
        return still(np.eye(3), self.shape)

    def _rows(self) -> Iterator[dict[str, Any]]:
        for frame, result in zip(self.frames, self, strict=True):
            yield {"frame": frame, **result.to_dict()}

    def __repr__(self) -> str:
        line = self._line()
        if len(self.gaps) == len(self):
            return line
        columns = self._table
        x, y = (f"{axis} up to {np.nanmax(np.abs(columns[axis])):.2f}" for axis in "xy")
        return f"{line}; {x}, {y} px; bends up to {np.nanmax(columns['bends_up_to']):.2f} px"


def doubted_fields(
    results: Sequence[SmoothAlignment], images: ReadFrames, masks: StackMasks
) -> tuple[SmoothAlignment, ...]:
    """Return the results of a film's frames, none aligned of which the others raise a doubt.

    Of a field its global motion jumps, or lies still, as a matrix does.
    """
    moved = [
        AlignmentResult(
            Transform(one.transform.matrix),
            one.verdict,
            one.reason,
            one.shape,
            inverted=one.inverted,
            tiles=one.tiles,
        )
        for one in results
    ]
    doubted = doubt_still(doubt_jumps(moved), images, masks)
    return tuple(
        replace(one, verdict=other.verdict, reason=other.reason)
        for one, other in zip(results, doubted, strict=True)
    )
