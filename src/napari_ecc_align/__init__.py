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
    if name not in __all__:
        raise AttributeError(_unknown(name), name=name)
    return _load(name)


def _unknown(name: str) -> str:
    from difflib import get_close_matches

    said = f"napari_ecc_align has no {name!r}"
    # By its lower case, as nobody confuses `align` with `Align` on purpose.
    known = {public.lower(): public for public in __all__}
    nearest = get_close_matches(name.lower(), known, n=1)
    return f"{said}; did you mean {known[nearest[0]]!r}?" if nearest else said
