"""What the time that something takes is compared with, on a machine that may be busy."""

import time

import cv2
import numpy as np


def processor_time(action):
    """Return the seconds of processors that an action takes in this process."""
    began = time.process_time()
    action()
    return time.process_time() - began


def smoothing(image):
    """Return the seconds of processors that OpenCV takes to smooth an image: a unit of work."""
    values = np.asarray(image, np.float32)
    return max(processor_time(lambda: cv2.GaussianBlur(values, (0, 0), 3)) for _ in range(3))


def longest_step(begin):
    """Return the most seconds of processors between two steps of what a function begins.

    Of two runs the less: what else the machine does delays a step of one of them.
    """

    def longest():
        times = [time.process_time()]
        times += [time.process_time() for _ in begin()]
        return max(np.diff([*times, time.process_time()]))

    return min(longest() for _ in range(2))
