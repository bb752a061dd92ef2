"""The pages of docs/start: each runs as it stands on images of its kind, and ends as it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from skimage import data
from skimage.color import hed2rgb, rgb2hed
from tifffile import imread, imwrite

from docs_pages import DOCS, blocks, run
from napari_ecc_align import Transform, read_image, warp, write_image

PAGES = sorted(path.name for path in (DOCS / "start").glob("*.md"))
SCREEN = 45
"""Lines of text that a page may have at most."""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_one_screen_from_a_picture_to_a_picture(page):
    lines = (DOCS / "start" / page).read_text("utf-8").splitlines()
    assert len(lines) <= SCREEN
    assert lines[0].startswith("# Five minutes for ") and lines[2].startswith("![")
    assert sum(line.startswith("![") for line in lines) == 2
    assert "**In napari**" in "\n".join(lines)
    # Five statements of work, and what they import.
    (code,) = blocks(f"start/{page}")
    assert 3 <= sum("import" not in line for line in code.splitlines() if line) <= 5
    assert f"docs/start/{page}" in (DOCS.parent / "README.md").read_text("utf-8")[:4000]


def test_two_stains():
    both = data.immunohistochemistry()[100:400, 100:400]
    stains = rgb2hed(both)
    stains[..., 2] = 0
    write_image("counterstain.png", (hed2rgb(stains) * 255).astype(np.uint8))
    truth = Transform([[1, 0.03, 7], [-0.03, 1, -4]])
    write_image("brown.png", warp(both, truth.inverse, output_shape=both.shape[:2], fill=255))
    result = run("start/two-stains.md")["result"]
    assert result.aligned
    assert result.transform.corner_distance(truth, (300, 300)) < 0.5
    assert read_image("overlay.png").shape == both.shape


def test_a_film():
    camera = data.camera()
    film = [camera[100 + n : 260 + n, 100 - 2 * n : 260 - 2 * n] for n in range(8)]
    imwrite("film.tif", np.stack(film))
    found = run("start/film.md")["found"]
    assert found.verdicts == ["aligned"] * 8
    still = imread("still.tif").astype(float)[:, 20:-20, 20:-20]
    assert np.abs(still - still[0]).mean() < 2
    assert Path("drift.csv").exists()


def test_two_volumes():
    rng = np.random.default_rng(5)
    world = ndimage.gaussian_filter((rng.random((30, 80, 80)) > 0.997) * 90.0, (1, 2, 2))
    world = world.astype(np.float32)
    imwrite("round1.tif", world[4:26, 8:72, 8:72])
    imwrite("round2.tif", world[6:28, 5:69, 10:74])
    result = run("start/two-volumes.md")["result"]
    assert result.verdict == "aligned", result.reason
    assert result.transform.to_moving((30, 30, 10)) == pytest.approx((28, 33, 8), abs=0.1)
    assert imread("round2_aligned.tif").shape == (22, 64, 64)


def test_a_thousand_pages():
    coins = data.coins()
    for folder in ("ideal", "scan", "binary"):
        Path(folder).mkdir()
    for name, image in (("1.png", coins[13:253, 45:345]), ("2.png", np.zeros((240, 300), "u1"))):
        write_image(f"ideal/{name}", coins[10:250, 40:340])
        write_image(f"scan/{name}", image)
        write_image(f"binary/{name}", (image > 120).astype(np.uint8) * 255)
    names = run("start/thousand-pages.md")
    assert names["review"] == ["2.png"]
    assert {*read_image("aligned/binary/1.png").flat} <= {0, 255}
    assert Path("aligned/report.html").exists()


def test_five_bands():
    for n, band in enumerate(np.split(read_image(DOCS / "images" / "bands.jpg"), 5), 1):
        write_image(f"band_{n}.tif", band)
    names = run("start/five-bands.md")
    # On the photographs that the picture was made from: red to half a pixel, as all ways agree.
    assert sum(one.aligned for one in names["found"]) >= 4
    assert names["found"][2].transform.to_moving((240, 180)) == pytest.approx(
        (239.6, 178.9), abs=0.5
    )
    assert imread("cube.tif").shape == (5, 360, 480)
