"""A volume that does not fit into memory, whose writing is interrupted or killed halfway."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import zarr
from processes import environment, heed_interrupts
from scipy import ndimage

import napari_ecc_align

SHAPE = (70, 330, 340)


def image(path: Path, volume: np.ndarray) -> Path:
    group = zarr.open_group(path, mode="w")
    datasets = []
    for number, level in enumerate((volume, volume[::2, ::2, ::2])):
        made = group.create_array(f"{number}", shape=level.shape, chunks=(35, 64, 64), dtype="u2")
        made[...] = level
        step = {"type": "scale", "scale": [2.0**number] * 3}
        datasets.append({"path": f"{number}", "coordinateTransformations": [step]})
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    told = {"axes": axes, "datasets": datasets}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [told]}
    return path


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "zarr.json"
    }


@pytest.fixture(scope="module")
def command(tmp_path_factory):
    """What aligns two of them, but for where the result goes."""
    folder = tmp_path_factory.mktemp("large")
    rng = np.random.default_rng(4)
    world = ndimage.gaussian_filter(rng.random([n + 8 for n in SHAPE], np.float32), 1.5)
    world = (60_000 * (world - world.min()) / np.ptp(world)).astype(np.uint16)
    one = image(folder / "one.ome.zarr", world[:-8, :-8, :-8])
    two = image(folder / "two.ome.zarr", world[2:-6, 5:-3, 3:-5])
    return ["align", str(one), str(two), "--model", "translation", "--fill", "0", "--out"]


def started(command, out):
    return subprocess.Popen(
        [sys.executable, "-m", "napari_ecc_align", *command, str(out)],
        env=environment(
            PYTHONPATH=str(Path(napari_ecc_align.__file__).parents[1]),
            ECC_ALIGN_IMAGE_BYTES="8000000",
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=None if sys.platform == "win32" else heed_interrupts,
    )


@pytest.fixture(scope="module")
def whole(command, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "out"
    running = started(command, out)
    # Of some versions, numcodecs warns of itself whatever is asked.
    assert "ecc-align" not in running.communicate()[1] and running.returncode == 0
    return files(out)


def ended(command, folder, how):
    """End a run while it writes; return what it was told to write to, its code and words."""
    for attempt in range(5):
        out = folder / f"out{attempt}"
        running, until = started(command, out), time.monotonic() + 120
        while not any(path.is_file() and "/c/" in path.as_posix() for path in out.rglob("*")):
            assert running.poll() is None and time.monotonic() < until, "never seen writing"
            time.sleep(0.001)
        running.send_signal(how)
        said = running.communicate()[1]
        # A machine that is busy elsewhere may look too late.
        if running.returncode != 0:
            return out, running.returncode, said
    raise AssertionError("it was over before it could be ended")


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be interrupted so there")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_nothing_half_written_stays_and_the_next_run_goes_on(how, command, whole, tmp_path):
    out, code, said = ended(command, tmp_path, how)
    assert "Traceback" not in said
    names = [path.name for path in out.iterdir()] if out.exists() else []
    assert not [name for name in names if not name.startswith(".")], "a result has its name"
    if how == signal.SIGINT:
        # Nothing is left: whoever runs it again begins anew.
        assert code == 130 and not names
        return
    assert code == -signal.SIGKILL and names
    again = started(command, out)
    assert "ecc-align" not in again.communicate()[1] and again.returncode == 0
    assert not [path for path in out.iterdir() if path.name.startswith(".")]
    left = files(out)
    assert left.keys() == whole.keys()
    changed = [name for name in left if left[name] != whole[name]]
    # The record says when it was made.
    assert changed in ([], ["two_transform.json"])
