"""Films of volumes that bend: a field for each volume, kept, loaded, and gone on with."""

import json
from dataclasses import replace

import numpy as np
import pytest
from test_bent_volumes import SHAPE, bent_pair, waves

from napari_ecc_align import (
    Field,
    InputError,
    SmoothVolumeStack,
    VolumeField,
    align_volume_stack,
    load_fields,
    load_volume_transforms,
    save_fields,
)
from napari_ecc_align._align.frame_options import Bending
from napari_ecc_align._align.frame_records import FrameRecords
from napari_ecc_align._align.passes import StackRun
from napari_ecc_align._align.volume import film_frames
from napari_ecc_align._align.volume.bent.smooth import volume_known_to_lie_still
from napari_ecc_align._align.volume.film import volume_film_steps
from napari_ecc_align._common.steps import outcome_of
from napari_ecc_align._ecc.options import SearchOptions

SPACING = (0.6, 0.5, 0.5)
SMALL = (12, 14, 16)


@pytest.fixture(scope="module")
def film():
    """A volume, one that shows it bent, one that shows nothing, and how it is bent."""
    u = waves(SHAPE)
    reference, moving = bent_pair(3, u)
    volumes = [reference, moving, np.zeros(SHAPE)]
    return np.array(volumes, np.float32), VolumeField.from_displacements(u)


@pytest.fixture(scope="module")
def stack(film):
    return align_volume_stack(film[0], model="smooth", spacing=SPACING)


@pytest.fixture
def found(monkeypatch):
    """Have fields found at once: of each volume the one that its first voxel numbers."""
    asked = []

    def steps(job, own, other):
        number = int(other[0].values.flat[0])
        asked.append((number, job.start, job.stiffness))
        result = volume_known_to_lie_still(own[0].shape, job.spacings[0], "found")
        u = np.full((*SMALL, 3), 0.5 * number)
        yield from ()
        return replace(result, transform=VolumeField.from_displacements(u), bends=number > 0)

    monkeypatch.setattr(film_frames, "smooth_volume_steps", steps)
    return asked


def numbered(*numbers):
    rng = np.random.default_rng(0)
    volumes = [rng.normal(size=SMALL).astype(np.float32) for _ in numbers]
    for volume, number in zip(volumes, numbers, strict=True):
        volume.flat[0] = number
    return volumes


def test_each_volume_of_a_film_has_a_field_of_its_own(stack, film):
    assert isinstance(stack, SmoothVolumeStack) and stack.shape == SHAPE
    assert stack.verdicts == ["aligned", "aligned", "failed"], [one.reason for one in stack]
    inner = np.random.default_rng(0).uniform(8, 52, (300, 3))
    assert np.median(np.linalg.norm(stack[1].transform(inner) - film[1](inner), axis=1)) < 0.15
    assert stack[0].transform.largest == 0 and stack[0].uncertainty_at((9, 9, 9)) == 0
    table = stack.to_dict()
    assert table["bends"].tolist() == [False, True, False]
    centre = (np.array(SHAPE[::-1]) - 1) / 2
    moved = stack[1].transform(centre) - centre
    assert [table[f"{axis}_voxels"][1] for axis in "xyz"] == pytest.approx(moved)
    assert [table[axis][1] for axis in "xyz"] == pytest.approx(moved * SPACING[::-1])
    assert table["bends_up_to"][1] == stack[1].transform.largest > 1
    assert "2 aligned, 1 failed (2); x up to" in repr(stack) and "bends up to" in repr(stack)
    assert "<path" in stack._repr_html_()
    # What fails is a gap, and takes its neighbour's field, of which nobody says how it fits.
    assert stack.gaps == [2] and np.isnan(table["x"][2]) and not stack[2].known().any()
    filled = stack.filled_results
    assert filled[2].transform.sigma is None and filled.verdicts == stack.verdicts
    assert np.array_equal(filled[2].transform(inner), stack[1].transform(inner))


def test_it_is_saved_and_loaded_and_noted_as_it_is(stack, tmp_path):
    inner = np.random.default_rng(0).uniform(8, 52, (300, 3))
    stack.save(tmp_path / "film.npz")
    loaded = load_volume_transforms(tmp_path / "film.npz")
    for one, field in zip(loaded, stack.filled_transforms, strict=True):
        assert isinstance(one, VolumeField)
        assert np.abs(one(inner) - field(inner)).max() < 1e-3
    with pytest.raises(InputError, match="holds a field of volumes, not of images"):
        load_fields(tmp_path / "film.npz")
    with pytest.raises(InputError, match="of volumes load_volume_transforms"):
        VolumeField.load(tmp_path / "film.npz")
    flat = Field.from_displacements(np.zeros((8, 8, 2)))
    with pytest.raises(InputError, match="all of images, or all of volumes"):
        save_fields([loaded[0], flat], tmp_path / "both.npz")
    save_fields([flat], tmp_path / "flat.npz")
    with pytest.raises(InputError, match="holds no field of volumes"):
        load_volume_transforms(tmp_path / "flat.npz")
    with (tmp_path / "records").open("w+b") as file:
        records = FrameRecords(file, {})
        for result in stack:
            records.add(result)
        file.seek(0)
        known = FrameRecords(file, {}).known
        file.seek(0)
        noted = json.loads(file.readlines()[2])
    assert "transform" not in noted and len(known) == 3
    for one, result in zip(known, stack, strict=True):
        assert (one.verdict, one.reason, one.shape) == (result.verdict, result.reason, SHAPE)
        assert (one.spacing, one.known_share) == (result.spacing, result.known_share)
        assert np.array_equal(one.transform(inner), result.transform(inner))
        assert np.array_equal(one.uncertainty_at(inner), result.uncertainty_at(inner), True)
    counted = (stack[1].tiles.tested, stack[1].tiles.agreeing)
    assert (known[1].tiles.tested, known[1].tiles.agreeing) == counted


def test_it_goes_on_behind_what_is_known(found):
    volumes = numbered(0, 1, 2, 3)
    whole = align_volume_stack(volumes, model="smooth", stiffness=9)
    assert [number for number, _, _ in found] == [1, 2, 3]
    # Each starts where the one before was found.
    assert [None if start is None else start[0, 3] for _, start, _ in found] == [0, 0, 0]
    assert {stiffness for _, _, stiffness in found} == {9}
    run = StackRun(known=whole.results[:3], brief=True, bending=Bending())
    again = outcome_of(volume_film_steps(volumes, SearchOptions("smooth"), run=run))
    assert [number for number, _, _ in found] == [1, 2, 3, 3]
    assert again.to_dict()["x"] == pytest.approx([0, 0.5, 1, 1.5])
    stopped = align_volume_stack(volumes, model="smooth", cancel=lambda: True)
    assert stopped.verdicts == ["aligned", *["cancelled"] * 3]
    others = {"reference": volumes[0], "cancel": lambda: True}
    nothing = align_volume_stack(volumes[1:], model="smooth", **others)
    assert nothing.gaps == [0, 1, 2] and repr(nothing).endswith("3 cancelled (0, 1, 2)")
    assert [field.largest for field in nothing.filled_transforms] == [0] * 3
    with pytest.raises(InputError, match="stiffness is an option of model='smooth'"):
        align_volume_stack(volumes, stiffness=8)


def test_fields_of_a_film_are_composed_and_averaged(found):
    volumes = numbered(0, 1, 2)
    to_previous = align_volume_stack(volumes, model="smooth", reference="previous")
    # What is composed is corrected against the first.
    assert to_previous.to_dict()["x"] == pytest.approx([0, 0.5, 1])
    assert [number for number, _, _ in found] == [1, 1, 2, 2]
    assert found[-1][1][0, 3] == 0 and to_previous.reference == "previous"
    del found[:]
    to_mean = align_volume_stack(volumes, model="smooth", reference="mean")
    assert [number for number, _, _ in found] == [1, 2, 0, 1, 2]
    assert to_mean.reference == "mean" and to_mean.verdicts == ["aligned"] * 3
