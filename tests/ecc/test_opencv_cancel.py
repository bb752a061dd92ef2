"""Cancelling the "opencv" engine in the middle of a call that OpenCV does not interrupt."""

import threading

import cv2
import numpy as np
import pytest

from napari_ecc_align import align
from napari_ecc_align._common.steps import awaited, outcome_of
from pairs import picture


def test_cancel_is_obeyed_while_opencv_iterates(monkeypatch):
    image = cv2.resize(picture("camera"), (900, 900)).astype(np.uint8)
    begun, released, ended = threading.Event(), threading.Event(), threading.Event()
    iterate = cv2.findTransformECCWithMask

    def waiting(reference, *more):
        if reference.shape == image.shape:
            begun.set()
            released.wait(60)
        found = iterate(reference, *more)
        if begun.is_set():
            ended.set()
        return found

    monkeypatch.setattr(cv2, "findTransformECCWithMask", waiting)
    result = align(image, np.roll(image, 3, 1), engine="opencv", cancel=begun.is_set)
    assert result.verdict == "cancelled"
    assert not ended.is_set()
    released.set()
    # What is left of it comes to its end by itself.
    assert ended.wait(60)


def test_what_goes_wrong_in_the_thread_is_raised():
    def fail():
        raise ArithmeticError("as it must")

    with pytest.raises(ArithmeticError, match="as it must"):
        outcome_of(awaited(fail))
