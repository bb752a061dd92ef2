"""Make the pictures of the pages in docs/start, and the moving one of the README, from real runs.

    python docs/make_start_pictures.py

Needs no display. Two pictures a page: what somebody begins with, and what comes out.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from drawn_images import cells, drifting, rounds
from PIL import Image
from skimage import data
from skimage.color import hed2rgb, rgb2hed

from napari_ecc_align import (
    Transform,
    align,
    align_stack,
    align_volume,
    overlay,
    read_image,
    sample,
    warp,
    warp_stack,
    warp_volume,
)

IMAGES = Path(__file__).resolve().parent / "images"
GAP = 6
BANDS = 5
SNAP_SECONDS, STEPS, FRAME_MS, BLINK_MS = 1.2, 18, 67, 450


def main() -> None:
    """Write every picture."""
    make_stains()
    make_film()
    make_volumes()
    make_pages()
    make_bands()
    make_snap()


def two_stains() -> tuple[np.ndarray, np.ndarray]:
    """Return a section in its counterstain alone, and turned and shifted with its brown, too."""
    both = data.immunohistochemistry()
    stains = rgb2hed(both)
    stains[..., 2] = 0
    counterstain = (hed2rgb(stains) * 255).astype(np.uint8)
    turn = np.radians(4)
    moved = Transform(
        [[np.cos(turn), -np.sin(turn), 38], [np.sin(turn), np.cos(turn), -14], [0, 0, 1]]
    )
    return counterstain, warp(both, moved.inverse, output_shape=both.shape[:2], fill=255)


def five_bands() -> list[np.ndarray]:
    """Return the bands of a camera with five lenses, which stand one above the other in a file."""
    return np.split(read_image(IMAGES / "bands.jpg"), BANDS)


def make_stains() -> None:
    """Write two stains side by side, and one laid on the other."""
    reference, moving = two_stains()
    result = align(reference, moving, model="affine").raise_if_not("aligned")
    write("start_stains", beside(reference, moving)[:400])
    there = warp(moving, result, like=reference)
    write(
        "start_stains_after", beside(overlay(reference, moving), overlay(reference, there))[:400]
    )


def make_film() -> None:
    """Write the mean of a film as it comes, beside a frame, and the mean of the aligned film."""
    film = drifting(cells())
    found = align_stack(film, reference="mean", model="euclidean")
    assert set(found.verdicts) == {"aligned"}
    still = warp_stack(film, found)
    write("start_film", beside(gray(film[0]), gray(film.mean(axis=0)))[:320])
    after = np.nan_to_num(np.asarray(still, np.float64)).mean(axis=0)
    write("start_film_after", beside(gray(film.mean(axis=0)), gray(after))[:320])


def make_volumes() -> None:
    """Write the brightest of two volumes in two colours, from above and from the side."""
    reference, moving = rounds()
    spacing = (2.5, 1, 1)
    result = align_volume(reference, moving, model="euclidean", spacing=spacing)
    assert result.verdict == "aligned", result.reason
    there = np.nan_to_num(warp_volume(moving, result))
    write("start_volumes", from_two_sides(reference, moving))
    write("start_volumes_after", from_two_sides(reference, there))


def from_two_sides(reference: np.ndarray, moving: np.ndarray) -> np.ndarray:
    """Return the brightest along z and along y, in two colours, three times as large."""
    views = []
    for axis, thick in ((0, 1), (1, 2.5)):
        seen = [gray(volume.max(axis=axis)) for volume in (reference, moving)]
        size = (360, round(3 * thick * seen[0].shape[0]))
        views.append(overlay(*(np.asarray(Image.fromarray(each).resize(size)) for each in seen)))
    return beside(*views)


def make_pages() -> None:
    """Write a part of a clean page and of its scan, side by side."""
    pair = sample("page")
    rows, columns = slice(150, 420), slice(250, 620)
    write("start_pages", beside(pair.reference[rows, columns], pair.moving[rows, columns]))


def make_bands() -> None:
    """Write the first three bands as a colour picture: as they come, and aligned."""
    bands = five_bands()
    aligned = []
    for band in bands:
        found = align(bands[1], band, model="auto", representation="orientation")
        # Of red the rows of plants are doubted, which all look alike.
        aligned.append(warp(band, found.raise_if_not("aligned", "doubtful"), like=bands[1]))
    write("start_bands", np.dstack([bands[2], bands[1], bands[0]]))
    write("start_bands_after", np.dstack([aligned[2], aligned[1], aligned[0]]))


def make_snap() -> None:
    """Write the moving picture: three exposures snap into a colour photograph, and blink."""
    pair = sample("cathedral")
    red, green, blue = pair.moving, pair.reference, pair.siblings["cathedral blue"]
    laid = [align(green, plate).raise_if_not("aligned").transform for plate in (red, blue)]
    frames, lengths = [], []
    for step in [0.0] * 8 + [*np.linspace(0, 1, STEPS)] + [1.0]:
        part = 3 * step**2 - 2 * step**3
        here = [between(transform, part) for transform in laid]
        first, last = (
            warp(plate, each, like=green, fill=0)
            for plate, each in zip((red, blue), here, strict=True)
        )
        frames.append(np.dstack([first, green, last]))
        lengths.append(FRAME_MS)
    lengths[-1] = 1500
    before, after = np.dstack([red, green, blue]), frames[-1]
    for _ in range(3):
        frames += [before, after]
        lengths += [BLINK_MS, BLINK_MS]
    lengths[-1] = 2000
    pictures = [Image.fromarray(frame[14:-14, 14:-14]) for frame in frames]
    pictures[0].save(
        IMAGES / "snap.webp",
        save_all=True,
        append_images=pictures[1:],
        duration=lengths,
        loop=0,
        quality=72,
        method=6,
    )


def between(transform: Transform, part: float) -> Transform:
    """Return a transform that goes only a part of the way from where the image lay."""
    return Transform(np.eye(3) + part * (transform.matrix - np.eye(3)))


def beside(*pictures: np.ndarray) -> np.ndarray:
    """Return pictures in colour side by side, with white between and below them."""
    height = max(picture.shape[0] for picture in pictures)
    row = []
    for picture in pictures:
        colour = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
        low = height - len(colour)
        row.append(np.pad(colour, ((0, low), (0, GAP), (0, 0)), constant_values=255))
    return np.hstack(row)[:, :-GAP]


def gray(image: np.ndarray) -> np.ndarray:
    """Return an image as 8 bits, from its darkest to its brightest but for a few pixels."""
    low, high = np.nanpercentile(image, (0.5, 99.7))
    return np.clip(255 * (image - low) / (high - low), 0, 255).astype(np.uint8)


def write(name: str, picture: np.ndarray) -> None:
    """Write a picture small enough to travel with the package."""
    image = Image.fromarray(picture)
    image.thumbnail((720, 720))
    image.save(IMAGES / f"{name}.jpg", quality=84, optimize=True)


if __name__ == "__main__":
    main()
