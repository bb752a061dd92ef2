"""Steps in a process of their own: told as they come, stopped at once, brought to their end."""

from __future__ import annotations

import pytest
from jobs import breaks, counts_until_told, dies, refuses

from napari_ecc_align import InputError
from napari_ecc_align._batch.workers.background import BackgroundProcess


def told(steps):
    return [step for step in steps if step is not None]


def test_steps_come_in_order_and_to_their_end(tmp_path):
    background = BackgroundProcess()
    assert told(background.steps(counts_until_told, tmp_path / "end", 5)) == [1, 2, 3, 4, 5]
    assert (tmp_path / "end").read_text() == "5"
    assert not background.busy


def test_closing_returns_at_once_and_the_next_work_waits_for_what_is_left(tmp_path):
    background = BackgroundProcess()
    steps = background.steps(counts_until_told, tmp_path / "end", 10_000)
    next(step for step in steps if step == 3)
    steps.close()
    # It is told, and still at work.
    assert background.busy
    assert not (tmp_path / "end").exists()
    again = told(background.steps(counts_until_told, tmp_path / "again", 1))
    assert 3 <= int((tmp_path / "end").read_text()) < 1000
    assert again == [1]


@pytest.mark.parametrize(
    ("work", "error", "message"),
    [
        (refuses, InputError, "not like this"),
        (breaks, RuntimeError, "KeyError.*lost"),
        (dies, InputError, "was ended by SIGKILL"),
    ],
)
def test_what_goes_wrong_is_told(work, error, message):
    with pytest.raises(error, match=message):
        told(BackgroundProcess().steps(work))
