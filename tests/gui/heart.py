"""How long the event loop is kept waiting."""

import time

from qtpy.QtCore import QTimer


class Heart:
    """Beats as often as the event loop lets it, and knows its longest pause."""

    def __init__(self):
        self._timer = QTimer()
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._beat)
        self.pauses = []
        self._last = None

    def _beat(self):
        now = time.perf_counter()
        if self._last is not None:
            self.pauses.append(now - self._last)
        self._last = now

    def start(self):
        self._last, self.pauses = None, []
        self._timer.start()

    def stop(self):
        self._timer.stop()
        return max(self.pauses)
