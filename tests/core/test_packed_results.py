"""Results of very many frames: the same as others, in little memory."""

import gc
import pickle
import tracemalloc
import weakref
from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest

from napari_ecc_align import align_stack
from napari_ecc_align._align import stack
from napari_ecc_align._align.counted_tiles import counted
from napari_ecc_align._align.frame_plot import drift_html, outermost
from napari_ecc_align._align.packed_results import PackedResults
from napari_ecc_align._align.stack_result import StackResult

rng = np.random.default_rng(3)
SCENE = np.kron(rng.integers(0, 200, (24, 24)), np.ones((8, 8))).astype(np.uint8)
# It drifts; one is blank, and one is a negative.
FILM = np.stack([SCENE[2 * at : 2 * at + 128, at : at + 128] for at in range(6)])
FILM[3] = 0
FILM[4] = 255 - FILM[4]


def same(one, other):
    """Tell whether two values are the same to the last bit, and of the same types."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        flags = one.flags.writeable == other.flags.writeable
        return (one.dtype, one.shape, one.tobytes(), flags) == (
            *(other.dtype, other.shape, other.tobytes()),
            True,
        )
    if is_dataclass(one):
        names = [field.name for field in fields(one)]
        return all(same(getattr(one, name), getattr(other, name)) for name in names)
    return repr(one) == repr(other)


@pytest.fixture(scope="module", params=["translation", "homography"])
def results(request):
    """Results of a film whose tiles are counted, as they come from another process."""
    found = align_stack(FILM, model=request.param)
    return [pickle.loads(pickle.dumps(counted(result))) for result in found]


def test_each_is_the_same_to_the_last_bit(results):
    packed = PackedResults(results)
    assert len(packed) == len(results) == 6
    assert all(map(same, packed, results))
    assert same(packed[-1], results[-1])
    assert packed.verdicts == [result.verdict for result in results]
    assert all(map(same, packed[4:1:-1], results[4:1:-1]))
    assert all(map(same, pickle.loads(pickle.dumps(packed)), results))
    with pytest.raises(IndexError):
        packed[6]


def test_one_that_goes_on_from_another_leaves_it_as_it_is(results):
    packed = PackedResults(results)
    more = PackedResults(packed)
    more.append(results[0])
    other = replace(results[2], reason="“Else”, \udcff", seconds=-0.0, iterations=7)
    changed = packed.replaced([(2, other)])
    assert (len(packed), len(more), len(changed)) == (6, 7, 6)
    assert all(map(same, packed, results))
    assert same(changed[2], other)
    assert same(changed[1], results[1])


def test_a_stack_of_them_is_told_and_written_as_any_other(results, tmp_path):
    plain, packed = (
        StackResult(tuple(results), "first"),
        StackResult(PackedResults(results), "first"),
    )
    for suffix in ("json", "csv", "npy"):
        for name, one in (("plain", plain), ("packed", packed)):
            one.save(tmp_path / f"{name}.{suffix}")
        written = [(tmp_path / f"{name}.{suffix}").read_bytes() for name in ("plain", "packed")]
        assert written[0] == written[1]
    plain.save_table(tmp_path / "plain_table.csv")
    packed.save_table(tmp_path / "packed_table.csv")
    assert (tmp_path / "plain_table.csv").read_text() == (
        tmp_path / "packed_table.csv"
    ).read_text()
    table = packed.to_dict()
    assert all(same(column, table[key]) for key, column in plain.to_dict().items())
    packed.save_table(tmp_path / "packed_table.csv", overwrite=True)
    assert (tmp_path / "plain_table.csv").read_text() == (
        tmp_path / "packed_table.csv"
    ).read_text()
    assert repr(packed) == repr(plain)
    assert packed._repr_html_() == plain._repr_html_()
    assert packed.gaps == plain.gaps == [3]
    assert packed.filled_transforms == plain.filled_transforms
    assert packed[2:5].verdicts == plain[2:5].verdicts


def test_a_frame_takes_less_than_a_kilobyte(results):
    packed = PackedResults(results)
    tracemalloc.start()
    try:
        for number in range(500):
            packed.append(replace(results[number % 6], reason=f"Frame {number} " + 100 * "x"))
        gc.collect()  # what Python keeps of tuples, to use it again
        assert tracemalloc.get_traced_memory()[0] < 450_000
    finally:
        tracemalloc.stop()


def test_a_long_film_is_packed_and_its_frames_are_let_go(monkeypatch):
    monkeypatch.setattr(stack, "_MANY", 0)
    seen, most = [], 0

    class Film:
        shape, ndim, dtype = (12, 128, 128), 3, np.dtype(np.uint8)

        def __getitem__(self, index):
            frame = FILM[index % 3].copy()
            seen.append(weakref.ref(frame))
            return frame

    def told(_):
        nonlocal most
        most = max(most, sum(each() is not None for each in seen))

    gc.disable()
    try:
        found = align_stack(Film(), model="translation", progress=told)
    finally:
        gc.enable()
    assert isinstance(found.results, PackedResults)
    assert found.verdicts == ["aligned"] * 12
    # What they are aligned to, the one at hand, and the last, which the next one follows.
    assert 0 < most <= 4


def test_of_a_long_line_what_can_be_seen_is_drawn():
    heights = np.sin(np.arange(90_000) / 3000)
    heights[40_000] = 9
    heights[50_000] = np.nan
    drawn = outermost(heights, 400)
    assert len(drawn) <= 2000
    assert {0, 40_000, 50_000, 89_999} <= set(drawn.tolist())
    assert (np.diff(drawn) > 0).all()
    assert np.nanmin(heights[drawn]) == np.nanmin(heights)
    assert outermost(heights[:2000], 400).tolist() == list(range(2000))
    nothing = outermost(np.full(9000, np.nan), 10)
    assert nothing[[0, -1]].tolist() == [0, 8999]


def test_the_plot_of_a_long_film_is_small_and_says_what_it_leaves_out():
    def html(count):
        texts = {key: np.full(count, "aligned") for key in ("verdict", "reason")}
        shifts = {axis: rng.normal(size=count) for axis in "xy"}
        return drift_html("A film.", {"frame": np.arange(count), **texts, **shifts}, "px")

    assert "the lowest and the highest are drawn" in html(20_000)
    assert len(html(20_000)) < 80_000
    assert "are drawn" not in html(50)
