"""The transforms of a stack's frames on disk, and transforms as JSON documents.

`formats` says which formats there are; one transform saves and loads itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

from .._common.errors import InputError
from .._common.given import GivenPath
from .bent_map import BentMap, stored_parts
from .field import Field
from .formats import own_json
from .formats.field_files import (
    field_document,
    field_in,
    is_field_document,
    read_fields,
    write_fields,
)
from .formats.registry import read_matrices, write_stack
from .formats.stored import StoredMatrix
from .transform import Transform
from .transform_like import FieldLike, TransformLike, VolumeFieldLike, as_transform
from .volume_field import VolumeField, field_of


def save_transforms(
    transforms: Iterable[TransformLike] | Mapping[str, TransformLike],
    path: GivenPath,
    *,
    overwrite: bool = False,
) -> None:
    """Write many transforms, such as those of a stack's frames, whole or not at all.

    Parameters
    ----------
    transforms : sequence, or mapping of str
        One Transform, AlignmentResult or array_like of shape (3, 3) or (2, 3) per frame, such as
        what `align_stack` returns; or per name. Each maps a reference pixel (x, y) to the pixel of
        its frame. Results are saved with their verdicts, and the gaps of a `StackResult` with the
        transforms of their neighbours.
    path : str or Path
        Where to write them. The suffix names the format: ``.json`` is ours, with the motion model
        and, of what has them, verdicts and names; ``.csv`` has a header line, then a line of nine
        numbers per frame, row by row; ``.npy`` is a float64 array of shape (n, 3, 3).
    overwrite : bool, default: False
        Replace a file that is there already.

    Raises
    ------
    InputError
        If something is no transform, the suffix is none of those, there is nothing to write, the
        folder does not exist, or the file does and `overwrite` is false.

    See Also
    --------
    Transform.save : Write one transform, also in the formats of other programs.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from napari_ecc_align import Transform, load_transforms, save_transforms
    >>> drift = [Transform([[1, 0, 0.5 * n], [0, 1, 0]]) for n in range(3)]
    >>> with TemporaryDirectory() as folder:
    ...     save_transforms(drift, f"{folder}/film.json")
    ...     [each.matrix[0, 2].item() for each in load_transforms(f"{folder}/film.json")]
    [0.0, 0.5, 1.0]
    """
    transforms = getattr(transforms, "filled_results", transforms)
    names = [str(name) for name in transforms] if isinstance(transforms, Mapping) else None
    try:
        every = transforms.values() if isinstance(transforms, Mapping) else transforms
        # Of very many results each is made when it is asked for, and written before the next.
        given = every if isinstance(every, Sequence) else [*every]
    except TypeError as error:
        raise InputError("transforms must be many; one is saved by its own save") from error
    if not len(given):
        raise InputError("transforms must be at least one")
    write_stack(path, _Stored(given, names), overwrite=overwrite)


@dataclass(frozen=True)
class _Stored(Sequence[StoredMatrix]):
    """What is written of transforms, each made when it is asked for."""

    given: Sequence[Any]
    names: list[str] | None

    def __len__(self) -> int:
        return len(self.given)

    @overload
    def __getitem__(self, index: int) -> StoredMatrix: ...
    @overload
    def __getitem__(self, index: slice) -> _Stored: ...
    def __getitem__(self, index: int | slice) -> StoredMatrix | _Stored:
        if isinstance(index, slice):
            names = None if self.names is None else self.names[index]
            return _Stored(self.given[index], names)
        each = self.given[index]
        name = None if self.names is None else self.names[index]
        found = as_transform(each, f"transforms[{index if name is None else name!r}]")
        return StoredMatrix(found.matrix, found.model, getattr(each, "verdict", None), name)


def load_transforms(path: GivenPath) -> list[Transform]:
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


def save_fields(
    fields: Iterable[FieldLike | VolumeFieldLike], path: GivenPath, *, overwrite: bool = False
) -> None:
    """Write many fields in one file, whole or not at all.

    Parameters
    ----------
    fields : sequence of Field or VolumeField, or of results that have one
        One per frame, such as what `align_stack` and `align_volume_stack` return with the model
        "smooth"; all of images, or all of volumes.
    path : str or Path
        Its suffix is ``.npz``. Fields are kept to a ten-thousandth of a pixel, in a twentieth of
        the room of all displacements.
    overwrite : bool, default: False
        Replace a file that is there already.

    Raises
    ------
    InputError
        If something is no field, there is none, or the file cannot be written.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_ecc_align import Field, load_fields, save_fields
    >>> bent = [Field.from_displacements(np.full((8, 8, 2), by)) for by in (0.5, 1.5)]
    >>> save_fields(bent, "many_fields.npz")
    >>> [field((1, 1)).round(3).tolist() for field in load_fields("many_fields.npz")]
    [[1.5, 1.5], [2.5, 2.5]]
    """
    held: list[Any] = [getattr(one, "transform", one) for one in fields]
    for index, one in enumerate(held):
        if not isinstance(one, (Field, VolumeField)):
            raise InputError(f"fields[{index}] must be a Field or VolumeField, not {one!r:.60}")
        if type(one) is not type(held[0]):
            raise InputError("fields must be all of images, or all of volumes")
    if not held:
        raise InputError("fields must be at least one")
    write_fields(path, [stored_parts(one) for one in held], overwrite=overwrite)


def load_fields(path: GivenPath) -> list[Field]:
    """Read the fields of a stack's frames that `save_fields` has written, or the one of a file.

    Parameters
    ----------
    path : str or Path
        Its suffix is ``.npz``.

    Returns
    -------
    list of Field
        One per frame. Those of volumes are read by `load_volume_transforms`.

    Raises
    ------
    InputError
        If the file is missing, or holds no fields.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_ecc_align import Field, load_fields
    >>> Field.from_displacements(np.full((8, 8, 2), 0.5)).save("one_field.npz")
    >>> [field((1, 1)).round(3).tolist() for field in load_fields("one_field.npz")]
    [[1.5, 1.5]]
    """
    return [Field._of_parts(stored) for stored in read_fields(path, 2)]


def as_document(transform: Transform | Field | VolumeField) -> dict[str, Any]:
    """Return the JSON document of a transform, which a ``.json`` file and a record hold."""
    if isinstance(transform, BentMap):
        return field_document(stored_parts(transform))
    return own_json.document_of(transform.matrix, transform.model)


def from_document(document: Any) -> Transform | Field | VolumeField:
    """Return the transform of a JSON document; raise `InputError` for any other document."""
    if is_field_document(document):
        return field_of(field_in(document))
    matrix, model = own_json.matrix_of(document)
    return Transform(matrix, model=model)
