"""A film's frames in several processes, of which one may die, and frames that cannot be read."""

from __future__ import annotations

import multiprocessing
import pickle
import time
from dataclasses import replace

import numpy as np
import pytest

from napari_ecc_align import InputError, align_stack
from napari_ecc_align._align import side_by_side
from napari_ecc_align._align.follower import Follower
from napari_ecc_align._align.frame_options import StackOptions
from napari_ecc_align._align.passes import StackRun
from napari_ecc_align._align.progress import FrameProgress
from napari_ecc_align._align.stack import stack_steps
from napari_ecc_align._common.steps import outcome_of
from napari_ecc_align._common.workers.loop import Lost
from napari_ecc_align._ecc.options import SearchOptions
from pairs import picture

BLOCK = StackOptions.block
COUNT = 2 * BLOCK + 5
DAMAGED, SMALLER = 19, 7
TRANSLATION = SearchOptions("translation")


class Film(list):
    """Frames of which one cannot be read once it is asked for."""

    def __getitem__(self, index):
        if index == DAMAGED and self.damaged:
            raise OSError("page 19 is damaged")
        return super().__getitem__(index)


@pytest.fixture(scope="module")
def film():
    image = picture("coins")
    rng = np.random.default_rng(3)
    where = 40 + np.cumsum(rng.integers(-1, 2, (COUNT, 2)), 0)
    film = Film(image[y : y + 128, x : x + 128] + rng.normal(0, 3, (128, 128)) for y, x in where)
    film[SMALLER] = film[SMALLER][:120, :110]
    film.damaged = False
    return film


@pytest.fixture(scope="module")
def alone(film):
    film.damaged = True
    return aligned(film, StackRun())


def aligned(film, run, tell=None, to="first"):
    film.damaged = False
    steps = stack_steps(film, TRANSLATION, reference=to, run=run)
    film.damaged = True
    return outcome_of(steps, tell)


def check_same(results, others):
    for one, other in zip(results, others, strict=True):
        assert (one.verdict, one.reason) == (other.verdict, other.reason)
        assert np.array_equal(one.transform.matrix, other.transform.matrix)
        assert one.corner_uncertainty == other.corner_uncertainty


def test_a_frame_that_cannot_be_read_spoils_no_other(film, alone):
    assert [at for at, verdict in enumerate(alone.verdicts) if verdict != "aligned"] == [DAMAGED]
    assert alone[DAMAGED].reason == "The frame cannot be read: page 19 is damaged"
    few = Film(film[at] for at in (0, 1, 2, 3))
    chained = aligned(few, StackRun(), to="previous")
    assert chained.verdicts == ["aligned"] * 4


def test_processes_find_the_same_in_order_though_one_of_them_dies(film, alone):
    told = []

    def tell(step):
        told.append(step)
        if tell.killed:
            return
        # The film would be done here before a process has started.
        while not (children := multiprocessing.active_children()):
            time.sleep(0.01)
        tell.killed = True
        children[0].kill()

    tell.killed = False
    check_same(aligned(film, StackRun(workers=2), tell), alone)
    assert tell.killed
    fractions = [step.fraction for step in told]
    assert fractions == sorted(fractions)


class Given:
    """In place of a `Pool`: does blocks here, and loses the last one of them."""

    has_room, busy = True, False

    def __init__(self, function, **_):
        self.function = function

    @property
    def is_waiting(self):
        return not self.busy

    def begin(self):
        pass

    def start(self, task):
        assert self.has_room
        self.task, self.busy, self.has_room = task, True, False

    def poll(self, pause=0.1):
        if not self.busy:
            return
        self.busy, self.has_room = False, True
        # As if in another process, to which it is sent.
        self.task = replace(self.task, item=pickle.loads(pickle.dumps(self.task.item)))
        lost = self.loses and self.task.item.numbers[-1] == COUNT - 1
        yield self.task, Lost("it died") if lost else self.function(self.task.item)

    def close(self):
        pass


@pytest.mark.parametrize("known", [5, BLOCK + 3])
def test_what_is_known_is_not_done_again(film, alone, known, monkeypatch):
    monkeypatch.setattr(side_by_side, "Pool", Given)
    monkeypatch.setattr(Given, "loses", False, raising=False)
    marked = [replace(result, seconds=-1.0) for result in alone[:known]]
    for workers in (1, 2):
        results = aligned(film, StackRun(workers=workers, known=marked))
        check_same(results, alone)
        assert [result.seconds for result in results].count(-1.0) == known


@pytest.mark.parametrize("own", [0, BLOCK])
def test_everything_is_asked_once_though_a_block_begins_with_the_reference(film, own, monkeypatch):
    kept, keep = [], Follower.keep
    monkeypatch.setattr(Follower, "keep", lambda self, *of: (kept.append(of), keep(self, *of)))
    few = Film([*film][20 : 22 + BLOCK])
    alone = aligned(few, StackRun(), to=own)
    assert len(kept) == 1
    monkeypatch.setattr(side_by_side, "Pool", Given)
    monkeypatch.setattr(Given, "loses", False, raising=False)
    for known in (0, 1, BLOCK + 1):
        check_same(aligned(few, StackRun(workers=2, known=alone[:known]), to=own), alone)


@pytest.mark.parametrize(("known", "often"), [(0, 1), (5, 40), (0, 1000)])
def test_frames_are_aligned_here_until_a_process_has_started(
    film, alone, known, often, monkeypatch
):
    asked, given = [], []

    class Late(Given):
        """Has not started before it was asked some times."""

        loses = False

        @property
        def is_waiting(self):
            asked.append(None)
            return len(asked) >= often and not self.busy

        def start(self, task):
            given.append(task.item.numbers)
            super().start(task)

    monkeypatch.setattr(side_by_side, "Pool", Late)
    told = []
    results = aligned(film, StackRun(workers=2, known=alone[:known]), told.append)
    check_same(results, alone)
    numbers = [step.stage.split()[1] for step in told if isinstance(step, FrameProgress)]
    assert numbers == [str(index + 1) for index in range(known, COUNT)]
    # What is left is given out once.
    assert len({block.stop for block in given}) == len(given)
    assert bool(given) == (often < 1000)
    assert len(asked) >= min(often, BLOCK)


def test_nobody_waits_for_a_process_while_a_block_is_at_hand(film, monkeypatch):
    idle, poll, given = [], side_by_side._AlsoHere.poll, []

    class Slow(Given):
        """Answers only who has nothing else to do, but for the first block."""

        loses = False

        def start(self, task):
            given.append(task)
            super().start(task)

        def poll(self, pause=0.1):
            yield from super().poll() if pause or len(given) == 1 else ()

    def polled(everyone):
        idle.append(everyone._own is None and everyone._next is not None)
        return poll(everyone)

    monkeypatch.setattr(side_by_side, "Pool", Slow)
    monkeypatch.setattr(side_by_side._AlsoHere, "poll", polled)
    monkeypatch.setattr(StackOptions, "block", 8)
    few = Film([*film][:50])
    assert len(aligned(few, StackRun(workers=2))) == len(few)
    assert len(given) > 1 and idle and not any(idle)


def test_frames_of_a_process_that_dies_twice_have_failed(film, alone, monkeypatch):
    monkeypatch.setattr(side_by_side, "Pool", Given)
    monkeypatch.setattr(Given, "loses", True, raising=False)
    results = aligned(film, StackRun(workers=2))
    check_same(results[: 2 * BLOCK + 1], alone[: 2 * BLOCK + 1])
    assert {one.reason for one in results[2 * BLOCK + 1 :]} == {
        "Given up after a second try: it died."
    }


def test_a_number_of_processes_is_one_or_more():
    with pytest.raises(InputError, match="workers must be a number of processes"):
        align_stack(np.zeros((3, 64, 64)), workers=0)
