"""Processes that work, die and hang."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from jobs import slow, square, troubled

from napari_ecc_align._batch.pool import Lost, work

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the tests send Unix signals")


def test_every_item_comes_back_with_its_result():
    found = dict(work(square, range(20), workers=2, timeout=300))
    assert found == {number: number**2 for number in range(20)}


def test_items_are_taken_only_when_a_process_is_free():
    taken = []

    def source():
        for number in range(50):
            taken.append(number)
            yield number

    results = work(slow, source(), workers=2, timeout=300)
    next(results)
    assert len(taken) <= 4
    results.close()


def test_a_process_that_dies_or_hangs_is_replaced_and_its_item_tried_once_more(tmp_path):
    kinds = ("ok", "die", "die once", "hang once", "hang", "ok")
    tasks = [(kind, str(tmp_path / str(number))) for number, kind in enumerate(kinds)]
    found = dict(work(troubled, tasks, workers=2, timeout=1.5))
    tries = [len((tmp_path / str(number)).read_text()) for number in range(len(kinds))]
    assert tries == [1, 2, 2, 2, 2, 1]
    lost = {task[0]: result for task, result in found.items() if isinstance(result, Lost)}
    assert set(lost) == {"die", "hang"}
    assert "SIGKILL" in lost["die"].reason
    assert "longer than 1.5 s" in lost["hang"].reason


def test_closing_and_cancelling_end_the_processes_at_once(tmp_path):
    running = work(
        troubled,
        [("ok", str(tmp_path / "a")), ("hang", str(tmp_path / "b"))],
        workers=1,
        timeout=600,
    )
    _, process = next(running)
    running.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    asked = []

    def cancel():
        asked.append((tmp_path / "c").exists())
        return asked[-1]

    assert (
        list(
            work(troubled, [("hang", str(tmp_path / "c"))], workers=1, timeout=600, cancel=cancel)
        )
        == []
    )
    # Once is enough.
    assert asked == [*[False] * (len(asked) - 1), True]


def test_a_script_that_does_not_ask_for_its_name_is_run_once(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from math import sqrt\n"
        "from napari_ecc_align._batch.pool import work\n"
        "print('once')\n"
        "print(sorted(found for _, found in work(sqrt, [1.0, 4.0], workers=2, timeout=300)))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=300)
    assert (done.stdout, done.stderr) == ("once\n[1.0, 2.0]\n", "")
