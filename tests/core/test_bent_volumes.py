"""Volumes that were bent by a known field, and volumes that no smooth field lays."""

import numpy as np
import pytest
from scipy import ndimage

from napari_ecc_align import (
    InputError,
    VolumeField,
    VolumeTransform,
    align_volume,
    judge_volume,
    warp_volume,
)
from napari_ecc_align._align.given_field import judged_by
from napari_ecc_align._align.volume.levels import volume_pyramid
from napari_ecc_align._align.volume.tiles import FIRST_TILES, TileMatcher

SHAPE = (60, 64, 68)
NEVER = np.zeros((8, 9, 10, 3))


def scene(shape, seed):
    """Soft blobs everywhere, so that there is something to see at every place."""
    rng = np.random.default_rng(seed)
    fine, soft = (ndimage.gaussian_filter(rng.normal(size=shape), size) for size in (1.8, 5))
    return 1000 + 200 * (fine / fine.std() + soft / soft.std())


def waves(shape, size=2.0):
    """A displacement (d, h, w, 3), by (x, y, z), that bends over a fifth of the volume."""
    z, y, x = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    return size * np.stack([np.sin(z / 11), np.cos(x / 13), np.sin(y / 12)], axis=-1)


def noisy(volume, seed=0, sigma=10):
    return volume + np.random.default_rng(seed).normal(0, sigma, volume.shape)


def bent_pair(seed, u):
    moving = scene(u.shape[:3], seed)
    reference = warp_volume(moving, VolumeField.from_displacements(u), interpolation="cubic")
    covered = warp_volume(np.ones(moving.shape), VolumeField.from_displacements(u)) > 0.999
    reference[~covered] = np.nan
    return noisy(reference, 1), noisy(moving, 2)


def displaced(result):
    """Return by how much a field moves each voxel of the reference, (d, h, w, 3)."""
    z, y, x = np.meshgrid(*(np.arange(n) for n in result.shape), indexing="ij")
    points = np.stack([x, y, z], axis=-1).reshape(-1, 3).astype(float)
    return (result.transform(points) - points).reshape(*result.shape, 3)


@pytest.fixture(scope="module")
def bent():
    u = waves(SHAPE)
    reference, moving = bent_pair(3, u)
    return reference, moving, u, align_volume(reference, moving, model="smooth")


def test_a_bent_volume_is_found_to_a_fraction_of_a_voxel_and_knows_how_well(bent):
    _, _, u, result = bent
    assert result.aligned, result
    assert result.bends
    assert result.known_share > 0.9
    off = np.linalg.norm(displaced(result) - u, axis=-1)
    known = result.known()
    assert off[known].mean() < 0.15
    assert (off[known] > 1).mean() < 0.001
    sigma = np.sqrt((result.transform.sigma**2).sum(axis=-1))
    assert np.isfinite(sigma).mean() > 0.7
    place = (34.0, 32.0, 30.0)
    assert result.uncertainty_at(place) == pytest.approx(
        result.uncertainty_at([place, place])[0], rel=1e-12
    )
    z, y, x = np.nonzero(known)
    ratio = off[known] / result.uncertainty_at(np.stack([x, y, z], axis=-1))
    assert 0.5 < np.sqrt((ratio**2).mean()) < 1.5


def test_the_field_that_was_found_lays_the_volume(bent):
    reference, moving, _, result = bent
    laid = warp_volume(moving, result, interpolation="cubic", fill=np.nan)
    both = np.isfinite(laid) & np.isfinite(reference)
    plain = np.corrcoef(moving[both], reference[both])[0, 1]
    assert np.corrcoef(laid[both], reference[both])[0, 1] > 0.99 > plain


def test_a_negative_is_laid_as_exactly(bent):
    reference, moving, u, _ = bent
    result = align_volume(reference, 3000 - moving, model="smooth")
    assert (result.aligned, result.inverted) == (True, True)
    off = np.linalg.norm(displaced(result) - u, axis=-1)
    assert off[result.known()].mean() < 0.15


def test_long_voxels_are_bent_in_lengths():
    u = waves((60, 64, 68))
    reference, moving = bent_pair(5, u)
    thin = slice(None, None, 2)
    result = align_volume(
        reference[thin], ndimage.gaussian_filter1d(moving, 0.8, axis=0)[thin], model="smooth",
        spacing=(2, 1, 1),
    )  # fmt: skip
    assert result.found, result
    known = result.known()
    assert known.mean() > 0.5
    off = displaced(result) - u[thin] * (1, 1, 0.5)
    assert np.abs(off[known]).mean(axis=0) == pytest.approx(0, abs=0.15)


def test_where_an_affine_motion_suffices_nothing_bends():
    big = scene((64, 68, 72), 7)
    reference, moving = noisy(big[2:58, 3:61, 4:66], 1), noisy(big[4:60, 2:60, 5:67], 2)
    result = align_volume(reference, moving, model="smooth")
    assert (result.aligned, result.bends) == (True, False)
    assert result.reason.startswith("Nothing bends")
    assert np.abs(displaced(result) - (-1, 1, -2)).max() < 0.1


def test_a_torn_volume_is_not_called_aligned_or_its_tear_is_not_known():
    moving = scene(SHAPE, 8)
    x = np.arange(SHAPE[2])
    u = np.zeros((*SHAPE, 3))
    u[..., 1] = np.where(x > SHAPE[2] // 2, 2.0, -2.0)
    z, y, x = np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij")
    at = np.stack([z, y + u[..., 1], x])
    reference = ndimage.map_coordinates(moving, at, order=1, mode="nearest")
    result = align_volume(noisy(reference, 1), noisy(moving, 2), model="smooth")
    assert not result.aligned, result
    off = np.linalg.norm(displaced(result) - u, axis=-1)
    known = result.known()
    assert not known.any() or (off[known] > 2).mean() < 0.005


def test_unrelated_volumes_fail():
    small = (40, 44, 46)
    result = align_volume(scene(small, 1), scene(small, 51), model="smooth")
    assert result.verdict == "failed"
    assert not result.known().any()


def test_an_empty_volume_fails_and_a_cancelled_one_says_so():
    empty = align_volume(np.zeros(SHAPE), scene(SHAPE, 1), model="smooth")
    assert (empty.verdict, "shows nothing" in empty.reason) == ("failed", True)
    ended = align_volume(scene(SHAPE, 1), scene(SHAPE, 1), model="smooth", cancel=lambda: True)
    assert ended.verdict == "cancelled"


def test_points_go_there_and_back_through_field_and_matrix():
    lattices = VolumeField.from_displacements(waves((20, 22, 24), 1.5))
    turn = np.eye(4)
    turn[:3, :3] = [[0.98, -0.1, 0], [0.1, 0.99, 0.02], [0, -0.03, 1.02]]
    turn[:3, 3] = 3, -2, 1
    field = VolumeField(
        turn, lattices.planes, lattices.rows, lattices.columns, lattices.coefficients
    )
    points = np.random.default_rng(0).uniform(2, 18, (50, 3))
    assert np.abs(field.to_reference(field(points)) - points).max() < 1e-6
    assert field.to_moving(points[0]).tolist() == field(points[:1])[0].tolist()


def test_fields_are_turned_round_and_composed():
    field = VolumeField.from_displacements(waves((8, 9, 10), 1.5), spacing=(4, 4, 4))
    shift = VolumeTransform([[1, 0, 0, 2], [0, 1, 0.1, -1], [0, 0, 1.1, 3]])
    points = np.random.default_rng(0).uniform(6, 24, (60, 3))
    assert np.abs(field.inverse(field(points)) - points).max() < 0.02
    assert np.abs((field.inverse @ field)(points) - points).max() < 0.02
    assert np.abs((shift @ field)(points) - shift.to_moving(field(points))).max() < 1e-9
    inner = points * 0.75
    assert np.abs((field @ shift)(inner) - field(shift.to_moving(inner))).max() < 0.02
    for wrong in (3, np.eye(4)):
        with pytest.raises(TypeError):
            field @ wrong


def test_a_field_between_micrometres_is_one_between_voxels(bent):
    field, lengths, others = bent[3].transform, (2, 0.5, 0.25), (1, 2, 4)
    um = field.in_units(lengths, others)
    points = np.random.default_rng(0).uniform(6, 50, (20, 3))
    there = um(points * lengths[::-1]) / others[::-1]
    assert np.abs(there - field(points)).max() < 1e-9
    back = um.in_units([1 / one for one in lengths], [1 / one for one in others])
    assert np.abs(back(points) - field(points)).max() < 1e-9
    assert np.allclose(back.uncertainty_at(points), field.uncertainty_at(points))
    with pytest.raises(InputError, match="spacing must be positive"):
        field.in_units(0)


BUMP = 6 * np.exp(-((np.arange(SHAPE[0]) - 30.0)[:, None, None, None] ** 2) / 2 / 8**2)


@pytest.mark.parametrize(
    ("error", "verdict", "off"),
    [
        (0, "aligned", 0.15),
        (np.array([0.3, 0, 0]), "aligned", 0.5),
        (np.array([0, 0, 1.5]), "failed", 2),
        (np.array([20.0, 0, 0]), "failed", 21),
        (BUMP * (1, 0, 0), "failed", 4),
        (np.where(np.arange(SHAPE[2]) < 15, 3.0, 0)[:, None] * (0, 1, 0), "doubtful", 0.15),
    ],
)
def test_a_field_is_judged_by_the_one_that_the_volumes_find(bent, error, verdict, off):
    _, _, u, result = bent
    given = VolumeField.from_displacements(u + error)
    starts = []
    judged = judged_by(lambda start: starts.append(start) or result, given, SHAPE)
    assert (judged.verdict, judged.judged, result.judged) == (verdict, True, False)
    said = float(judged.reason.split()[2])
    assert said < off and (verdict != "failed" or said > 1), judged.reason
    assert starts[0].shape == (4, 4)
    places = np.random.default_rng(0).uniform(4, 56, (200, 3))
    assert np.array_equal(judged.transform(places), given(places))
    known = judged.known()
    wrong = np.linalg.norm(np.broadcast_to(error, (*SHAPE, 3)), axis=-1) > 2
    assert known[wrong].sum() <= 0.1 * wrong.sum(), "what is wrong is not called known"


def test_fields_from_elsewhere_are_judged_in_lengths():
    u = waves((48, 52, 56), 1.2)
    reference, moving = bent_pair(5, u)
    thin, sizes = slice(None, None, 2), (1, 1, 0.5)
    given = VolumeField.from_displacements((u * sizes)[thin] + (0, 0, 0.8))
    judged = judge_volume(reference[thin], moving[thin], given, spacing=(2, 1, 1))
    assert judged.verdict in ("failed", "doubtful") and judged.judged
    assert float(judged.reason.split()[2]) == pytest.approx(1.6, abs=0.1)
    none = judge_volume(reference, np.zeros((9, 9, 9)), VolumeField.from_displacements(u))
    assert none.verdict == "failed" and "shows nothing" in none.reason


def test_displacements_are_those_that_were_given():
    u = waves((12, 14, 16), 1.0)
    field = VolumeField.from_displacements(u)
    found = field.displacements(*(np.arange(n) for n in u.shape[:3]))
    assert np.abs(found - u).max() < 1e-9
    assert np.abs(field.displacement([(3, 5, 7)]) - u[7, 5, 3]).max() < 1e-9
    assert field.displacements([], [1.5], []).shape == (0, 1, 0, 3)


@pytest.mark.parametrize("kind", ["uint8", "int64", "bool", "float32"])
def test_labels_keep_their_numbers_through_a_field(kind):
    labels = np.zeros((10, 11, 12), kind)
    labels[4:7, 4:7, 4:7] = 1 if kind == "bool" else 101
    shift = VolumeField.from_displacements(np.broadcast_to([2.0, 1.0, -1.0], (10, 11, 12, 3)))
    warped = warp_volume(labels, shift, interpolation="nearest")
    assert warped.dtype == labels.dtype
    assert warped[5:8, 3:6, 2:5].tolist() == labels[4:7, 4:7, 4:7].tolist()
    assert np.count_nonzero(warped) == np.count_nonzero(labels)


def test_itk_maps_the_same_points(tmp_path):
    sitk = pytest.importorskip("SimpleITK")
    field = VolumeField.from_displacements(waves((10, 12, 14), 1.0))
    field.save(tmp_path / "bent.mha")
    image = sitk.Cast(sitk.ReadImage(str(tmp_path / "bent.mha")), sitk.sitkVectorFloat64)
    there = sitk.DisplacementFieldTransform(image)
    for point in [(3.0, 4.0, 5.0), (11.0, 2.0, 8.0)]:
        assert there.TransformPoint(point) == pytest.approx(field(point).tolist(), abs=1e-5)


def test_a_file_is_not_overwritten_unasked(tmp_path):
    field = VolumeField.from_displacements(NEVER)
    path = tmp_path / "bent.mha"
    path.write_bytes(b"mine")
    with pytest.raises(InputError, match="exists"):
        field.save(path)
    assert path.read_bytes() == b"mine"
    field.save(path, overwrite=True)
    assert path.stat().st_size > NEVER.size * 4
    with pytest.raises(InputError, match="must end in"):
        field.save(tmp_path / "bent.tif")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"model": "bend"}, "smooth, not 'bend'"),
        ({"stiffness": 5}, "option of model='smooth'"),
        ({"model": "smooth", "stiffness": -1}, "stiffness must be"),
    ],
)
def test_what_cannot_be_is_said(options, said):
    with pytest.raises(InputError, match=said):
        align_volume(scene((16, 16, 16), 0), scene((16, 16, 16), 0), **options)


@pytest.mark.parametrize("wrong", [np.zeros((8, 8, 8)), np.zeros((3, 8, 8, 3))])
def test_displacements_of_another_shape_are_refused(wrong):
    with pytest.raises(InputError, match="displacements must have shape"):
        VolumeField.from_displacements(wrong)


def test_a_lazy_volume_is_not_laid_through_a_field():
    da = pytest.importorskip("dask.array")
    field = VolumeField.from_displacements(NEVER)
    with pytest.raises(InputError, match="lazy"):
        warp_volume(da.zeros((8, 9, 10)), field)


@pytest.mark.parametrize("size", [0, 0.6])
def test_tiles_that_lie_off_by_more_than_noise_ask_for_all(size):
    shape = (48, 64, 68)
    moving, still = scene(shape, 4), (np.ones(3), np.eye(4))
    bent = warp_volume(moving, VolumeField.from_displacements(waves(shape, size)))
    pair = (volume_pyramid(noisy(one, k), still[0], 1.0) for k, one in enumerate((bent, moving)))
    tiles = TileMatcher(*pair, 0, still[1], inverted=False).asked(still[1])
    assert tiles.clear and (tiles.tested > FIRST_TILES) == (size > 0)
