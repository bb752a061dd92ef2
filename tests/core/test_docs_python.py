"""The pages of docs/python, each run as it stands there, and held to what it promises."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE, OutputChecker
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from skimage import data

from docs_pages import README, WORKFLOWS, run, script
from napari_ecc_align import Batch, Transform, read_image

Names = dict[str, Any]
INNER = (..., slice(20, -20), slice(20, -20))


def unlike(warped: Any, reference: Any) -> float:
    """Return the mean difference away from the border, where images do not overlap."""
    gap = np.abs(np.asarray(warped, float) - np.asarray(reference, float))
    return float(gap[INNER].mean())


def shift(parts: Any) -> Any:
    return pytest.approx((parts.x, parts.y), abs=0.02)


def check_readme(names: Names) -> None:
    result, seen = names["result"], names["seen"]
    assert Transform.load("transform.json") == result.transform
    assert seen.after.different < 0.8 * seen.before.different
    assert names["row"]["corner_uncertainty"] == result.corner_uncertainty < 0.33
    assert np.array_equal(names["warped"], seen.warped)


def check_pair(names: Names) -> None:
    result, seen = names["result"], names["seen"]
    # The two numbers of the page's line, and that the rest is in the units that it says.
    assert shift(result.parts()) == (10.52, -19.34)
    assert names["row"]["different"] == seen.after.different < seen.before.different / 3
    point = result.transform.to_moving((100, 50)) * 0.65
    assert names["in_um"].to_moving((65.0, 32.5)) == pytest.approx(point)
    assert Transform.load("sections_um.tfm").matrix == pytest.approx(names["in_um"].matrix)
    assert np.array_equal(read_image("warped.png"), seen.warped)
    # Of half the pixels both ways, the same in micrometres.
    scaled = names["scaled"].transform.in_units(0.65, 1.3)
    assert scaled.corner_distance(names["in_um"], (520, 520)) < 0.2


def check_rounds(names: Names) -> None:
    rounds, found = names["rounds"], names["found"]
    assert rounds.shape == names["registered"].shape == (4, 3, 240, 300)
    assert found.verdicts == ["aligned"] * 4
    for n, result in enumerate(found):
        assert (5 * n, -4 * n) == shift(result.parts())
        assert unlike(names["registered"][n], rounds[0]) < 1
    labels, here = names["labels"], names["labels_here"]
    assert here.dtype == labels.dtype and {*here.flat} <= {*labels.flat}
    assert np.array_equal(here[8:, :-10], labels[:-8, 10:])
    assert names["spots_here"] - names["spots"] == pytest.approx(
        np.tile((-10.0, 8.0), (len(names["spots"]), 1)), abs=0.05
    )


def check_film(names: Names) -> None:
    found, drift = names["found"], names["drift"]
    assert found.gaps == [] and found.verdicts == ["aligned"] * 6
    assert drift["x"] == pytest.approx(np.arange(6), abs=0.03)
    assert drift["y"] == pytest.approx(-2 * np.arange(6), abs=0.03)
    assert isinstance(names["film"], zarr.Array) and hasattr(names["still"], "compute")
    still, film = zarr.open_array("still.zarr", mode="r"), names["film"]
    assert still.shape == film.shape and still.dtype == film.dtype
    assert all(unlike(still[n], film[0]) < 1 for n in range(6))
    with Path("drift.csv").open(newline="") as file:
        assert [row["verdict"] for row in csv.DictReader(file)] == found.verdicts


def check_dataset(names: Names) -> None:
    outcomes = dict(zip(names["table"]["name"], names["table"]["outcome"], strict=True))
    assert outcomes == {"0.png": "passed through", "1.png": "aligned", "2.png": "failed"}
    assert names["table"]["x"][1] == pytest.approx(-2, abs=0.02)
    records = Batch.open("out").records()
    assert records["2.png"].review.note == "from the stage"
    assert records["1.png"].transform.model == "euclidean"
    assert unlike(names["warped"], read_image("fixed/1.png")) < 1
    labels = read_image("segmented/1.png")
    assert {*names["labels"].flat} <= {*labels.flat}
    assert np.array_equal(names["labels"][3:, 2:], labels[:-3, :-2])


def check_scikit_image(names: Names) -> None:
    reference, result = names["reference"], names["result"]
    assert result.aligned and shift(result.parts()) == (-5, 3)
    assert names["start"].params[:2, 2] == pytest.approx((-5, 3))
    assert names["tform"].params == pytest.approx(result.transform.matrix)
    assert unlike(names["warped"], reference) < 0.5 > unlike(names["theirs"], reference)
    assert names["warped"].dtype == reference.dtype
    assert names["similarity"][INNER].mean() > 0.99


def check_simpleitk(names: Names) -> None:
    import SimpleITK as sitk

    camera, parts = data.camera()[100:300, 100:350], names["in_mm"].parts()
    assert (parts.x, parts.y) == pytest.approx((-2.5, 0.75), abs=0.01)
    # ITK cuts off what is behind the point.
    assert unlike(sitk.GetArrayFromImage(names["warped"]), camera) < 1
    for point in ((0.0, 0.0), (100.0, 40.0)):
        there = names["tfm"].TransformPoint(point)
        assert names["again"].TransformPoint(point) == pytest.approx(there)
    assert names["in_pixels"].parts()[:2] == pytest.approx((-4, 4))
    assert shift(names["refined"].parts()) == (-5, 3)


def check_scipy(names: Names) -> None:
    reference, result = names["reference"], names["result"]
    assert shift(result.parts()) == (5, -4)
    for warped in (names["theirs"], names["warped"], names["planes"][0]):
        assert unlike(warped, reference) < 0.5
    assert unlike(names["planes"][2], 255 - reference) < 0.5
    moved = names["there"] - names["centers"]
    assert moved == pytest.approx(np.tile((4.0, -5.0), (len(moved), 1)), abs=0.05)
    assert {*names["labels_here"].flat} <= {*names["labels"].flat}
    assert np.array_equal((names["labels_here"] > 0)[INNER], (reference > 120)[INNER])
    assert len(names["means"]) < names["count"] and (names["means"] > 100).all()


def check_napari(names: Names) -> None:
    moving, reference = names["moving"], names["reference"]
    # The same thing is at the same place of the world: five columns and three rows apart.
    for row, column in ((3, 0), (100, 120)):
        world = moving.data_to_world((row, column))
        assert world == pytest.approx(reference.data_to_world((row - 3, column + 5)), abs=0.01)
        assert names["spots"].data_to_world((row, column)) == pytest.approx(world)
    assert unlike(names["warped"].data, reference.data) < 0.5
    assert names["here"] == pytest.approx(np.array([[50, 30], [127, 175]]), abs=0.02)
    shown = names["viewer"].layers["spots of reference"].extent.world
    assert shown == pytest.approx(names["spots"].extent.world, abs=0.02)


def check_judge(names: Names) -> None:
    assert names["found"][:, 2] == pytest.approx((-5, 3), abs=0.1)
    assert names["wrong"].transform == Transform([[1, 0, -3], [0, 1, 3]])
    # Of the wrong frame, and of no other.
    assert names["n"] == 3 and names["result"].aligned
    assert unlike(names["warped"], names["reference"]) < 0.5


def check_volume(names: Names) -> None:
    result = names["result"]
    inner = (slice(6, -6), slice(12, -12), slice(12, -12))
    aligned = np.corrcoef(names["warped"][inner].ravel(), names["reference"][inner].ravel())
    assert aligned[0, 1] > 0.97
    # The affine of the layer leads back from the moving volume, in lengths.
    z, y, x = names["affine"][:3] @ [2 * 14.0, 35, 35, 1]
    assert result.transform.to_reference((35, 35, 14)) == pytest.approx((x, y, z / 2))


def check_bending(names: Names) -> None:
    result, field = names["result"], names["field"]
    assert names["affine"].placed and result.found
    assert names["back"] == pytest.approx(np.array([(400, 400), (20, 20)]), abs=1e-4)
    assert names["after"].mean_difference < 0.9 * names["before"].mean_difference
    assert 0.1 < names["known"].mean() <= 1
    assert names["again"]((100, 100)) == pytest.approx(field((100, 100)))


def check_saving(names: Names) -> None:
    shift_of, images, results = names["shift_of"], names["images"], names["results"]
    for n, image in enumerate(images):
        assert shift_of(names["reference"], image) == pytest.approx((n, -n), abs=0.02)
    assert shift_of(names["reference"], np.zeros((200, 250))) is None
    assert [one.transform for one in names["again"]] == [one.transform for one in results]
    assert names["kept"] == [one.transform for one in results]
    assert names["table"][2]["x"] == results[2].parts().x


CHECKS: dict[str, Callable[[Names], None]] = {
    {"scikit_image": "scikit-image", "readme": "README"}.get(name[6:], name[6:]): check
    for name, check in list(globals().items())
    if name.startswith("check_")
}


# What a page says that a line prints, if it says nothing more.
SAID = re.compile(
    r"^print\(.*\)  # "
    r"(aligned.*|failed.*|The tiles.*|\d+ frames .*|\[.*|\(.*|Transform.*|Parts.*)$",
    re.M,
)


@pytest.mark.parametrize("page", [README, *WORKFLOWS], ids=lambda page: page.stem)
def test_the_page_does_what_it_says(
    page: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    names = run(page)
    printed, same = capsys.readouterr().out.splitlines(), OutputChecker().check_output
    for line in SAID.findall(script(page)):
        assert any(same(line, got, ELLIPSIS | NORMALIZE_WHITESPACE) for got in printed), line
    CHECKS[page.stem](names)


def test_every_page_is_found_from_the_readme() -> None:
    readme = README.read_text(encoding="utf-8")
    assert {page.stem for page in WORKFLOWS} == {*CHECKS} - {"README"}
    assert len(WORKFLOWS) == 12
    for page in WORKFLOWS:
        assert f"(docs/python/{page.name})" in readme, page.name
        assert page.read_text(encoding="utf-8").split("\n\n")[1].startswith("You ")
