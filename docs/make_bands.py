"""Make bands.jpg, the picture that the page on five bands begins with, from a camera's own files.

    python docs/make_bands.py FOLDER

FOLDER holds ``IMG_0001_1.tif`` to ``IMG_0001_5.tif`` of ``0000SET/000`` in MicaSense's image
processing tutorials (MIT licence, see docs/licences.md), which their repository and its copies on
GitHub carry under ``data``. The bands are halved, cropped around the car, stretched to 8 bits, and
stand one above the other.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from napari_ecc_align import read_image

PICTURE = Path(__file__).resolve().parent / "images" / "bands.jpg"
BANDS = 5
ROWS, COLUMNS = slice(20, 380), slice(80, 560)
# All but the glints on the car.
DARK, BRIGHT = 0.2, 99.8
QUALITY = 88


def main(folder: Path) -> None:
    """Write the picture from the files in a folder."""
    bands = [shown(read_image(folder / f"IMG_0001_{n}.tif")) for n in range(1, BANDS + 1)]
    Image.fromarray(np.vstack(bands)).save(PICTURE, quality=QUALITY)


def shown(band: np.ndarray) -> np.ndarray:
    """Return a band as its part of the picture."""
    height, width = band.shape
    half = band.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))[ROWS, COLUMNS]
    low, high = np.percentile(half, (DARK, BRIGHT))
    stretched = np.clip((half - low) / (high - low), 0, 1) * 255
    return np.round(stretched).astype(np.uint8)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
