"""What an image file says of itself, without decoding it."""

from __future__ import annotations

from pathlib import Path

from ..._common.given import GivenPath
from ..._common.opening import opened
from .decoding import header_size
from .sizes import check_size
from .zarr_image import is_zarr, zarr_size


def check_image_file(path: GivenPath, max_pixels: int | None = None) -> None:
    """Refuse a file that cannot be an image, or is too large, after a look at its header.

    Parameters
    ----------
    path : str or path-like
        The file.
    max_pixels : int, optional
        Most pixels that an image may claim.

    Raises
    ------
    InputError
        If the file is missing, may not be read, is empty, is no image of a format that is read,
        has a header that is damaged, or claims too many pixels.
    """
    path = Path(path)
    if is_zarr(path):
        check_size(path, *zarr_size(path), max_pixels=max_pixels)
        return
    with opened(path, "an image") as file:
        check_size(path, *header_size(file, path), max_pixels=max_pixels)
