"""``ecc-align demo`` on a machine without a display."""

import re

import pytest
from processes import ecc_align, names_in, run_main

from napari_ecc_align import Transform
from napari_ecc_align._cli.demo import why_no_gui
from napari_ecc_align._images.samples import sample_names


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The demo of every sample, one after the other in one folder; the first by default."""
    folder = tmp_path_factory.mktemp("demo")
    first, *others = sample_names()
    runs = {first: ecc_align("demo", cwd=folder)}
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("DISPLAY", "WAYLAND_DISPLAY"):
            patch.delenv(variable, raising=False)
        for name in others:
            runs[name] = run_main("demo", "--sample", name, cwd=folder)
    return folder, runs


@pytest.mark.parametrize("name", sample_names())
def test_each_sample_without_a_display(runs, name):
    folder, finished = runs
    done = finished[name]
    # Tissue bends.
    verdict = "doubtful" if name == "lung" else "aligned"
    assert (done.code, done.err) == (int(verdict != "aligned"), "")
    lines = done.out.splitlines()
    assert lines[0] == "There is no display: aligning without napari's window."
    assert lines[2].startswith(f"{verdict}: ")
    assert lines[3].split() == ["before", "after"]
    before, after = (int(n.replace(",", "")) for n in re.findall(r"[\d,]+", lines[4]))
    assert after < before
    number = sample_names().index(name) + 1
    written = folder / ("ecc-align-demo" if number == 1 else f"ecc-align-demo-{number}")
    assert lines[-1].startswith(f"Written to {written}: ")
    assert names_in(written) == [
        f"{name}_aligned.png",
        f"{name}_binary_difference.png",
        f"{name}_difference.tif",
        f"{name}_transform.json",
    ]
    Transform.load(written / f"{name}_transform.json")


def test_every_run_has_a_folder_of_its_own(runs):
    assert len(names_in(runs[0])) == len(sample_names())


def test_earlier_results_in_a_named_folder_are_kept(tmp_path):
    (tmp_path / "page_transform.json").write_text("precious")
    done = run_main("demo", "--out", tmp_path)
    assert "page_transform.json exists; use --overwrite" in done.complaint
    assert names_in(tmp_path) == ["page_transform.json"]


@pytest.mark.parametrize("display", ["", ":987"])
def test_a_display_that_is_not_there(monkeypatch, display):
    for name in ("WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPLAY", display)
    assert why_no_gui()
