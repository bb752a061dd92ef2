"""``ecc-align apply``: the transform of one flavour for its siblings."""

import numpy as np
import pytest
from processes import ecc_align, names_in, run_main
from scipy.ndimage import binary_erosion
from skimage import measure

from napari_ecc_align import Transform, save_transforms, warp
from napari_ecc_align._images.files.images import read_image, write_image


@pytest.fixture(scope="module")
def truth(page, tmp_path_factory):
    path = tmp_path_factory.mktemp("truth") / "truth.json"
    Transform(page.matrix).save(path)
    return path


def test_a_sibling_lands_on_the_reference(inputs, page, truth, tmp_path):
    out = tmp_path / "staffless.png"
    done = ecc_align(
        *("apply", truth, inputs / "staffless.tif", "--like", inputs / "page.png", "--out", out)
    )
    assert (done.code, done.err) == (0, "")
    assert done.out == f"Written to {out}\n"
    found = read_image(out)
    assert found.shape == page.reference.shape
    # Signs are black on the sibling's white; on the reference they are white. Of the pixels along
    # their edges, which take the value that covers more of them, some are on the other side.
    signs = found == 0
    assert set(np.unique(found)) == {0, 255}
    assert signs.sum() > 1000
    assert (page.reference[binary_erosion(signs)] == 255).mean() > 0.97
    assert (page.reference[signs] == 255).mean() > 0.85
    assert names_in(tmp_path) == ["staffless.png"]


def test_labels_stay_labels(inputs, page, truth, tmp_path):
    labels = np.where(page.binary == 0, 1000 + np.arange(page.binary.shape[1]) // 50, 0)
    labels = labels.astype(np.int32)
    write_image(tmp_path / "labels.tif", labels)
    done = run_main(
        *("apply", truth, tmp_path / "labels.tif", "--like", inputs / "page.png"),
        *("--out", tmp_path / "moved.tif", "--interpolation", "nearest", "--fill", "-1"),
    )
    assert done.code == 0
    found = read_image(tmp_path / "moved.tif")
    assert found.dtype == np.int32
    assert set(np.unique(found)) == {-1, *np.unique(labels)}


def test_labels_are_noticed_and_what_may_be_labels_is_told(inputs, tmp_path):
    photograph = read_image(inputs / "shifted.png")
    write_image(tmp_path / "labels.tif", measure.label(photograph > 150))
    write_image(tmp_path / "poster.png", photograph // 64 * 64)
    np.save(tmp_path / "turn.npy", [[1, 0.05, 3.3], [-0.05, 1, 2.2], [0, 0, 1]])
    said = {}
    for name in ("labels.tif", "poster.png"):
        done = run_main(
            *("apply", tmp_path / "turn.npy", tmp_path / name, "--like", inputs / "camera.png"),
            *("--out", tmp_path / f"moved_{name}"),
        )
        assert done.code == 0
        said[name] = done.out
    before, after = (read_image(tmp_path / name) for name in ("labels.tif", "moved_labels.tif"))
    assert set(np.unique(after)) <= set(np.unique(before))
    assert "may hold labels" in said["poster.png"] and "labels," not in said["labels.tif"]


def test_like_may_be_in_colour(inputs, tmp_path):
    done = run_main(
        *("apply", inputs / "slide.json", inputs / "shifted.png"),
        *("--like", inputs / "colour.png", "--out", tmp_path / "a.tif", "--fill", "7"),
    )
    assert done.code == 0
    expected = warp(
        read_image(inputs / "shifted.png"),
        Transform.load(inputs / "slide.json"),
        output_shape=(200, 240),
        fill=7,
    )
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), expected)


def test_an_output_is_replaced_only_when_asked(inputs, tmp_path):
    out = tmp_path / "a.png"
    out.write_bytes(b"precious")
    command = ("apply", inputs / "slide.json", inputs / "shifted.png")
    command += ("--like", inputs / "camera.png", "--out", out)
    assert "a.png exists; use --overwrite" in run_main(*command).complaint
    assert out.read_bytes() == b"precious"
    assert run_main(*command, "--overwrite").code == 0
    assert read_image(out).shape == (200, 240)


@pytest.mark.parametrize("name", ["slide.json", "shifted.png", "camera.png"])
def test_an_input_is_never_replaced(inputs, tmp_path, name):
    (tmp_path / "a.png").symlink_to(inputs / name)
    done = run_main(
        *("apply", inputs / "slide.json", inputs / "shifted.png", "--like", inputs / "camera.png"),
        *("--out", tmp_path / "a.png", "--overwrite"),
    )
    assert "is an input" in done.complaint


@pytest.mark.parametrize(
    ("out", "fill", "words"),
    [
        ("none/a.png", "0", "folder does not exist"),
        ("a.bmp", "0", "must end in"),
        ("a.png", "-1", "from 0 to 255"),
    ],
)
def test_refused(inputs, tmp_path, out, fill, words):
    done = run_main(
        *("apply", inputs / "slide.json", inputs / "shifted.png", "--like", inputs / "camera.png"),
        *("--out", tmp_path / out, "--fill", fill),
    )
    assert words in done.complaint
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("suffix", [".tfm", ".ome.json", ".csv", ".npy", ".txt"])
def test_a_transform_in_any_format_does_the_same(inputs, tmp_path, suffix):
    path = tmp_path / f"slide{suffix}"
    Transform.load(inputs / "slide.json").save(path)
    done = run_main(
        *("apply", path, inputs / "shifted.png", "--like", inputs / "camera.png"),
        *("--out", tmp_path / "a.png"),
    )
    assert done.code == 0
    expected = warp(
        read_image(inputs / "shifted.png"),
        Transform.load(inputs / "slide.json"),
        output_shape=(200, 240),
        fill="background",
    )
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), expected)


class TestManyImages:
    def test_each_in_the_folder_under_its_own_name(self, inputs, tmp_path):
        done = run_main(
            *("apply", inputs / "slide.json", inputs / "shifted.png", inputs / "green.jpg"),
            *(inputs / "staffless.tif", "--like", inputs / "camera.png"),
            *("--out", tmp_path / "new" / "warped"),
        )
        assert (done.code, done.err) == (0, "")
        names = ["green_aligned.png", "shifted_aligned.png", "staffless_aligned.tif"]
        assert names_in(tmp_path / "new" / "warped") == names
        said = ", ".join([names[1], names[0], names[2]])
        assert done.out == f"Written to {tmp_path / 'new' / 'warped'}: {said}\n"
        transform = Transform.load(inputs / "slide.json")
        expected = warp(read_image(inputs / "green.jpg"), transform, output_shape=(200, 240))
        found = read_image(tmp_path / "new" / "warped" / "green_aligned.png")
        np.testing.assert_array_equal(found, expected)

    @pytest.mark.parametrize(
        ("pattern", "name"),
        [("{name}_2", "shifted_2.png"), ("a {name}.tif", "a shifted.tif"), ("x.v2", "x.v2.png")],
    )
    def test_a_pattern_names_them(self, inputs, tmp_path, pattern, name):
        done = run_main(
            *("apply", inputs / "slide.json", inputs / "shifted.png"),
            *("--like", inputs / "camera.png", "--out", tmp_path, "--name", pattern),
        )
        assert done.code == 0
        assert names_in(tmp_path) == [name]

    def test_one_that_is_damaged_leaves_none(self, inputs, tmp_path):
        (tmp_path / "text.png").write_text("no image")
        done = run_main(
            *("apply", inputs / "slide.json", inputs / "shifted.png", tmp_path / "text.png"),
            *("--like", inputs / "camera.png", "--out", tmp_path / "a" / "b"),
        )
        assert "text.png is not a PNG" in done.complaint
        assert names_in(tmp_path) == ["text.png"]

    def test_the_inverse_goes_the_other_way(self, inputs, tmp_path):
        done = run_main(
            *("apply", inputs / "slide.json", inputs / "camera.png", "--inverse"),
            *("--like", inputs / "shifted.png", "--out", tmp_path / "a.png", "--fill", "0"),
        )
        assert done.code == 0
        inverse = Transform.load(inputs / "slide.json").inverse
        expected = warp(
            read_image(inputs / "camera.png"), inverse, output_shape=(200, 240), fill=0
        )
        np.testing.assert_array_equal(read_image(tmp_path / "a.png"), expected)

    def test_the_transforms_of_a_film_are_for_one_each(self, inputs, tmp_path):
        slide = Transform.load(inputs / "slide.json")
        save_transforms([slide, slide.inverse], tmp_path / "film.json")
        apply = "apply", tmp_path / "film.json", "--like", inputs / "camera.png", "--out", tmp_path
        images = inputs / "shifted.png", inputs / "coffee.png"
        assert "of 2 frames" in run_main(*apply, images[0]).complaint
        assert run_main(*apply, *images).code == 0
        for path, transform in zip(images, (slide, slide.inverse), strict=True):
            expected = warp(read_image(path), transform, output_shape=(200, 240))
            found = read_image(tmp_path / f"{path.stem}_aligned.png")
            np.testing.assert_array_equal(found, expected)
