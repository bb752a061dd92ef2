"""Memory of whole levels that is used again for those of the next image.

A system hands out large memory page by page as it is first written, which takes several times as
long as a filter takes to fill it.
"""

from __future__ import annotations

import weakref
from collections import deque
from math import prod

import numpy as np

from .levels import Floats

# Below this, what is freed stays with the process anyway; of more, filling it takes longer.
_LEAST, _MOST = 2**17, 2**23
# A pair has two levels that are smoothed whole, and perhaps a coarser one of each.
_free: deque[bytearray] = deque(maxlen=4)


def lent(shape: tuple[int, ...]) -> Floats:
    """Return an array of single precision whose values are not set.

    Its memory is that of one of the same size which nobody refers to any more, if there is one.
    """
    size = 4 * prod(shape)
    if not _LEAST <= size <= _MOST:
        return np.empty(shape, np.float32)
    memory = _kept(size) or bytearray(size)
    array = np.ndarray(shape, np.float32, memory)
    # Views refer to the array: none is left by then. Were the memory an array, they would to it.
    weakref.finalize(array, _free.append, memory).atexit = False
    return array


def _kept(size: int) -> bytearray | None:
    """Return free memory of exactly that size, if there is some."""
    for _ in range(len(_free)):
        try:
            memory = _free.popleft()
        except IndexError:
            # Another thread has taken the last.
            return None
        if len(memory) == size:
            return memory
        _free.append(memory)
    return None
