"""Arrays to write and read back, and what to ask of them."""

from __future__ import annotations

import numpy as np

INTEGERS = ["uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"]
FLOATS = ["float16", "float32", "float64"]
COLOURS = [(), (3,), (4,)]


def picture(dtype="uint8", channels=(), shape=(37, 53), seed=0):
    values = np.random.default_rng(seed).random(shape + channels)
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return values > 0.6
    if dtype.kind == "f":
        return (values * 3 - 1).astype(dtype)
    return (values * min(np.iinfo(dtype).max, 2**40)).astype(dtype)


def smooth(shape=(64, 96)):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return (127 + 60 * np.sin(rows / 9) + 60 * np.cos(columns / 7)).astype(np.uint8)


def check_same(found, expected):
    assert found.dtype == expected.dtype
    assert found.dtype.isnative
    assert found.flags.c_contiguous
    assert found.flags.writeable
    np.testing.assert_array_equal(found, expected)


def leftovers(folder):
    return sorted(p.name for p in folder.iterdir() if ".tmp-" in p.name)
