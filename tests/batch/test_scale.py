"""What a batch of real sizes takes: memory, in all its processes together."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest
from commands import lines
from dataset import Dataset

from benchmarks.batch import Memory
from cli.processes import MODULE, Finished, environment
from music.page import make_page
from napari_ecc_align._images.files.images import write_image

MOST_MEGABYTES = 600


def enlarged(image):
    return np.kron(image, np.ones((4, 4), image.dtype))


@pytest.fixture(scope="module")
def hopeless(tmp_path_factory):
    """Scans of 8 megapixels, blank and of another page, which are searched for longest."""
    root = tmp_path_factory.mktemp("hopeless")
    page, other = (make_page(shape=(600, 850), seed=seed) for seed in range(2))
    noise = np.random.default_rng(0)
    for name, small in (("other", other.binary), ("blank", np.full_like(page.binary, 255))):
        binary = enlarged(small)
        gray = np.clip(binary * 0.7 + 40 + noise.normal(0, 4, binary.shape), 0, 255)
        images = {
            "ideal": enlarged(page.reference),
            "scan/gray": gray.astype(np.uint8),
            "scan/bw": binary,
        }
        for folder, image in images.items():
            path = root / folder / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_image(path, image)
    shutil.copytree(root / "scan" / "bw", root / "scan" / "nostaff")
    return Dataset(root, {})


def test_hopeless_pages_side_by_side_stay_within_the_memory_promised(hopeless, tmp_path, capsys):
    command = [*MODULE, "batch", *map(str, hopeless.arguments), "--workers", "2", "--json"]
    process = subprocess.Popen(
        # Shifts alone are given up sooner than an affine motion and take as much memory.
        [*command, "--model", "translation", "--out", str(tmp_path / "out")],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    watch = Memory(process.pid)
    watch.start()
    out, _ = process.communicate(timeout=300)
    watch.going = False
    done = lines(Finished(process.returncode, out, ""))
    assert [line["outcome"] for line in done if line["event"] == "pair"] == ["failed"] * 2
    with capsys.disabled():
        print(
            f"\ntwo hopeless pages of 8 megapixels at once: {watch.most_rss:.0f} MB, "
            f"{watch.most_pss:.0f} MB with what they share counted once"
        )
    # Counted once: the sum of all processes counts a library in each of them, and the child of a
    # fork as a second parent for as long as it has not begun its own program.
    assert 100 < watch.most_pss < MOST_MEGABYTES
