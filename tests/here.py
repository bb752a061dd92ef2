"""What batches do in processes, done by that of the test: to start another takes longer."""

from __future__ import annotations

from napari_ecc_align._common.workers.pool import Pool


class Here:
    """In place of a `Pool`: does each item when it is asked what has come."""

    def __init__(self, function):
        self._function = function
        self._task = None

    @property
    def busy(self):
        return self._task is not None

    @property
    def has_room(self):
        return not self.busy

    def start(self, task):
        self._task = task

    def poll(self):
        task, self._task = self._task, None
        yield task, self._function(task.item)

    def close(self):
        self._task = None


def pool_or_here(function, *, workers, timeout):
    """Return what does the work of that many workers: only of several, processes."""
    return Here(function) if workers == 1 else Pool(function, workers=workers, timeout=timeout)


class StepsHere:
    """In place of a `BackgroundProcess`."""

    busy = False

    def steps(self, function, *arguments):
        yield from function(lambda: False, *arguments)
