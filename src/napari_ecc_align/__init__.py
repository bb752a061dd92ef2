"""Align two images of one thing, see what differs, and know whether to trust it.

Every name that is meant for use stands here; the packages below, whose names begin with an
underscore, are private. Names are loaded on first use, so that importing the package costs next
to nothing and never imports napari, Qt or OpenCV.
"""

from typing import Any

import lazy_loader as _lazy

_load, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("napari-ecc-align")
    return _load(name)
