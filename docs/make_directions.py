"""Draw docs/images/directions.png from the code of docs/directions.md.

python docs/make_directions.py
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from napari_ecc_align import Transform, warp

DOCS = Path(__file__).resolve().parent
ZOOM, GAP, HEAD = 5, 90, 46
INK, ARROW, PAPER = "#222222", "#d1480f", "#ffffff"
POINTS = [(16, 8), (33, 24)]
FONT, SMALL = ImageFont.load_default(20), ImageFont.load_default(16)


def main() -> None:
    """Write the picture."""
    page = (DOCS / "directions.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    exec(re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0], names)
    reference, moving, transform = names["reference"], names["moving"], names["transform"]

    width = ZOOM * (reference.shape[1] + moving.shape[1]) + 3 * GAP
    picture = Image.new("RGB", (width, HEAD * 3 + ZOOM * (moving.shape[0] + 26) + 40), PAPER)
    draw = ImageDraw.Draw(picture)
    left, right = (GAP, HEAD + 24), (2 * GAP + ZOOM * reference.shape[1], HEAD + 24)
    panel(picture, reference, left, "reference", "y")
    panel(picture, moving, right, "moving", "y")
    for point in POINTS:
        arrow(draw, place(point, left), place(transform(point), right))
    for point, origin in ((POINTS[0], left), (transform(POINTS[0]), right)):
        x, y = place(point, origin)
        label = f"({point[0]:.4g}, {point[1]:.4g})"
        draw.text((x - 8, y - 4), label, ARROW, SMALL, anchor="rb")
    mistakes(picture, reference, moving, transform)
    picture.quantize(32).save(DOCS / "images" / "directions.png", optimize=True)


def mistakes(
    picture: Image.Image,
    reference: NDArray[np.uint8],
    moving: NDArray[np.uint8],
    transform: Transform,
) -> None:
    """Draw what is right, and what comes of the wrong direction and the wrong axis order."""
    swap = Transform([[0, 1, 0], [1, 0, 0]])
    turned = swap @ transform @ swap
    drawn = {
        "right": transform,
        "inverse": transform.inverse,
        "axes swapped": turned,
        "both mistakes": turned.inverse,
    }
    top = HEAD * 2 + 40 + ZOOM * moving.shape[0]
    step = (picture.width - GAP) / len(drawn)
    for number, (label, by) in enumerate(drawn.items()):
        image = warp(moving, by, output_shape=reference.shape, interpolation="linear", fill=0)
        at = (round(GAP / 2 + number * step), top)
        panel(picture, image, at, label, "", 0.5)


def panel(
    picture: Image.Image,
    image: NDArray[np.uint8],
    origin: tuple[int, int],
    title: str,
    axis: str,
    size: float = 1.0,
) -> None:
    """Draw an image with a title and, if it is to have them, its axes."""
    height, width = (round(ZOOM * size * side) for side in image.shape)
    shown = Image.fromarray(255 - image // 5 * 4).resize((width, height), Image.Resampling.NEAREST)
    picture.paste(shown, origin)
    draw = ImageDraw.Draw(picture)
    x, y = origin
    draw.rectangle((x - 1, y - 1, x + width, y + height), outline=INK)
    middle = x + width / 2
    draw.text((middle, y - 8), title, INK, FONT, anchor="ms")
    if axis:
        arrow(draw, (x - 14, y), (x - 14, y + 90), INK)
        arrow(draw, (x, y - 14), (x + 90, y - 14), INK)
        draw.text((x - 22, y + 45), "y (row)", INK, SMALL, anchor="rm")
        draw.text((x + 96, y - 14), "x", INK, SMALL, anchor="lm")


def place(point: Any, origin: tuple[int, int]) -> tuple[float, float]:
    """Return where the centre of a pixel (x, y) is drawn."""
    return origin[0] + ZOOM * (point[0] + 0.5), origin[1] + ZOOM * (point[1] + 0.5)


def arrow(
    draw: ImageDraw.ImageDraw,
    start: tuple[float, float],
    end: tuple[float, float],
    color: str = ARROW,
) -> None:
    """Draw an arrow."""
    draw.line((start, end), color, 3)
    tip, along = np.array(end), np.subtract(end, start) / np.hypot(*np.subtract(end, start))
    across = np.array([-along[1], along[0]])
    wings = [tip - 12 * along + side * 6 * across for side in (-1, 1)]
    draw.polygon([tuple(corner) for corner in (tip, *wings)], color)


if __name__ == "__main__":
    main()
