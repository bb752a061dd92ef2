"""A dataset of many pairs, most of them done, which costs no more than one."""

from __future__ import annotations

import json
import os
from pathlib import Path

from music.page import make_page
from napari_ecc_align import Batch
from napari_ecc_align._images.files.images import write_image

FOLDERS = ("ideal", "gray", "bw")


def make_many(root, *, done, left, shape=(300, 400)):
    """Make a dataset of one page under many names, and the output folder of `done` of them.

    Returns
    -------
    tuple of Path
        The dataset, with the folders ``ideal``, ``gray`` and ``bw``, and the output folder.
    """
    one, first, dataset, out = (root / name for name in ("one", "first", "dataset", "out"))
    page = make_page(shape=shape, seed=0, displacement=5.0)
    for folder, image in zip(FOLDERS, (page.reference, page.gray, page.binary), strict=True):
        (one / folder).mkdir(parents=True)
        (dataset / folder).mkdir(parents=True)
        write_image(one / folder / "a.png", image)
    list(Batch.plan(one / "ideal", one / "gray", siblings=[one / "bw"], out=first).run())
    record = json.loads((first / "records" / "a.png.json").read_bytes())
    for folder in ("records", "gray", "bw"):
        (out / folder).mkdir(parents=True)
    for number in range(done + left):
        name = f"p{number:04}.png"
        for folder in FOLDERS:
            os.link(one / folder / "a.png", dataset / folder / name)
        if number < done:
            _make_done(record, name, dataset, first, out)
    return dataset, out


def _make_done(record, name, dataset, first, out):
    inputs = [
        {**file, "path": str(dataset / Path(file["path"]).parent.name / name)}
        for file in record["inputs"]
    ]
    outputs = []
    for file in record["outputs"]:
        path = Path(file["path"]).with_name(name)
        os.link(first / file["path"], out / path)
        outputs.append({**file, "path": path.as_posix()})
    document = {**record, "name": name, "inputs": inputs, "outputs": outputs}
    (out / "records" / f"{name}.json").write_text(json.dumps(document))
