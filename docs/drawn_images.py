"""Images drawn by chance for the pictures of the docs: cells, volumes, and films of both."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import map_coordinates
from skimage.filters import gaussian

from napari_ecc_align import Transform, warp


def cells() -> np.ndarray:
    """Return an image of bright spots on a dark ground, drawn by chance."""
    rng = np.random.default_rng(9)
    image = np.zeros((520, 660))
    places = rng.integers(0, image.shape, (900, 2))
    image[tuple(places.T)] = rng.uniform(200, 2500, len(places))
    spots = gaussian(image, 2.5) + 2 * gaussian(image, 9)
    return np.clip(4 * spots, 0, 255)


def drifting(image: np.ndarray) -> np.ndarray:
    """Return a film of an image that wanders and turns a little, with noise; (frame, y, x)."""
    rng = np.random.default_rng(4)
    path = np.cumsum(rng.normal(0, 1.2, (24, 2)), axis=0)
    frames = []
    for number, (right, down) in enumerate(path):
        turn = np.radians(0.05 * number)
        matrix = [
            [np.cos(turn), -np.sin(turn), right + 40],
            [np.sin(turn), np.cos(turn), down + 40],
            [0, 0, 1],
        ]
        film = image.astype(np.float32)
        frame = warp(film, Transform(np.array(matrix)), output_shape=(430, 560), fill=0)
        frames.append(frame + rng.normal(0, 3, frame.shape))
    return np.stack(frames)


def rounds() -> tuple[np.ndarray, np.ndarray]:
    """Return soft nuclei in a volume, and again, turned about two axes and shifted."""
    rng = np.random.default_rng(11)
    fine = _nuclei(rng)
    about_z, about_y = np.radians([7, 4])
    turn = np.array(
        [
            [np.cos(about_y), 0, np.sin(about_y)],
            [0, np.cos(about_z), -np.sin(about_z)],
            [-np.sin(about_y), np.sin(about_z), np.cos(about_z)],
        ]
    )
    left, _, right = np.linalg.svd(turn)
    middle, thick = (np.array(fine.shape) - 1) / 2, np.array([2.5, 1, 1])
    seen = np.indices((48, 120, 120)).reshape(3, -1).T - np.array([23.5, 59.5, 59.5])
    volumes = []
    for linear, shift in ((np.eye(3), (0, 0, 0)), (left @ right, (5, -6, 8))):
        there = (seen * thick) @ linear.T + middle + shift
        volume = map_coordinates(fine, there.T, order=1).reshape(48, 120, 120)
        volumes.append((volume + rng.normal(0, 6, volume.shape)).clip(0).astype(np.float32))
    return volumes[0], volumes[1]


def wandering() -> np.ndarray:
    """Return a film of soft nuclei in a volume that wanders and turns a little; (t, z, y, x)."""
    rng = np.random.default_rng(12)
    fine = _nuclei(rng)
    path = np.cumsum(rng.normal(0, (0.9, 1.2, 1.5), (12, 3)), axis=0)
    middle, thick = (np.array(fine.shape) - 1) / 2, np.array([2.5, 1, 1])
    seen = np.indices((40, 110, 120)).reshape(3, -1).T - np.array([19.5, 54.5, 59.5])
    volumes = []
    for number, shift in enumerate(path):
        about_z = np.radians(0.15 * number)
        turn = np.array(
            [
                [1, 0, 0],
                [0, np.cos(about_z), -np.sin(about_z)],
                [0, np.sin(about_z), np.cos(about_z)],
            ]
        )
        there = (seen * thick) @ turn.T + middle + shift
        volume = map_coordinates(fine, there.T, order=1).reshape(40, 110, 120)
        volumes.append((volume + rng.normal(0, 6, volume.shape)).clip(0).astype(np.float32))
    return np.stack(volumes)


def _nuclei(rng: np.random.Generator) -> np.ndarray:
    fine = np.zeros((180, 190, 190))
    places = (rng.random((1500, 3)) * fine.shape).astype(int)
    fine[tuple(places.T)] = rng.uniform(300, 1200, len(places))
    return 900 * gaussian(fine, 4) + 250 * gaussian(fine, 2)
