"""Drawings on a transparent ground are aligned and compared as a viewer shows them on paper."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from napari_ecc_align import align, compare, inspect_alignment, read_image
from napari_ecc_align._images.opacity import flattened
from pairs import picture

TRUTH = [[1, 0, 7], [0, 1, -4]]
BLACK, WHITE, RED, BLUE = (0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 0, 255)


def drawing(dx=0, dy=0, inks=(BLACK,), ground=BLACK, smooth=1):
    """Outlines of one ink or several on nothing, drawn larger and shrunk if they are smooth."""
    size = 420 * smooth, 300 * smooth
    image = Image.new("RGBA", size, (*ground, 0))
    draw, rng = ImageDraw.Draw(image), np.random.default_rng(0)
    for number in range(25):
        x, y, w, h = (int(rng.integers(8, most)) * smooth for most in (360, 240, 60, 60))
        x, y = x + dx * smooth, y + dy * smooth
        shape = draw.rectangle if number % 2 else draw.ellipse
        ink = (*inks[number % len(inks)], 255)
        shape([x, y, x + w, y + h], outline=ink, width=3 * smooth)
    return np.array(image.resize((420, 300), Image.Resampling.BOX))


def soft(image):
    """A picture of black pixels alone: how dark it is, is in their opacity."""
    return np.dstack([np.zeros((*image.shape, 3), np.uint8), 255 - image])


KINDS = {
    "black": {},
    "black and smooth": {"smooth": 4},
    "white on nothing": {"inks": (WHITE,)},
    "red on transparent white": {"inks": (RED,), "ground": WHITE, "smooth": 2},
    "two inks": {"inks": (BLACK, RED)},
    "inks of one brightness": {"inks": (RED, BLUE), "ground": WHITE},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_drawing_in_opacity_is_aligned(kind):
    reference, moving = drawing(**KINDS[kind]), drawing(7, -4, **KINDS[kind])
    result = align(reference, moving, model="translation")
    assert result.aligned, result.reason
    assert result.transform.corner_distance(TRUTH, (300, 420)) < 0.1
    seen = inspect_alignment(reference, moving, result)
    assert seen.warped.shape == (300, 420, 4)
    assert seen.after.different < 0.02 * seen.before.different
    assert seen.after.compared > 0.9 * 300 * 420


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_opacity_by_degrees(dtype):
    image = np.rint(picture("camera")).astype(np.uint8)
    top = 1 if dtype is np.float32 else np.iinfo(dtype).max
    parts = [
        (soft(part) / 255 * top).astype(dtype)
        for part in (image[20:220, 20:260], image[16:216, 27:267])
    ]
    result = align(*parts, model="translation")
    assert result.aligned
    assert result.transform.corner_distance([[1, 0, -7], [0, 1, 4]], (200, 240)) < 0.1
    np.testing.assert_allclose(flattened(parts[0]), image[20:220, 20:260] / 255 * top, atol=1)
    assert flattened(parts[0]).dtype == dtype


def test_a_file_of_gray_and_opacity(tmp_path):
    for name, shift in (("a", (0, 0)), ("b", (7, -4))):
        rgba = drawing(*shift)
        Image.fromarray(rgba[..., [0, 3]]).save(tmp_path / f"{name}.png")
    result = align(*(read_image(tmp_path / f"{name}.png") for name in "ab"), model="translation")
    assert result.aligned
    assert result.transform.corner_distance(TRUTH, (300, 420)) < 0.1


def test_it_fits_what_is_drawn_on_paper():
    on_paper = Image.new("RGBA", (420, 300), "white")
    on_paper.alpha_composite(Image.fromarray(drawing(smooth=2)))
    paper = np.asarray(on_paper.convert("L"))
    assert compare(paper, drawing(smooth=2)).different == 0
    np.testing.assert_array_equal(flattened(drawing(smooth=2)), paper)


def test_what_opacity_hides_is_no_picture():
    """A photograph with a transparent surround, and one without, stay what they are."""
    colours = np.dstack([np.rint(picture("camera")).astype(np.uint8)] * 3)
    for opacity in (255, 0):
        image = np.dstack([colours, np.full(colours.shape[:2], 255)]).astype(np.uint8)
        image[:, :60, 3] = opacity
        assert flattened(image) is image
    masked = np.ma.array(drawing(), mask=np.zeros((300, 420, 4), bool))
    masked[:30] = np.ma.masked
    found = flattened(masked)
    assert found.shape == (300, 420)
    assert found.mask[:30].all()
    assert not found.mask[30:].any()
