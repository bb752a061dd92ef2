"""Damaged files in processes: their libraries' own words never reach the terminal raw."""

import io
import os
import threading

import numpy as np
import pytest
from PIL import Image
from processes import ecc_align
from skimage import data

from napari_ecc_align._common.printing import libraries_silenced, unprinted

FORMS = {
    "lzw.tif": {"format": "TIFF", "compression": "tiff_lzw"},
    "fax.tif": {"format": "TIFF", "compression": "group4"},
    "jpeg.tif": {"format": "TIFF", "compression": "jpeg"},
    "plain.jpg": {"format": "JPEG"},
    "deep.png": {"format": "PNG"},
}


def damaged(name):
    """Return the bytes of an image of a form, some of whose pixels' are others."""
    camera = data.camera()[:200, :240]
    image = {"fax.tif": camera > 100, "deep.png": camera.astype(np.uint16) * 200}.get(name, camera)
    file = io.BytesIO()
    Image.fromarray(image).save(file, **FORMS[name])
    content = bytearray(file.getvalue())
    for at in np.random.default_rng(0).integers(len(content) // 4, 3 * len(content) // 4, 12):
        content[at] ^= 0x55
    return bytes(content)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A folder of good references, and one of damaged images of the same names."""
    top = tmp_path_factory.mktemp("damaged")
    for folder in ("good", "bad"):
        (top / folder).mkdir()
    for name in FORMS:
        (top / "bad" / name).write_bytes(damaged(name))
        Image.fromarray(data.camera()[:200, :240]).save(top / "good" / f"{name}.png")
    rows = [f"good/{name}.png,bad/{name},{name}" for name in FORMS]
    (top / "pairs.csv").write_text("\n".join(["reference,moving,name", *rows]))
    return top


@pytest.mark.parametrize("name", FORMS)
def test_a_damaged_file_costs_one_sentence_or_nothing(folders, name):
    done = ecc_align("compare", folders / "good" / f"{name}.png", folders / "bad" / name)
    if name in ("lzw.tif", "fax.tif", "deep.png"):
        assert "is damaged or cut off" in done.complaint
    else:
        assert done.err == "" or "is damaged or cut off" in done.complaint


def test_the_workers_of_a_batch_say_nothing_raw(folders, tmp_path):
    done = ecc_align(
        "batch", "--pairs", folders / "pairs.csv", "--out", tmp_path, "--workers", "2"
    )
    assert done.code == 1, done
    assert "Decode" not in done.err + done.out
    assert "JPEGLib" not in done.err + done.out
    assert "code not yet in table" not in done.err + done.out


def test_what_others_print_meanwhile_is_not_lost(capfd):
    with libraries_silenced():
        with unprinted() as errors:
            os.write(2, b"Fax4Decode: Bad code word at line 3\n")
            os.write(2, b"TIFFReadDirectory: Warning, Unknown field with tag 9.\n")
            other = threading.Thread(target=os.write, args=(2, b"a thread was here\n"))
            other.start()
            other.join()
        os.write(2, b"afterwards\n")
    assert errors == ["Fax4Decode: Bad code word at line 3"]
    assert capfd.readouterr().err == "a thread was here\nafterwards\n"


def test_a_process_that_is_not_ours_keeps_its_standard_error(capfd):
    with unprinted() as errors:
        os.write(2, b"libpng warning: iCCP\n")
    assert errors == []
    assert capfd.readouterr().err == "libpng warning: iCCP\n"
