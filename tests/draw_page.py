"""Draw the sample page anew, into the files that the package ships.

To be run after a change of `music`::

    python tests/draw_page.py
"""

from __future__ import annotations

import io
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from music.page import Page, make_page


def images_of(page: Page) -> dict[str, NDArray[np.generic]]:
    """Return what is shipped of a page, by file name.

    The gray scan and the binary one come from the ink: the noise of a scan cannot be compressed.
    """
    return {
        "page.png": page.reference == 255,
        "page_scan_ink.png": np.rint(page.ink * 255).astype(np.uint8),
        "page_scan_staffless.png": page.staffless == 255,
    }


def main() -> None:
    """Write the files and print the matrix, which stands in the package's code."""
    page = make_page()
    folder = Path(str(files("napari_ecc_align._images.samples").joinpath("data")))
    for name, image in images_of(page).items():
        memory = io.BytesIO()
        Image.fromarray(image).save(memory, "PNG", optimize=True)
        folder.joinpath(name).write_bytes(memory.getvalue())
    print(page.matrix.tolist(), "space", page.space)


if __name__ == "__main__":
    main()
