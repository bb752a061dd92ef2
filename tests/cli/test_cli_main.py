"""What becomes of errors that no process can be made to meet at will."""

import errno
import json

import cv2
import numpy as np
import pytest

from napari_ecc_align._cli import main, show
from napari_ecc_align._cli.values import check_fill
from napari_ecc_align._common.errors import InputError


def raising(error):
    def run(chosen):
        raise error

    return run


def opencv_out_of_memory():
    error = cv2.error("OpenCV: Failed to allocate 9 bytes")
    error.code = cv2.Error.StsNoMem
    return error


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InputError("this\nis bad"), 2, "ecc-align: this is bad\n"),
        (OSError(errno.EIO, "Input/output error", "a.png"), 2, "ecc-align: a.png: Input/output"),
        (OSError(errno.EIO, "Input/output error"), 2, "ecc-align: Input/output error\n"),
        (MemoryError(), 2, "ecc-align: not enough memory"),
        (opencv_out_of_memory(), 2, "ecc-align: not enough memory"),
        (KeyboardInterrupt(), 130, "ecc-align: interrupted\n"),
    ],
)
def test_one_line_for_each(monkeypatch, capsys, error, code, line):
    monkeypatch.setattr("napari_ecc_align._cli.apply.run_apply", raising(error))
    assert main(["apply", "a", "b", "--like", "c", "--out", "d"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(line)
    assert err.count("\n") == 1


def test_a_bug_is_no_doubtful_alignment(monkeypatch, capsys):
    monkeypatch.setattr("napari_ecc_align._cli.apply.run_apply", raising(ZeroDivisionError("oh")))
    assert main(["apply", "a", "b", "--like", "c", "--out", "d"]) == 70
    err = capsys.readouterr().err
    assert "ZeroDivisionError: oh" in err
    assert err.endswith("ecc-align: this is a bug, please report it with the lines above\n")


def test_json_has_no_number_that_json_lacks():
    document = {"a": float("nan"), "b": [float("inf"), 1.5], "c": {"d": True, "e": None}}
    expected = {"a": None, "b": [None, 1.5], "c": {"d": True, "e": None}}
    assert json.loads(show.to_json(document), parse_constant=pytest.fail) == expected


@pytest.mark.parametrize(
    ("dtype", "good", "bad"),
    [
        ("uint8", [0, 255, "background"], [-1, 256, 0.5, float("nan"), float("inf")]),
        ("int16", [-32768, 32767], [-32769, 32768]),
        ("bool", [0, 1], [2, -1, 0.5]),
        ("float32", [-1.5, float("nan"), "background"], []),
    ],
)
def test_fill(dtype, good, bad):
    for fill in good:
        check_fill(fill, np.dtype(dtype))
    for fill in bad:
        with pytest.raises(InputError, match="--fill"):
            check_fill(fill, np.dtype(dtype))
