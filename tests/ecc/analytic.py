"""Images whose derivatives are known exactly, and blocks of them."""

import numpy as np

from napari_ecc_align._images.pyramid.blocks import Blocks
from napari_ecc_align._transform.coordinates import map_points
from napari_ecc_align._transform.models import MODELS, Frame

MODEL_NAMES = list(MODELS)
SIDE, BLOCK = 64, 16
FRAME = Frame((SIDE, SIDE))
# Amplitude, angular frequencies by x and y (per px), and phase of each wave.
WAVES = [(1.0, 0.11, 0.03, 0.4), (0.7, -0.05, 0.13, 1.1), (0.5, 0.09, -0.12, 2.3)]


def pixels():
    """Return the (x, y) of the pixels of all blocks, shape (n, b, b, 2)."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(float)
    plane = np.stack([x, y], axis=-1)
    count = SIDE // BLOCK
    return plane.reshape(count, BLOCK, count, BLOCK, 2).swapaxes(1, 2).reshape(-1, BLOCK, BLOCK, 2)


def intensity(points):
    """Return the image at (..., 2) points."""
    return sum(a * np.sin(points @ (u, v) + phase) for a, u, v, phase in WAVES)


def slope(points):
    """Return its derivatives by x and y, shape (2, ...)."""
    return sum(
        a * np.cos(points @ (u, v) + phase) * np.array([u, v]).reshape(2, *[1] * (points.ndim - 1))
        for a, u, v, phase in WAVES
    )


def displaced(points, model, delta):
    """Return points moved by a model's parameters, in px."""
    motion = FRAME.inverse @ model.increment(delta) @ FRAME.matrix
    return map_points(motion, points)


def blocks():
    """Return the image as blocks with exact derivatives."""
    at = pixels()
    values, slopes = intensity(at), slope(at)
    centres = at.mean(axis=(1, 2))
    return Blocks(centres, values.astype(np.float32), slopes.astype(np.float32), None)


def jacobian(model, step=1e-6):
    """Return d(image) / d(parameters) of every pixel, shape (n, b, b, p), by differences."""
    at = pixels()
    columns = []
    for k in range(model.n_parameters):
        delta = np.zeros(model.n_parameters)
        delta[k] = step
        forth, back = (displaced(at, model, sign * delta) for sign in (1, -1))
        columns.append(np.sum(np.moveaxis(slope(at), 0, -1) * (forth - back), -1) / (2 * step))
    return np.stack(columns, axis=-1)


def moving(seed=0):
    """Return another image on the same blocks: the first, darker, displaced and noisy."""
    rng = np.random.default_rng(seed)
    at = pixels() + np.array([0.3, -0.2])
    noise = rng.normal(0, 0.05, at.shape[:-1])
    return (0.8 * intensity(at) + 0.3 + noise).astype(np.float32)
