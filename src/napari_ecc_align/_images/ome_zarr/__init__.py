"""OME-Zarr images on disk, and scenes that say how two of them lie on each other."""
