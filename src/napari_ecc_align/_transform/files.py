"""The transforms of a stack's frames on disk, and transforms as JSON documents.

`formats` says which formats there are; one transform saves and loads itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .._common.errors import InputError
from .formats import own_json
from .formats.registry import read_matrices, write_stack
from .formats.stored import StoredMatrix
from .transform import Transform


def save_transforms(
    transforms: Sequence[Transform],
    path: str | Path,
    *,
    verdicts: Sequence[str] | None = None,
    overwrite: bool = True,
) -> None:
    """Write the transforms of a stack's frames, whole or not at all.

    Parameters
    ----------
    transforms : sequence of Transform
        One per frame; each maps a reference pixel (x, y) to the pixel of its frame.
    path : str or Path
        Where to write them. The suffix names the format: ``.json`` is ours, with the motion model
        and the verdicts; ``.csv`` has a header line, then a line of nine numbers per frame, row by
        row; ``.npy`` is a float64 array of shape (n, 3, 3).
    verdicts : sequence of str, optional
        What was said of each frame; ``.json`` alone holds it.
    overwrite : bool, default: True
        Replace a file that is there already.

    Raises
    ------
    InputError
        If the suffix is none of those, there is nothing to write, the folder does not exist, or
        the file does and `overwrite` is false.

    See Also
    --------
    Transform.save : Write one transform, also in the formats of other programs.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from napari_ecc_align import Transform, load_transforms, save_transforms
    >>> drift = [Transform([[1, 0, 0.5 * n], [0, 1, 0]], model="translation") for n in range(3)]
    >>> with TemporaryDirectory() as folder:
    ...     save_transforms(drift, f"{folder}/film.json", verdicts=["aligned"] * 3)
    ...     [each.matrix[0, 2].item() for each in load_transforms(f"{folder}/film.json")]
    [0.0, 0.5, 1.0]
    """
    if not transforms:
        raise InputError("transforms must be at least one")
    if verdicts is not None and len(verdicts) != len(transforms):
        raise InputError(f"verdicts must be one per transform, {len(transforms)}")
    said: Sequence[str | None] = verdicts or [None] * len(transforms)
    stored = [
        StoredMatrix(transform.matrix, transform.model, verdict)
        for transform, verdict in zip(transforms, said, strict=True)
    ]
    write_stack(path, stored, overwrite=overwrite)


def load_transforms(path: str | Path) -> list[Transform]:
    """Read the transforms of a stack's frames, or the one of any transform file.

    Parameters
    ----------
    path : str or Path
        A file of a format of `save_transforms` or `Transform.save`.

    Returns
    -------
    list of Transform
        One per frame; each maps a reference pixel (x, y) to the pixel of its frame. Of a format
        that names no motion model, the narrowest that each matrix belongs to. The file of one
        transform gives a list of one.

    Raises
    ------
    InputError
        If the file is missing, is of no such format, or holds no valid transforms.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from napari_ecc_align import Transform, load_transforms
    >>> with TemporaryDirectory() as folder:
    ...     Transform([[1, 0, 2], [0, 1, 3]]).save(f"{folder}/one.tfm")
    ...     [each.model for each in load_transforms(f"{folder}/one.tfm")]
    ['translation']
    """
    return [Transform(matrix, model=model) for matrix, model in read_matrices(path)]


def as_document(transform: Transform) -> dict[str, Any]:
    """Return the JSON document of a transform, which a ``.json`` file and a record hold."""
    return own_json.document_of(transform.matrix, transform.model)


def from_document(document: Any) -> Transform:
    """Return the transform of a JSON document; raise `InputError` for any other document."""
    return Transform(*own_json.matrix_of(document))
