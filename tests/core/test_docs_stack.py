"""The code of docs/stack.md, run as it stands there."""

import numpy as np
from skimage import data

from docs_pages import run

SHIFTS = [(0, 0), (2, -1), (3, 1)]


def test_the_code_of_the_page_lays_the_frames_on_the_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image = data.camera()
    frames = np.stack([image[50 + y : 210 + y, 60 + x : 240 + x] for y, x in SHIFTS])
    names = run("stack.md", frames=frames)
    assert (tmp_path / "film.json").exists()
    assert (tmp_path / "drift.csv").read_text().startswith("frame,verdict,")
    for frame in names["warped"]:
        inner = (slice(8, -8), slice(8, -8))
        assert np.abs(frame[inner].astype(int) - frames[0][inner]).mean() < 2
