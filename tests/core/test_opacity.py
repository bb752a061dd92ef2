"""Drawings on a transparent ground are aligned and compared as a viewer shows them on paper."""

import cv2
import dask.array as da
import numpy as np
import pytest
from PIL import Image, ImageDraw
from skimage.data import astronaut

from napari_ecc_align import align, compare, inspect_alignment, read_image
from napari_ecc_align._images.limits import LIMITS
from napari_ecc_align._images.opacity import flattened, is_opacity
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


def infrared(lowest=50, highest=100, blur=0.0):
    """NASA's astronaut and a band that is 0 in some percent of the pixels, saturated in others."""
    colours = astronaut()
    band = cv2.GaussianBlur(colours[..., 0], (0, 0), blur) if blur else colours[..., 0]
    black, white = np.percentile(band, [lowest, highest])
    band = np.clip((band.astype(float) - black) / (white - black), 0, 1) * 255
    return np.dstack([colours, np.rint(band).astype(np.uint8)])


BANDS = {
    "8 bit": infrared(),
    "saturated": infrared(20, 60),
    "blurred": infrared(20, blur=1),
    "16 bit of which 12 are used": (infrared().astype(np.uint16) << 4),
    "reflectance": (infrared() / 255 * 0.6).astype(np.float32),
    "signed": infrared().astype(np.int16),
    "turned": infrared().transpose(1, 0, 2),
    "unused": infrared() * np.array([1, 1, 1, 0], np.uint8),
    "some of it without data": np.where(
        np.arange(512)[:, None, None] < 80, np.nan, infrared() / 255
    ),
}


@pytest.mark.parametrize("kind", BANDS)
def test_a_band_is_no_opacity(kind):
    """It is judged, and compared, as the colours are."""
    image = BANDS[kind]
    reference, moving = image[40:440, 30:470], image[52:452, 37:477]
    assert np.shares_memory(flattened(reference), reference)
    assert flattened(reference).shape == (400, 440, 3)
    found, expected = (
        align(reference[..., :n], moving[..., :n], model="translation") for n in (4, 3)
    )
    assert found.aligned, found.reason
    np.testing.assert_array_equal(found.transform.matrix, expected.transform.matrix)
    assert found.reason == expected.reason
    seen, colours = (compare(reference[..., :n], reference[..., :n]).compared for n in (4, 3))
    assert seen == colours > 0


@pytest.mark.parametrize("levels", [1, 3])
def test_a_band_of_a_lazy_image_is_no_opacity(levels, monkeypatch):
    monkeypatch.setattr(LIMITS, "small_pixels", 1000)
    monkeypatch.setattr(LIMITS, "small_bytes", 1000)
    image = infrared()
    parts = image[40:440, 30:470], image[52:452, 37:477]

    def lazy(n):
        return [
            [da.from_array(part[:: 2**k, :: 2**k, :n], chunks=128) for k in range(levels)]
            for part in parts
        ]

    found, expected = (align(*lazy(n), model="translation") for n in (4, 3))
    assert expected.aligned, expected.reason
    np.testing.assert_allclose(found.transform.matrix, expected.transform.matrix, atol=1e-6)
    assert found.reason == expected.reason


def soft_edge(image):
    """A vignette: opacity falls from the middle to nothing at the border."""
    y, x = (np.linspace(-1, 1, length) for length in image.shape[:2])
    return np.clip(1.3 - np.hypot(y[:, None], x), 0, 1)


def test_opacity_stays_opacity():
    """Even, with a smooth edge, cut out pixel by pixel, dithered: it hides what it hides."""
    colours = astronaut()
    rng = np.random.default_rng(0)
    cut = (cv2.GaussianBlur(colours[..., 1], (0, 0), 5) > 120) * 1.0
    kinds = {
        "opaque": np.ones((512, 512)),
        "half": np.full((512, 512), 0.5),
        "soft": soft_edge(colours),
        "cut out": cut,
        "cut out smoothly": cv2.GaussianBlur(cut, (0, 0), 0.7),
        "dithered": (rng.random((512, 512)) < soft_edge(colours)) * 1.0,
    }
    for kind, opacity in kinds.items():
        for image in (
            np.dstack([colours, np.rint(opacity * 255)]).astype(np.uint8),
            np.dstack([colours / 255, opacity]),
        ):
            assert is_opacity(image), kind
            assert is_opacity(image[100:140]), kind
    nothing = np.zeros((64, 64, 4), np.uint8)
    assert is_opacity(nothing)
    assert is_opacity(np.zeros((0, 8, 4)))
