"""A small dataset of pages in flavours, with its truth, drawn by the package itself."""

from __future__ import annotations

import functools
import hashlib
import json
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tifffile import imwrite

from music.page import make_page
from napari_ecc_align._images.files.images import write_image

SHAPE = (450, 600)
FLAVOURS = ("gray", "bw", "nostaff")


@dataclass(frozen=True)
class Dataset:
    """Where the pages are, and the true matrix of each that is shifted or aligned."""

    root: Path
    truth: dict[str, np.ndarray]

    @property
    def arguments(self):
        """The options that name its folders."""
        moving, *siblings = (self.root / "scan" / flavour for flavour in FLAVOURS)
        named = ["--reference", self.root / "ideal", "--moving", moving]
        return [*named, *(part for folder in siblings for part in ("--sibling", folder))]

    @property
    def folders(self):
        """The same for `Batch.plan`."""
        moving, *siblings = (self.root / "scan" / flavour for flavour in FLAVOURS)
        return {"reference": self.root / "ideal", "moving": moving, "siblings": siblings}

    def file(self, flavour, name):
        folder = "ideal" if flavour == "ideal" else f"scan/{flavour}"
        return self.root / folder / name


@functools.cache
def _page(seed, displaced):
    return make_page(shape=SHAPE, seed=seed, displacement=displaced)


def add_page(root, name, seed, *, displaced=5.0, blank=False):
    """Write one page in all flavours; return its true matrix."""
    page = _page(seed, displaced)
    height, width = page.gray.shape
    reference = page.reference if displaced else page.reference[:height, :width]
    gray = np.full_like(page.gray, 230) if blank else page.gray
    images = {
        "ideal": reference,
        "scan/gray": gray,
        "scan/bw": page.binary,
        "scan/nostaff": page.staffless,
    }
    for folder, image in images.items():
        path = root / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(path, image)
    return page.matrix


def make_good(root, count=4):
    """Make shifted pages, and one that is aligned already."""
    truth = {
        f"w-{1 + i // 2}/p{i}.png": add_page(root, f"w-{1 + i // 2}/p{i}.png", i)
        for i in range(count - 1)
    }
    truth["w-9/aligned.png"] = add_page(root, "w-9/aligned.png", 90, displaced=0)
    return Dataset(root, truth)


def bomb(side=40_000):
    """Return a PNG of a few bytes that claims a billion pixels."""

    def chunk(kind, data):
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    data = zlib.compress(b"\0" * 5000)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


def add_broken(root):
    """Add a page of each broken kind; return a word of the reason that each must be given."""
    kinds = "blank wrong truncated missing empty bomb text sizes folder dangling sibling size"
    for kind in kinds.split():
        add_page(root, f"x/{kind}.png", 1, blank=kind == "blank")
    gray = root / "scan" / "gray" / "x"
    other = _page(2, 5.0)
    write_image(gray / "wrong.png", _resized(other.gray, gray / "wrong.png"), overwrite=True)
    whole = (gray / "truncated.png").read_bytes()
    (gray / "truncated.png").write_bytes(whole[: len(whole) // 3])
    (gray / "empty.png").write_bytes(b"")
    (gray / "bomb.png").write_bytes(bomb())
    (gray / "text.png").write_bytes(b"no image at all")
    # Whatever it is called: the content tells what a file is.
    for side in (40, 50):
        imwrite(gray / "sizes.png", np.zeros((side, 50), np.uint8), append=side > 40)
    for name in ("missing", "folder", "dangling"):
        (gray / f"{name}.png").unlink()
    (gray / "folder.png").mkdir()
    (gray / "dangling.png").symlink_to(gray / "nowhere.png")
    (root / "scan" / "bw" / "x" / "sibling.png").unlink()
    write_image(
        root / "scan" / "bw" / "x" / "size.png", np.eye(50, dtype=np.uint8), overwrite=True
    )
    return {
        "blank": "",
        "wrong": "",
        "truncated": "damaged or cut off",
        "missing": "No such file",
        "empty": "is empty",
        "bomb": "claims 40000 x 40000 pixels",
        "text": "is not a PNG, TIFF or JPEG",
        "sizes": "holds 2 pages",
        "folder": "is not a file",
        "dangling": "No such file",
        "sibling": "bw/x/sibling.png: No such file",
        "size": "is 50 x 50 pixels",
    }


def _resized(image, path):
    from napari_ecc_align._images.files.images import read_image

    height, width = read_image(path).shape
    result = np.full((height, width), 230, np.uint8)
    rows, columns = np.minimum(image.shape, result.shape)
    result[:rows, :columns] = image[:rows, :columns]
    return result


def digests(folder):
    """Return the digest of every file, by its path."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def contents(out):
    """Return what a run has written, times and plans aside: images by digest, records by value."""
    found = {}
    for name, value in digests(out).items():
        if name.startswith("records/"):
            document = json.loads((out / name).read_bytes())
            assert document.pop("times")
            found[name] = document
        elif not name.startswith(("report.", ".ecc-align/lock", ".ecc-align/plan")):
            found[name] = value
    return found
