"""Films whose frames bend: a field for each frame, kept, loaded, resumed, and warped through."""

from __future__ import annotations

import pickle
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates
from skimage import data

from napari_ecc_align import (
    Field,
    InputError,
    SmoothStack,
    Transform,
    align_stack,
    load_fields,
    save_fields,
    warp,
    warp_stack,
)
from napari_ecc_align._align import mirrored
from napari_ecc_align._align.frame_options import Bending, StackOptions
from napari_ecc_align._align.frame_records import frame_records
from napari_ecc_align._align.options import Job
from napari_ecc_align._align.passes import StackRun
from napari_ecc_align._align.progress import FrameProgress
from napari_ecc_align._align.smooth import FieldFollower, smooth_steps
from napari_ecc_align._align.stack import stack_steps
from napari_ecc_align._common.steps import outcome_of
from napari_ecc_align._ecc.field.cells import Expected, Prior, System
from napari_ecc_align._ecc.options import SearchOptions
from napari_ecc_align._images.sources import checked_source

SIDE, FRAMES = 160, 4


def bend(seed: int, size: float = 1.5) -> Field:
    noise = np.random.default_rng(seed).normal(size=(2, SIDE // 8 + 1, SIDE // 8 + 1))
    u = np.stack([gaussian_filter(one, 3) for one in noise], axis=-1)
    u *= size / np.sqrt((u**2).sum(axis=-1).mean())
    bent = Field.from_displacements(u, spacing=(8, 8))
    return Transform([[1, 0, 0.7 * seed], [0, 1, -0.4 * seed]]) @ bent


@pytest.fixture(scope="module")
def truth() -> list[Field]:
    return [bend(seed) for seed in range(1, FRAMES)]


@pytest.fixture(scope="module")
def film(truth: list[Field]) -> np.ndarray:
    """Return a film whose later frames show the first one bent."""
    tissue = data.immunohistochemistry()[100:260, 60:220, 1].astype(float)
    frames = [tissue, *(warp(tissue, field.inverse) for field in truth)]
    noise = np.random.default_rng(0).normal(0, 3, (FRAMES, SIDE, SIDE))
    return np.asarray(np.array(frames) + noise, np.float32)


@pytest.fixture(scope="module")
def places() -> np.ndarray:
    return np.random.default_rng(0).uniform(24, SIDE - 24, (200, 2))


@pytest.fixture(scope="module")
def stack(film: np.ndarray) -> SmoothStack:
    return align_stack(film, model="smooth")


def errors(stack: SmoothStack, truth: list[Field], places: np.ndarray) -> list[float]:
    pairs = zip(stack.transforms[1:], truth, strict=True)
    return [float(np.median(np.hypot(*(one(places) - true(places)).T))) for one, true in pairs]


def test_each_frame_has_a_field_of_its_own(
    stack: SmoothStack, film: np.ndarray, truth: list[Field], places: np.ndarray
) -> None:
    assert stack.verdicts == ["aligned"] * FRAMES, [one.reason for one in stack]
    assert max(errors(stack, truth, places)) < 0.25
    assert stack[0].transform.largest == 0 and stack[0].uncertainty_at((9, 9)) == 0
    assert all(one.bends for one in stack[1:])
    steady = warp_stack(film, stack)
    inside = np.s_[:, 30:-30, 30:-30]
    assert steady[inside].std(axis=0).mean() < 0.5 * film[inside].std(axis=0).mean()
    table = stack.to_dict()
    assert np.abs(table["x"][1:] - 0.7 * np.arange(1, FRAMES)).max() < 3
    assert "bends up to" in repr(stack) and len(stack[1:]) == FRAMES - 1


def test_frames_like_the_last_one_are_solved_by_what_that_has_factored(
    film: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    factored = []
    factor = System.factor
    monkeypatch.setattr(
        System, "factor", lambda self, prior: factored.append(0) or factor(self, prior)
    )
    per_frame = []
    again = [*film[:2], film[1], film[1], film[1]]
    align_stack(again, model="smooth", progress=lambda _: per_frame.append(len(factored)))
    first, second, *others = np.diff(per_frame)
    assert second > 0.5 * first, "the first that bends is no rule"
    # What foretells the others is factored with the first of them.
    assert max(others[1:]) < 0.1 * first


def test_a_frame_of_which_a_part_is_torn_off_foretells_nothing(places: np.ndarray) -> None:
    tissue = data.immunohistochemistry()[100:300, 60:260, 1].astype(float)
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:SIDE, :SIDE].astype(float)
    bends, frames = [np.zeros((2, SIDE, SIDE))], []
    for torn in (True, True, False, False):
        u = np.stack([gaussian_filter(one, 24) for one in rng.normal(size=(2, SIDE, SIDE))])
        u *= 2 / np.sqrt((u**2).sum(axis=0).mean())
        u[0] += 8.0 * (torn & (np.abs(y - 80) < 30) & (np.abs(x - 80) < 30))
        bends.append(u)
    for u in bends:
        seen = map_coordinates(tissue, [20 + y + u[0], 20 + x + u[1]], order=1)
        frames.append(seen + rng.normal(0, 4, seen.shape))
    for one, u in [*zip(align_stack(frames, model="smooth"), bends, strict=True)][3:]:
        there = one.transform(places)
        bent = [map_coordinates(part, there.T[::-1], order=1, mode="nearest") for part in u[::-1]]
        off = np.hypot(*(there + np.stack(bent, axis=1) - places).T)
        assert one.aligned and (off[one.uncertainty_at(places) <= 1] < 1).all()


def test_the_results_do_not_depend_on_how_they_were_come_by(
    stack: SmoothStack, film: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StackOptions, "block", 2)
    run = StackRun(bending=Bending(), brief=True)
    with frame_records(tmp_path / "run.jsonl", {}) as records:

        def noted(step: object) -> None:
            if isinstance(step, FrameProgress):
                records.add(step.result)

        whole = outcome_of(stack_steps(film, run=run), noted)
    for count in (1, 3):
        with frame_records(tmp_path / "run.jsonl", {}) as records:
            known = records.known[:count]
        again = StackRun(bending=Bending(), brief=True, known=known)
        resumed = outcome_of(stack_steps(film, run=again))
        for one, other in zip(whole, resumed, strict=True):
            assert np.array_equal(one.transform.coefficients, other.transform.coefficients)
            assert (one.reason, one.known_share) == (other.reason, other.known_share)
    aside = align_stack(film, model="smooth", workers=2)
    for one, other in zip(whole, aside, strict=True):
        assert np.array_equal(one.transform.coefficients, other.transform.coefficients)


def test_the_fields_of_a_film_are_kept_in_one_small_file(
    stack: SmoothStack, places: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "film.npz"
    stack.save(path)
    assert path.stat().st_size < 0.1 * FRAMES * SIDE * SIDE * 8
    for one, other in zip(stack.transforms, load_fields(path), strict=True):
        assert np.abs(one(places) - other(places)).max() < 1e-4
        sigma = one.uncertainty_at(places)
        assert other.uncertainty_at(places) == pytest.approx(sigma, rel=1e-3)
    with pytest.raises(InputError, match="load_fields"):
        Field.load(path)
    stack[1].transform.save(tmp_path / "one.npz")
    assert len(load_fields(tmp_path / "one.npz")) == 1
    np.savez(tmp_path / "other.npz", a=np.eye(2))
    for name in ("other.npz", "missing.npz", "film.json"):
        with pytest.raises(InputError):
            load_fields(tmp_path / name)
    with pytest.raises(InputError, match=r"fields\[0\]"):
        save_fields([Transform.identity()], tmp_path / "no.npz")  # type: ignore[list-item]


def test_frames_are_aligned_to_the_one_before_and_to_their_mean(
    film: np.ndarray, truth: list[Field], places: np.ndarray
) -> None:
    """And gaps take the field of their neighbours."""
    chained = align_stack(film[:3], model="smooth", reference="previous")
    assert chained.verdicts == ["aligned"] * 3
    assert max(errors(chained, truth[:2], places)) < 0.3
    blank = align_stack([film[0], np.zeros_like(film[0])], model="smooth", reference=0)
    assert blank.verdicts == ["aligned", "failed"] and blank.gaps == [1]
    assert blank.filled_transforms[1].largest == 0
    meant = align_stack(film[:2], model="smooth", reference="mean")
    assert "failed" not in meant.verdicts


def test_lazy_frames_are_warped_through_fields_when_they_are_asked_for(
    stack: SmoothStack, film: np.ndarray
) -> None:
    import dask.array as da

    read: list[int] = []

    def frame(block_info: dict | None = None) -> np.ndarray:
        number = block_info[None]["array-location"][0][0]
        read.append(number)
        return film[number : number + 1]

    lazy = da.map_blocks(frame, chunks=((1,) * FRAMES, SIDE, SIDE), dtype=film.dtype)
    warped = warp_stack(lazy, stack, interpolation="linear", fill=0)
    read.clear()
    seen = warped[2].compute()
    assert read == [2]
    assert np.array_equal(seen, warp(film[2], stack[2], interpolation="linear", fill=0))


def test_a_film_that_does_not_bend_is_told_so(film: np.ndarray) -> None:
    noise = np.random.default_rng(1).normal(0, 3, (2, SIDE, SIDE))
    still = align_stack([film[0] + noise[0], np.roll(film[0], 2, 1) + noise[1]], model="smooth")
    assert still[1].aligned and not still[1].bends, still[1].reason
    assert still.to_dict()["bends_up_to"].tolist() == [0, 0]


def test_what_bends_cannot_be_mirrored(film: np.ndarray) -> None:
    with pytest.raises(InputError, match="mirrored"):
        align_stack(film, model="smooth", mirrored=True)  # type: ignore[call-overload]
    with pytest.raises(InputError, match="stiffness"):
        align_stack(film, stiffness=20)  # type: ignore[call-overload]


def test_what_a_frame_foretells_is_the_same_in_another_process(film: np.ndarray) -> None:
    again = [*film[:2], film[1], film[1]]
    follower, sources = FieldFollower(), [checked_source(one, None, "frame") for one in again]
    jobs = [Job(sources[0], one, SearchOptions(), np.eye(3)) for one in sources[1:]]
    for job in jobs[:2]:
        outcome_of(smooth_steps(job, follower=follower))
    assert follower.basis is not None and follower.basis.sure
    sent = FieldFollower(pickle.loads(pickle.dumps(follower.basis)))
    here, there = (outcome_of(smooth_steps(jobs[2], follower=one)) for one in (follower, sent))
    assert np.array_equal(here.transform.coefficients, there.transform.coefficients)
    assert (here.reason, here.known_share) == (there.reason, there.known_share)
    assert len(pickle.dumps(sent.basis)) < 10 * film[0].nbytes


def test_of_two_frames_that_bend_alike_the_stiffer_one_foretells_the_next() -> None:
    follower, kept = FieldFollower(), []
    for stiffness in (60.0, 43.0, 61.0, 200.0, 190.0):
        prior = Prior(1.0, stiffness)
        field = SimpleNamespace(prior=prior, energy=1.0, expected=Expected(prior))
        found = SimpleNamespace(
            result=SimpleNamespace(verdict="aligned", bends=True),
            motion=SimpleNamespace(representation="intensity", inverted=False),
            field=field,
            halves=SimpleNamespace(fields=()),
            judged=None,
            told_share=1.0,
        )
        follower.keep(found)  # type: ignore[arg-type]
        assert follower.basis is not None
        kept.append((follower.basis.expected.prior.stiffness, follower.basis.sure))
    assert kept == [(60, False), (60, True), (61, True), (200, False), (200, True)]


def test_one_frame_tells_of_all_that_follow_it_that_they_are_not_mirrored(
    film: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    look = mirrored._place_turned_over
    monkeypatch.setattr(
        mirrored, "_place_turned_over", lambda *given: asked.append(0) or look(*given)
    )
    stack = align_stack(film, model="translation")
    assert stack.verdicts[1:] == ["doubtful"] * 3 and all(one.placed for one in stack[1:])
    assert len(asked) == 1
    asked.clear()
    turned_over = np.array([film[0], *(one[:, ::-1] for one in film[1:])])
    assert not any(one.aligned for one in align_stack(turned_over, model="translation")[1:])
    assert len(asked) == 3, "what is not placed is looked at each time"
