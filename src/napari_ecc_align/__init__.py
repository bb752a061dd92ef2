"""Align two images of one thing, see what differs, and know whether to trust it.

The names below are loaded on first use, so that importing the package costs next to nothing
and never imports napari, Qt or OpenCV.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
