"""The loop that hands out items, whoever works on them."""

from __future__ import annotations

from napari_ecc_align._common.workers.loop import Lost, work


class OneAtATime:
    """Multiplies by ten, every other turn, and loses an item as often as it is told to."""

    def __init__(self, losing=()):
        self.given = []
        self.closed = False
        self._losing = list(losing)
        self._task = None
        self._turns = 0

    @property
    def has_room(self):
        return self._task is None

    @property
    def busy(self):
        return self._task is not None

    def start(self, task):
        self.given.append(task.item)
        self._task = task

    def poll(self):
        self._turns += 1
        if self._turns % 2:
            return []
        task, self._task = self._task, None
        if task.item in self._losing:
            self._losing.remove(task.item)
            return [(task, Lost("gone"))]
        return [(task, 10 * task.item)]

    def close(self):
        self.closed = True


def test_lost_items_are_tried_again_before_new_ones_are_taken():
    executor = OneAtATime(losing=[2, 3, 3])
    found = [step for step in work(executor, [1, 2, 3, 4]) if step is not None]
    assert found == [(1, 10), (2, 20), (3, Lost("gone")), (4, 40)]
    assert executor.given == [1, 2, 2, 3, 3, 4]
    assert executor.closed


def test_an_item_may_have_one_attempt_only():
    executor = OneAtATime(losing=[1])
    assert [*filter(None, work(executor, [1], attempts=1))] == [(1, Lost("gone"))]


def test_it_says_so_when_nothing_has_come():
    assert [*work(OneAtATime(), [1, 2])] == [None, (1, 10), None, (2, 20)]


def test_closing_and_cancelling_close_the_executor():
    executor = OneAtATime()
    steps = work(executor, [1, 2])
    next(steps)
    steps.close()
    assert executor.closed
    executor = OneAtATime()
    assert [*work(executor, [1, 2], cancel=lambda: len(executor.given) > 0)] == []
    assert executor.closed


def test_no_items_are_no_work():
    assert [*filter(None, work(OneAtATime(), []))] == []
