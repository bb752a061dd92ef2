"""Damaged files of every format that is read: something, or a refusal in a sentence.

All in one process, and nothing is written.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from damaged_files import damaged, damaged_text, image_files, picture

import napari_ecc_align as ecc
from napari_ecc_align._batch.plan.pair_table import read_table
from napari_ecc_align._batch.records.read import read_record_file
from napari_ecc_align._images.files.film import opened_film
from napari_ecc_align._images.files.headers import check_image_file

_MODELS = ("translation", "similarity", "homography")


def listing(folder):
    """Return every file below a folder, with its content."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def try_damaged(campaign, tmp_path):
    """Write damaged copies of files and read each, which stays as it is."""

    def run(files, damage, read, count, folder=tmp_path):
        names = sorted(files)

        def one_round(seed):
            generator = np.random.default_rng(seed)
            for name in names * count:
                other = files[names[int(generator.integers(len(names)))]]
                path = folder / name
                path.write_bytes(damage(files[name], generator, other=other))
                before = listing(folder)
                try:
                    read(path)
                    assert listing(folder) == before
                except BaseException as error:
                    kept = tmp_path.parent / f"damaged {seed} {Path(name).name}"
                    kept.write_bytes(before[path])
                    error.add_note(f"The file: {kept}")
                    raise
                path.write_bytes(files[name])

        campaign.run(one_round)

    return run


def test_images(campaign, try_damaged):
    def read(path):
        campaign.call(check_image_file, path)
        image = campaign.call(ecc.read_image, path)
        if image is not None:
            assert image.dtype.kind in "buif" and image.ndim in (2, 3) and image.size
        campaign.call(read_film, path)

    try_damaged(image_files(), damaged, read, 6)


def read_film(path):
    with opened_film(path) as film:
        return [np.asarray(film[number]) for number in range(min(3, len(film)))]


def transform_files(folder):
    """Return the bytes of a transform, and of a stack of them, in each format, by name."""
    shift = ecc.Transform([[1, 0, 2.5], [0, 1, -3]])
    turn = ecc.Transform([[0.8, -0.6, 1], [0.6, 0.8, 2]])
    folded = ecc.Transform([[1, 0.1, 3], [0.2, 1, 4], [1e-4, 2e-4, 1]])
    for suffix in ("json", "ome.json", "tfm", "csv", "npy", "txt"):
        for number, transform in enumerate((shift, turn)):
            transform.save(folder / f"{number}.{suffix}")
        ecc.VolumeTransform(np.eye(4) + np.eye(4, k=3) * 2.5).save(folder / f"v.{suffix}")
    for suffix in ("json", "csv", "npy"):
        folded.save(folder / f"h.{suffix}")
        ecc.save_transforms([shift, turn, shift], folder / f"stack.{suffix}")
    return {path.name: content for path, content in listing(folder).items()}


def test_transforms(campaign, try_damaged, tmp_path):
    made = tmp_path / "made"
    made.mkdir()
    files = transform_files(made)
    folder = tmp_path / "read"
    folder.mkdir()

    def read(path):
        one = campaign.call(ecc.Transform.load, path)
        many = campaign.call(ecc.load_transforms, path)
        volume = campaign.call(ecc.VolumeTransform.load, path)
        assert one is None or volume is None
        for transform in [one, volume, *(many or [])]:
            assert transform is None or np.isfinite(transform.matrix).all()
        assert one is None or many is None or many == [one]

    try_damaged(files, damaged_text, read, 14, folder)


def test_fields(campaign, try_damaged, tmp_path):
    made = tmp_path / "made"
    made.mkdir()
    u = np.stack([np.sin(np.mgrid[:9, :7][0]), np.cos(np.mgrid[:9, :7][1])], axis=-1)
    field = ecc.Field.from_displacements(u, spacing=(4, 4))
    for suffix in ("npz", "mha"):
        field.save(made / f"one.{suffix}")
    ecc.save_fields([field, field], made / "film.npz")
    files = {path.name: content for path, content in listing(made).items()}

    def read(path):
        one = campaign.call(ecc.Field.load, path)
        many = campaign.call(ecc.load_fields, path)
        for found in [one, *(many or [])]:
            assert found is None or np.isfinite(found((3.0, 4.0))).all()

    try_damaged(files, damaged, read, 14)


def test_tables(campaign, try_damaged, tmp_path):
    for name in ("a.png", "b.png", "c.png"):
        ecc.write_image(tmp_path / name, picture())
    files = {
        "t.csv": b"reference,moving,name,sibling:ink\na.png,b.png,p1,c.png\nb.png,a.png,p2,\n",
        "t.tsv": b"reference\tmoving\nb.png\ta.png\nc.png\ta.png\n",
        "q.csv": b'reference;moving;why\n"a.png";"b.png";"said ""so"""\n',
    }

    def read(path):
        rows, _ = campaign.call(read_table, path) or ([], [])
        planned = campaign.call(ecc.Batch.plan, table=path, out=tmp_path / "out")
        assert planned is None or rows
        if planned is not None:
            repr(planned)

    try_damaged(files, damaged_text, read, 30)


def test_records_and_plans(campaign, try_damaged, tmp_path):
    """An output folder of a batch can always be opened, but for a plan that is none."""
    out, texts = tmp_path / "out", {}
    for folder in ("r", "m"):
        (tmp_path / folder).mkdir()
        for name in ("1.png", "2.png"):
            ecc.write_image(tmp_path / folder / name, picture())
    batch = ecc.Batch.plan(tmp_path / "r", tmp_path / "m", out)
    for _ in batch.run(workers=1):
        pass
    batch.correct("1.png", ecc.Transform.identity(), note="seen")
    texts = {
        str(path.relative_to(out)): content
        for path, content in listing(out).items()
        if path.suffix == ".json"
    }
    assert len(texts) > 2

    def read(path):
        record = read_record_file(path)
        if record is not None:
            json.dumps(record.as_document(), allow_nan=False)
            record.to_dict()
        opened = campaign.call(ecc.Batch.open, out)
        if opened is not None:
            repr(opened)
            opened.records()
            opened.to_dict()

    try_damaged(texts, damaged_text, read, 15, out)
