import cv2
import numpy as np
import pytest
from skimage import data

from napari_ecc_align import Transform, align
from napari_ecc_align._align.field_of_view import field_of_view
from napari_ecc_align._images.pyramid.halving import image_pyramid
from napari_ecc_align._transform.coordinates import shift
from pairs import known_pair, picture, random_transform

SHAPE = (300, 320)


def disk(shape=SHAPE, radius=140):
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return np.hypot(rows - shape[0] / 2, columns - shape[1] / 2) < radius


def in_a_round_field(image, outside=6):
    """Show an image through a round aperture with a soft edge."""
    weight = cv2.GaussianBlur(disk(image.shape).astype(np.float64), (0, 0), 1.5)
    noise = np.random.default_rng(1).normal(0, 0.5, image.shape)
    return np.clip(weight * image + (1 - weight) * outside + noise, 0, 255).astype(np.uint8)


def found_in(image):
    return field_of_view(image_pyramid(image)[0], image.shape)


def test_a_round_field_is_found_and_its_soft_edge_left_out():
    view = found_in(in_a_round_field(picture("camera")[:300, :320]))
    field, around = view.inside, view.around
    assert not (around & field).any()
    assert (around & ~disk()).sum() > 0.8 * (~disk()).sum()
    assert field.dtype == bool
    assert field.shape == SHAPE
    assert not (field & ~disk(radius=139)).any()
    assert field.sum() > 0.85 * disk().sum()


def test_a_coarse_level_tells_the_same_within_its_pixels():
    image = in_a_round_field(picture("camera")[:300, :320])
    coarse = field_of_view(image_pyramid(image)[1], image.shape).inside
    assert not (coarse & ~disk(radius=140)).any()
    assert coarse.sum() > 0.75 * disk().sum()


@pytest.mark.parametrize(
    "image",
    [
        data.camera(),
        data.page(),
        data.coins(),
        255 - data.page(),
        data.text(),
        np.full((100, 100), 7, np.uint8),
        np.eye(100, dtype=np.uint8) * 255,
        data.hubble_deep_field()[..., 0],
    ],
    ids=["photo", "page", "coins", "negative", "text", "constant", "line", "stars"],
)
def test_what_has_no_surround_is_left_whole(image):
    assert found_in(image) is None


@pytest.mark.parametrize(("name", "size"), [("camera", 20.0), ("astronaut", 4.0)])
def test_what_moves_inside_a_field_that_stays_is_aligned(name, size):
    truth = random_transform(int(size), "euclidean", SHAPE, size=size)
    pair = known_pair(name, truth, shape=SHAPE)
    # So dim that the edge of the field, which does not move, is by far the strongest.
    reference, moving = (
        in_a_round_field(97 + 0.1 * image) for image in (pair.reference, pair.moving)
    )
    result = align(reference, moving, model="euclidean", representation="intensity")
    assert result.verdict == "aligned", result.reason
    assert result.reason.startswith("Without the flat surround: ")
    assert pair.error_of(result.transform) < 4 * result.corner_uncertainty
    # The direction of edges, of which the field's is but one, does not even need that.
    asked = align(reference, moving, model="euclidean")
    assert asked.verdict == "aligned", asked.reason
    assert pair.error_of(asked.transform) < 4 * asked.corner_uncertainty


def test_different_things_in_the_same_field_are_not_aligned():
    first, second = (
        in_a_round_field(picture(name)[:300, :320]) for name in ("camera", "astronaut")
    )
    assert align(first, second, model="euclidean").verdict == "failed"


@pytest.mark.parametrize(("noise", "top"), [(0.5, 345), (1.2, 330)])
def test_a_bar_below_a_scene_that_moved_is_no_field_of_view(noise, top):
    """So dim a scene is as flat as a surround: what the bar says of it is wrong."""
    shape = 420, 314
    pair = known_pair("moon", Transform(shift(2.9, -5.5)), shape=shape)
    rng, written = np.random.default_rng(0), np.zeros(shape, np.uint8)
    for row in range(top + 20, shape[0] - 3, 26):
        text = "HV 5.0 kV WD 8 mm 2500x"
        cv2.putText(written, text, (4, row), cv2.FONT_HERSHEY_SIMPLEX, 0.55, 255, 2, cv2.LINE_AA)
    images = []
    for image in (pair.reference, pair.moving):
        dim = 180 + 0.05 * (image - pair.reference.mean()) + rng.normal(0, noise, shape)
        dim[top:] = written[top:]
        images.append(np.clip(np.rint(dim), 0, 255).astype(np.uint8))
    result = align(*images, model="euclidean")
    assert not result.aligned or pair.error_of(result.transform) < 1, result.reason
    assert result.reason.endswith("But what lies around it moved otherwise.")


def test_masks_still_count_where_the_surround_is_left_out():
    truth = random_transform(4, "euclidean", SHAPE, size=4.0)
    pair = known_pair("camera", truth, shape=SHAPE)
    reference, moving = (
        in_a_round_field(97 + 0.1 * image) for image in (pair.reference, pair.moving)
    )
    reference[40:120, 120:200] = 255
    mask = np.ones(SHAPE, bool)
    mask[36:124, 116:204] = False
    result = align(reference, moving, model="euclidean", reference_mask=mask)
    assert result.verdict == "aligned", result.reason
    assert pair.error_of(result.transform) < 4 * result.corner_uncertainty


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_an_image_that_lies_column_by_column_in_memory_is_as_good(dtype):
    rng = np.random.default_rng(1)
    rows, columns = np.indices((200, 200))
    field = (rows - 100) ** 2 + (columns - 100) ** 2 < 90**2
    image = cv2.GaussianBlur(rng.random((200, 200)), (0, 0), 2) * 255 * field
    image = image.astype(dtype)
    straight = align(image, np.roll(image, 3, 0))
    turned = align(np.asfortranarray(image), np.asfortranarray(np.roll(image, 3, 0)))
    assert turned.verdict == straight.verdict
    assert np.array_equal(turned.transform.matrix, straight.transform.matrix)
