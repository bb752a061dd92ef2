"""How long the event loop is kept waiting, beside what napari itself keeps it waiting."""

import statistics
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
        # What came since the last beat is a pause, too.
        self._beat()
        return max(self.pauses)


def napari_adds(viewer, image):
    """Return the seconds for which napari keeps the event loop waiting for a new layer.

    The layer is taken away again.
    """
    began = time.perf_counter()
    layer = viewer.add_image(image, name="what napari itself needs")
    seconds = time.perf_counter() - began
    viewer.layers.remove(layer)
    return seconds


def assert_short(stalls, adding):
    """Assert that work in the background never holds the viewer up for as long as a new layer.

    Parameters
    ----------
    stalls : list of float
        The longest pause of the event loop during each of several runs of the same work. What
        the work itself causes is in each of them, what a busy machine adds is not: the least
        counts.
    adding : list of float
        What `napari_adds` returned beside each of them.
    """
    assert min(stalls) < statistics.median(adding), (stalls, adding)
