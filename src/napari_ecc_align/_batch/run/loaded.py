"""The files of a pair in memory, and what is aligned of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ..._common.errors import InputError
from ..._common.folder_contents import folder_digest, folder_state
from ..._common.memory import whole_file
from ..._common.opening import opened, printable
from ..._images.files.headers import check_image_file
from ..._images.files.image_file import ImageFile
from ..._images.files.images import decode_image, encode_image
from ..._images.files.zarr_image import is_zarr, zarr_file
from ..records.record import InputFile, digest
from ..settings import BatchSettings


@dataclass(frozen=True, eq=False)
class Loaded:
    """An image in memory, the file that it was, and what is aligned of it."""

    file: InputFile
    content: bytes | None
    read: ImageFile
    image: NDArray[Any]

    def passed_on(self, name: str) -> bytes:
        """Return what to write where the image stays as it is: the same bytes, if it is a file."""
        return encode_image(name, self.read) if self.content is None else self.content


def load(role: str, path: Path, settings: BatchSettings) -> Loaded:
    """Read a file; raise `InputError` if it is no image, or too large."""
    check_image_file(path, settings.max_pixels)
    content, known, read = _read(role, path, settings)
    if role not in ("reference", "moving"):
        # Siblings have channels and frames of their own, and are not looked at.
        return Loaded(known, content, read, read.plane(None, path))
    read = read.meaning(settings.frame_axis, settings.channel_axis, path)
    return Loaded(known, content, read, looked_at(read, path, settings))


def _read(
    role: str, path: Path, settings: BatchSettings
) -> tuple[bytes | None, InputFile, ImageFile]:
    """Return the bytes of a file, what it is known by, and the image in it."""
    if is_zarr(path):
        try:
            known = InputFile(role, printable(path), *folder_state(path), folder_digest(path))
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror or error}") from error
        return None, known, zarr_file(path, settings.max_pixels)
    with opened(path, "an image") as file:
        modified, content = path.stat().st_mtime_ns, whole_file(file, path)
    known = InputFile(role, printable(path), len(content), modified, digest(content))
    return content, known, decode_image(content, path, settings.max_pixels)


def looked_at(read: ImageFile, path: Path, settings: BatchSettings) -> NDArray[Any]:
    """Return the plane by which an image is aligned."""
    return read.plane(settings.channel, path, settings.frame if read.frames > 1 else None)


def sibling(name: str, path: Path, moving: Loaded, settings: BatchSettings) -> Loaded:
    """Read a sibling, which must lie on the grid of the moving image."""
    loaded = load(name, path, settings)
    if loaded.image.shape[:2] != moving.image.shape[:2]:
        raise InputError(
            f"{path} is {_size(loaded.image)} pixels, but {moving.file.path}, on whose grid it "
            f"should lie, is {_size(moving.image)}"
        )
    return loaded


def _size(image: NDArray[Any]) -> str:
    return f"{image.shape[1]} x {image.shape[0]}"
