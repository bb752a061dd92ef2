"""What the results of a stack say together."""

import csv

import numpy as np
import pandas as pd
import pytest

from napari_ecc_align import (
    AlignmentResult,
    InputError,
    StackResult,
    Transform,
    load_transforms,
    save_transforms,
)
from napari_ecc_align._common.tables import RESULT_KEYS

SHAPE = (100, 200)


def result(x=0.0, verdict="aligned", reason="It is so."):
    return AlignmentResult(Transform([[1, 0, x], [0, 1, -x / 2]]), verdict, reason, SHAPE)


@pytest.fixture
def film():
    """Six frames that drift; two of them could not be aligned."""
    verdicts = ["aligned", "aligned", "failed", "aligned", "doubtful", "cancelled"]
    return StackResult(
        tuple(result(2.0 * at, verdict) for at, verdict in enumerate(verdicts)), "first"
    )


def test_it_is_a_sequence_whose_slices_are_stacks(film):
    assert len(film) == 6
    assert film[-1].verdict == "cancelled"
    part = film[1:4]
    assert isinstance(part, StackResult)
    assert part.verdicts == ["aligned", "failed", "aligned"]
    assert part.reference == "first"
    assert part.to_dict()["frame"].tolist() == [1, 2, 3]
    assert part.gaps == [2]
    assert film[::-1].to_dict()["frame"].tolist() == [5, 4, 3, 2, 1, 0]
    assert film.shape == SHAPE
    assert [one.transform for one in film] == film.transforms


def test_gaps_take_the_transform_of_the_nearest_frame(film):
    assert film.gaps == [2, 5]
    found = film.filled_transforms
    assert found[2] is film[1].transform
    assert found[5] is film[4].transform
    assert found[3] is film[3].transform
    assert np.array_equal(film[2:3].filled_transforms[0].matrix, np.eye(3))


def test_a_table_for_pandas(film):
    table = pd.DataFrame(film.to_dict())
    assert list(table) == ["frame", *RESULT_KEYS]
    assert table.x.tolist()[:2] == [0, 2]
    assert table.x.isna().tolist() == [False, False, True, False, False, True]
    assert table.y.max() == 0
    assert table.verdict.tolist() == film.verdicts


def test_a_table_as_a_file(film, tmp_path):
    path = tmp_path / "drift.csv"
    film.save_table(path)
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["frame"] for row in rows] == list("012345")
    assert (rows[1]["x"], rows[2]["x"], rows[2]["verdict"]) == ("2.0", "", "failed")
    with pytest.raises(InputError, match="exists already"):
        film.save_table(path)
    film.save_table(path, overwrite=True)
    with pytest.raises(InputError, match=r"written as \.csv, not as drift\.xlsx"):
        film.save_table(tmp_path / "drift.xlsx")


@pytest.mark.parametrize("suffix", [".json", ".csv", ".npy"])
def test_transforms_as_a_file(film, tmp_path, suffix):
    path = tmp_path / f"film{suffix}"
    film.save(path)
    loaded = load_transforms(path)
    for one, other in zip(loaded, film.filled_transforms, strict=True):
        assert np.array_equal(one.matrix, other.matrix)
    if suffix == ".json":
        assert '"cancelled"' in path.read_text()
    with pytest.raises(InputError, match="exists already"):
        film.save(path)
    save_transforms(film, tmp_path / f"again{suffix}")
    assert (tmp_path / f"again{suffix}").read_bytes() == path.read_bytes()


def test_the_table_is_worked_out_once_and_each_caller_has_its_own(film, tmp_path, monkeypatch):
    asked, to_dict = [], AlignmentResult.to_dict
    monkeypatch.setattr(
        AlignmentResult, "to_dict", lambda own: (asked.append(own), to_dict(own))[1]
    )
    own = film.to_dict()
    own["x"][:] = 99
    assert film.to_dict()["x"][1] == 2
    assert "99" not in repr(film) + film._repr_html_()
    film.save_table(tmp_path / "drift.csv")
    assert asked == [*film]


def test_a_line(film):
    assert repr(film) == (
        "6 frames to the first: 3 aligned, 1 doubtful, 1 failed, 1 cancelled (2, 4, 5); "
        "x up to 8.00, y up to 4.00 px"
    )
    assert repr(film[2:3]) == "1 frame to the first: 1 failed (2)"
    many = StackResult((result(verdict="failed"),) * 9, 4)
    assert repr(many) == "9 frames to frame 4: 9 failed (0, 1, 2, 3, 4, …)"


def test_html_with_a_plot_that_is_broken_at_gaps(film):
    html = film._repr_html_()
    assert html.count("<path") == 2
    assert html.count("M") >= 4
    assert "2: failed: It is so." in html
    assert "<path" not in film[2:3]._repr_html_()
