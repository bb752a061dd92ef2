"""Processes that work, die and hang."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest
from jobs import Stuck, Unreadable, slow, square, troubled

from napari_ecc_align import InputError
from napari_ecc_align._common.workers import pool
from napari_ecc_align._common.workers.loop import Lost, work
from napari_ecc_align._common.workers.pool import Pool

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the tests send Unix signals")


def results(function, items, **how):
    return dict(filter(None, work(Pool(function, **how), items)))


def test_every_item_comes_back_with_its_result():
    found = results(square, range(20), workers=2, timeout=300)
    assert found == {number: number**2 for number in range(20)}


def test_the_caller_goes_on_while_processes_start(monkeypatch):
    may_start = threading.Event()

    class Late(pool.Child):
        def __init__(self, *given, **how):
            may_start.wait(60)
            super().__init__(*given, **how)

    monkeypatch.setattr(pool, "Child", Late)
    late = Pool(square, workers=1, timeout=300)
    late.begin()
    assert not late.is_waiting
    may_start.set()
    while not late.is_waiting:
        assert not list(late.poll())
    assert dict(filter(None, work(late, range(3)))) == {0: 0, 1: 1, 2: 4}


def test_that_none_starts_is_told_where_there_is_work(monkeypatch):
    def none(*_, **__):
        raise OSError("no process left")

    monkeypatch.setattr(pool, "Child", none)
    refused = Pool(square, workers=2, timeout=300)
    refused.begin()
    with pytest.raises(OSError, match="no process left"):
        dict(filter(None, work(refused, range(3))))


def test_items_are_taken_only_when_a_process_is_free():
    taken = []

    def source():
        for number in range(50):
            taken.append(number)
            yield number

    running = work(Pool(slow, workers=2, timeout=300), source())
    next(filter(None, running))
    assert len(taken) <= 4
    running.close()


def test_a_process_that_dies_or_hangs_is_replaced_and_its_item_tried_once_more(tmp_path):
    kinds = ("ok", "die", "die once", "hang once", "hang", "ok")
    tasks = [(kind, str(tmp_path / str(number))) for number, kind in enumerate(kinds)]
    found = results(troubled, tasks, workers=2, timeout=1.5)
    tries = [len((tmp_path / str(number)).read_text()) for number in range(len(kinds))]
    assert tries == [1, 2, 2, 2, 2, 1]
    lost = {task[0]: result for task, result in found.items() if isinstance(result, Lost)}
    assert set(lost) == {"die", "hang"}
    assert "SIGKILL" in lost["die"].reason
    assert "longer than 1.5 s" in lost["hang"].reason


def test_closing_and_cancelling_end_the_processes_at_once(tmp_path):
    tasks = [("ok", str(tmp_path / "a")), ("hang", str(tmp_path / "b"))]
    running = work(Pool(troubled, workers=1, timeout=600), tasks)
    _, process = next(filter(None, running))
    running.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    asked = []

    def cancel():
        asked.append((tmp_path / "c").exists())
        return asked[-1]

    tasks = [("hang", str(tmp_path / "c"))]
    assert not any(work(Pool(troubled, workers=1, timeout=600), tasks, cancel=cancel))
    # Once is enough.
    assert asked == [*[False] * (len(asked) - 1), True]


def test_processes_that_do_not_start_are_an_input_error():
    with pytest.raises(InputError, match="processes do not start here: its process ended with"):
        results(Unreadable(), [1], workers=1, timeout=60)


def test_processes_that_are_never_ready_are_an_input_error():
    with pytest.raises(
        InputError, match=r"processes do not start here: it took longer than 0.1 s"
    ):
        list(work(Pool(Stuck(), workers=1, timeout=600, start=0.1), [1]))


def test_a_script_that_does_not_ask_for_its_name_is_run_once(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from math import sqrt\n"
        "from napari_ecc_align._common.workers.loop import work\n"
        "from napari_ecc_align._common.workers.pool import Pool\n"
        "print('once')\n"
        "found = filter(None, work(Pool(sqrt, workers=2, timeout=300), [1.0, 4.0]))\n"
        "print(sorted(root for _, root in found))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=300)
    assert (done.stdout, done.stderr) == ("once\n[1.0, 2.0]\n", "")
