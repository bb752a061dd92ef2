"""The suffixes of image files, of which some have two parts."""

from __future__ import annotations

from pathlib import PurePath

from .nifti import SUFFIXES as NIFTI

SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg", *NIFTI)
"""Suffixes of the files that are read and written."""
ZARR = (".ome.zarr", ".zarr")
"""Suffixes of the folders of OME-Zarr images, which are read."""
_OME = (".ome.tif", ".ome.tiff")


def image_suffix(path: PurePath) -> str:
    """Return the suffix of an image file as it stands, ".nii.gz" whole; "" of other files."""
    name = path.name.lower()
    known = max((suffix for suffix in SUFFIXES if name.endswith(suffix)), key=len, default="")
    return path.name[len(name) - len(known) :] if known and len(known) < len(name) else ""


def readable_suffix(path: PurePath) -> str:
    """Return the suffix of an image file, or of the folder of an OME-Zarr image; "" of others."""
    name = path.name.lower()
    zarr = next((suffix for suffix in ZARR if name.endswith(suffix) and name != suffix), "")
    return path.name[len(name) - len(zarr) :] if zarr else image_suffix(path)


def own_stem(path: PurePath) -> str:
    """Return the name of a file without its suffix, be it ".ome.tif" or ".nii.gz"."""
    for suffix in (*_OME, *ZARR, *NIFTI):
        if path.name.lower().endswith(suffix):
            return path.name[: -len(suffix)]
    return path.stem
