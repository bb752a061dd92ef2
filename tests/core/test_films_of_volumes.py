"""Films of volumes: a transform for every time point, gaps, and going on where one has ended."""

import numpy as np
import pytest
from test_volumes import SHAPE, moved_pair, spots

from napari_ecc_align import InputError, VolumeTransform, align_volume_stack


@pytest.fixture(scope="module")
def world():
    return spots(tuple(3 * n // 2 for n in SHAPE), 0)


def test_a_film_drifts_in_three_axes_and_has_gaps(world):
    steps = (0.0, 0, 0), (0.4, -1.2, 2.0), (0.8, -2.4, 4.0)
    pairs = [moved_pair(world, np.eye(3), step, seed=n) for n, step in enumerate(steps)]
    film = [moving[:, :48, :48] for _, moving, _ in pairs]
    film.insert(2, np.zeros_like(film[0]))
    told = []
    drift = align_volume_stack(
        film, model="translation", spacing=(2, 0.5, 0.5), progress=told.append
    )
    assert drift.verdicts == ["aligned", "aligned", "failed", "aligned"] and drift.gaps == [2]
    assert [step.fraction for step in told] == [0.25, 0.5, 0.75, 1.0]
    table = drift.to_dict()
    for axis, expected in zip("zyx", np.transpose(steps) * [[2], [0.5], [0.5]], strict=True):
        found = np.delete(table[axis], 2)
        assert np.abs(found - expected).max() < 0.1 * {"z": 2}.get(axis, 0.5), axis
    assert drift[-1].start == "initial"
    assert np.array_equal(drift.transforms[0].matrix, np.eye(4))
    stopped = align_volume_stack(film, cancel=lambda: True)
    assert stopped.verdicts == ["aligned", "cancelled", "cancelled", "cancelled"]
    other = align_volume_stack(film[1:2], reference=film[0], model="translation")
    assert other.reference == "volume" and other.verdicts == ["aligned"]
    with pytest.raises(InputError, match="index of one of 4"):
        align_volume_stack(film, reference=4)


def test_a_film_goes_on_behind_what_is_known_and_past_what_cannot_be_read(world, tmp_path):
    from napari_ecc_align import load_volume_transforms
    from napari_ecc_align._align.frame_records import FrameRecords
    from napari_ecc_align._align.passes import StackRun
    from napari_ecc_align._align.volume.film import volume_film_steps
    from napari_ecc_align._common.steps import outcome_of
    from napari_ecc_align._ecc.options import SearchOptions

    steps = (0.0, 0, 0), (0.4, -1.2, 2.0), (0.8, -2.4, 4.0), (1.0, -3.0, 5.0)
    pairs = [moved_pair(world, np.eye(3), step, seed=n) for n, step in enumerate(steps)]

    class Film:
        read = 0

        def __len__(self):
            return len(pairs)

        def __getitem__(self, index):
            self.read += 1
            if index == 2:
                raise OSError("the disk is gone")
            return pairs[index][1]

    def run(known=(), **more):
        film = Film()
        search = SearchOptions("auto")
        found = outcome_of(
            volume_film_steps(film, search, run=StackRun(known=known, brief=True), **more)
        )
        return found, film

    whole, _ = run()
    assert whole.verdicts == ["aligned", "aligned", "failed", "aligned"]
    assert whole[2].reason == "The volume cannot be read: the disk is gone"
    assert whole[3].start == "initial" and whole[1].transform.model == "euclidean"
    with (tmp_path / "records").open("w+b") as file:
        records = FrameRecords(file, {})
        for result in whole[:2]:
            records.add(result)
        file.seek(0)
        known = FrameRecords(file, {}).known
    again, film = run(known)
    # The reference, the one that cannot be read, and the last.
    assert film.read == 3 and again.verdicts == whole.verdicts
    for one, other in zip(whole, again, strict=True):
        assert np.array_equal(one.transform.matrix, other.transform.matrix)
        assert (one.reason, one.spacing, one.shape) == (other.reason, other.spacing, other.shape)
    assert (known[1].tiles.tested, known[1].tiles.agreeing) == (
        whole[1].tiles.tested,
        whole[1].tiles.agreeing,
    )
    for suffix in (".json", ".csv", ".npy"):
        whole.save(tmp_path / f"film{suffix}")
        saved = load_volume_transforms(tmp_path / f"film{suffix}")
        assert len(saved) == 4
        # A gap has the transform of its neighbour.
        assert np.array_equal(saved[2].matrix, whole[1].transform.matrix)
    with pytest.raises(InputError, match="load_volume_transforms reads it"):
        VolumeTransform.load(tmp_path / "film.json")
    with pytest.raises(InputError, match=r"must end in one of \.json"):
        whole.save(tmp_path / "film.tfm")
    off = np.eye(4)
    off[:3, 3] = 5.1, -3.1, 1.1
    started, _ = run(reference=pairs[0][0], initial=off)
    assert started.reference == "volume" and started[0].start == "initial"


@pytest.fixture(scope="module")
def drifting(world):
    """Twenty volumes of one thing that drift, of which two are negatives, and how they drift."""
    steps = [np.array([0.3, -0.5, 0.7]) * n for n in range(20)]
    film = [moved_pair(world, np.eye(3), step, seed=n)[1] for n, step in enumerate(steps)]
    return [40 - one if n in (3, 9) else one for n, one in enumerate(film)], np.array(steps)


def check_same(film, other):
    for one, two in zip(film, other, strict=True):
        assert np.array_equal(one.transform.matrix, two.transform.matrix)
        assert (one.verdict, one.reason, one.start) == (two.verdict, two.reason, two.start)
        assert one.corner_uncertainty == two.corner_uncertainty


@pytest.mark.parametrize("to", ["first", "previous", "mean"])
def test_films_of_volumes_are_aligned_to_what_films_are(drifting, to):
    film, steps = drifting
    some = [film[n] for n in (0, 2, 3, 5)]
    drift = align_volume_stack(some, reference=to, model="translation")
    assert drift.verdicts == ["aligned"] * 4 and drift.reference == to
    table = drift.to_dict()
    found = np.stack([table[axis] for axis in "zyx"], axis=1)
    assert np.abs(found - steps[[0, 2, 3, 5]]).max() < 0.1
    assert [one.inverted for one in drift] == [False, False, True, False]
    words = {"first": "the first", "previous": "the previous one", "mean": "the mean"}
    assert repr(drift).startswith(f"4 volumes to {words[to]}: 4 aligned")


def test_a_mean_of_noisy_volumes_tells_more_than_one_of_them(world):
    rng = np.random.default_rng(4)
    steps = [np.array([0.3, -0.5, 0.7]) * n for n in range(6)]
    film = [moved_pair(world, np.eye(3), step, seed=n)[1] for n, step in enumerate(steps)]
    film = [one + rng.normal(0, 0.5 * one.std(), one.shape) for one in film]
    off = {}
    for to in ("first", "mean"):
        drift = align_volume_stack(film, reference=to, model="translation").to_dict()
        found = np.stack([drift[axis] for axis in "zyx"], axis=1)
        off[to] = np.abs((found - steps)[1:]).mean()
        assert np.all(drift["verdict"] == "aligned"), to
    assert off["mean"] < off["first"] < 0.3


def test_processes_find_the_same_of_volumes_as_one(drifting):
    film, steps = drifting
    told = []
    alone = align_volume_stack(film, model="translation")
    both = align_volume_stack(film, model="translation", workers=2, progress=told.append)
    check_same(alone, both)
    assert alone.verdicts == ["aligned"] * 20
    table = both.to_dict()
    assert np.abs(np.stack([table[axis] for axis in "zyx"], axis=1) - steps).max() < 0.1
    assert [step.fraction for step in told] == [(n + 1) / 20 for n in range(20)]
    with pytest.raises(InputError, match="workers must be a number of processes"):
        align_volume_stack(film, workers=0)


def test_each_volume_may_have_a_mask_of_its_own(drifting):
    film, steps = drifting
    stained = [film[0].copy(), film[1].copy()]
    stained[1][:, :12] = 60
    masks = np.ones((2, *film[0].shape), bool)
    masks[1, :, :12] = False
    drift = align_volume_stack(stained, model="translation", moving_mask=masks)
    assert np.abs(drift[1].transform.matrix[:3, 3] - steps[1][::-1]).max() < 0.1
    with pytest.raises(InputError, match="moving_mask must be one mask, or one for each of 2 vol"):
        align_volume_stack(stained, moving_mask=masks[:1])


def test_a_notebook_shows_how_volumes_drift(world):
    pairs = [moved_pair(world, np.eye(3), step) for step in ([0.0, 0, 0], [1.0, -2.0, 3.0])]
    film = [moving for _, moving, _ in pairs]
    drift = align_volume_stack([*film, np.zeros_like(film[0])], model="translation")
    page = drift._repr_html_()
    assert page.count("<path") == 3 and "from -2.0" in page and "to 3.0" in page
    assert "<li>2: failed: The moving volume shows nothing.</li>" in page
