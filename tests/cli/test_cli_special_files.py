"""Pipes, sockets, devices, folders and links to nothing, wherever a file may be named."""

from __future__ import annotations

import os
import socket

import pytest
from processes import names_in, run_main

from napari_ecc_align import InputError, Transform, read_image, write_image

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="only Unix has such files")


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path.name)


KINDS = {
    "pipe": lambda path: os.mkfifo(path),
    "link to a pipe": lambda path: (os.mkfifo(path.parent / "p"), path.symlink_to("p")),
    "socket": make_socket,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "folder": lambda path: path.mkdir(),
    "link to itself": lambda path: path.symlink_to(path.name),
    "link to nothing": lambda path: path.symlink_to("nothing"),
}
CAMERA, SHIFTED, SLIDE = "{inputs}/camera.png", "{inputs}/shifted.png", "{inputs}/slide.json"
READ = {
    "reference": ("align", "odd.png", SHIFTED),
    "moving": ("align", CAMERA, "odd.tif"),
    "mask": ("align", CAMERA, SHIFTED, "--mask", "odd.png"),
    "moving mask": ("align", CAMERA, SHIFTED, "--moving-mask", "odd.png"),
    "initial": ("align", CAMERA, SHIFTED, "--initial", "odd.json"),
    "transform": ("apply", "odd.json", CAMERA, "--like", CAMERA, "--out", "o.png"),
    "image": ("apply", SLIDE, "odd.png", "--like", CAMERA, "--out", "o.png"),
    "like": ("apply", SLIDE, CAMERA, "--like", "odd.png", "--out", "o.png"),
    "compared": ("compare", CAMERA, "odd.png"),
    "composed": ("compose", SLIDE, "odd.npy", "--out", "o.json"),
    "converted": ("convert", "odd.tfm", "o.json"),
    "points": ("points", SLIDE, "odd.csv"),
    "info": ("info", "odd.json"),
    "film": ("stack", "odd.tif"),
    "frame": ("stack", CAMERA, "odd.png"),
    "reference of a film": ("stack", CAMERA, SHIFTED, "--reference", "odd.png"),
    "pairs": ("batch", "--pairs", "odd.csv", "--out", "out"),
}
WRITTEN = {
    "image": ("apply", SLIDE, CAMERA, "--like", CAMERA, "--overwrite", "--out", "odd.png"),
    "transform": ("align", CAMERA, SHIFTED, "--overwrite", "--transform-out", "odd.json"),
    "converted": ("convert", SLIDE, "odd.csv", "--overwrite"),
    "composed": ("compose", SLIDE, SLIDE, "--overwrite", "--out", "odd.npy"),
    "drift": ("stack", CAMERA, SHIFTED, "--overwrite", "--transform-out", "odd.csv"),
}


def what_is_in(folder):
    found = ((name, (folder / name).lstat()) for name in names_in(folder))
    return [(name, status.st_mode, status.st_ino, status.st_mtime_ns) for name, status in found]


def refused(command, kind, inputs, folder, monkeypatch):
    monkeypatch.chdir(folder)
    arguments = [one.format(inputs=inputs) for one in command]
    odd = next(folder / one for one in arguments if one.startswith("odd."))
    KINDS[kind](odd)
    before = what_is_in(folder)
    assert odd.name in run_main(*arguments).complaint
    assert what_is_in(folder) == before


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", READ)
def test_what_is_no_file_is_not_waited_for(place, kind, inputs, tmp_path, monkeypatch):
    refused(READ[place], kind, inputs, tmp_path, monkeypatch)


@pytest.mark.parametrize("kind", ["pipe", "link to a pipe", "socket", "device"])
@pytest.mark.parametrize("place", WRITTEN)
def test_what_is_no_file_is_not_replaced(place, kind, inputs, tmp_path, monkeypatch):
    refused(WRITTEN[place], kind, inputs, tmp_path, monkeypatch)


@pytest.mark.parametrize("option", ["--reference", "--moving", "--sibling", "--out"])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "folder"])
def test_a_batch_takes_folders_alone(option, kind, inputs, tmp_path, monkeypatch):
    if (option, kind) == ("--out", "link to nothing"):
        pytest.skip("a batch makes its output folder")
    (tmp_path / "a").mkdir()
    write_image(tmp_path / "a" / "1.png", read_image(inputs / "camera.png"))
    given = {"--reference": "a", "--moving": "a", "--sibling": "s=a", "--out": "out"}
    command = [word for pair in (given | {option: "odd.png"}).items() for word in pair]
    refused(["batch", *command], kind, inputs, tmp_path, monkeypatch)


@pytest.mark.parametrize("path", ["a\0b.png", "a\0b.json", "\ud800.json"])
def test_what_no_file_can_be_called_is_said(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    read = read_image if path.endswith("png") else Transform.load
    with pytest.raises(InputError, match="no file can be called so"):
        read(path)
    with pytest.raises(InputError, match="no file can be called so"):
        Transform.identity().save(path.replace("png", "json"))
