"""The motion model "auto": the narrowest that the images do not contradict."""

import json

import cv2
import numpy as np
import pytest
from scipy import stats
from skimage import data

from napari_ecc_align import BatchSettings, InputError, Transform, align, align_stack, write_image
from napari_ecc_align._cli import main
from napari_ecc_align._common.steps import outcome_of
from napari_ecc_align._ecc.estimator import estimate_steps
from napari_ecc_align._ecc.model_choice import Finding, contradicted, is_needed, sufficient
from napari_ecc_align._ecc.options import SearchOptions
from napari_ecc_align._images.pyramid.halving import image_pyramid
from napari_ecc_align._transform.matrices import MOTION_MODELS
from napari_ecc_align._transform.models import MODELS
from pairs import known_pair, random_transform

SHAPE = (200, 240)


@pytest.mark.parametrize("model", MOTION_MODELS)
def test_the_model_by_which_a_pair_was_made_is_chosen(model):
    known = known_pair("chelsea", random_transform(4, model, SHAPE, size=5), shape=SHAPE)
    result = align(known.reference, known.moving, model="auto")
    assert (result.verdict, result.model) == ("aligned", model)
    assert result.reason.endswith(f" {model.capitalize()} suffices.")
    assert known.error_of(result.transform) < 0.05
    # Its uncertainty is that of its own freedoms.
    assert len(result.covariance) == {"translation": 2, "euclidean": 3, "similarity": 4}.get(
        model, 6 if model == "affine" else 8
    )


def test_more_is_looked_at_than_the_precision_needs_to_tell_which_freedoms_are_needed():
    shape = (280, 400)
    barely = random_transform(2, "affine", shape, size=0.08)
    known = known_pair("chelsea", barely, shape=shape)
    rng = np.random.default_rng(1)
    result = align(rng.normal(known.reference, 2), rng.normal(known.moving, 2), model="auto")
    assert result.model == "affine"
    # Without its stretch and shear, 0.032 px; the precision that is asked for is 0.02.
    assert known.error_of(result.transform) < 0.01


def test_a_perspective_to_which_noise_alone_leads_is_none():
    sky, rng = data.rocket().mean(axis=2), np.random.default_rng(2)
    first, second = sky[257:385, 407:567], sky[259:387, 410:570]
    pair = [image_pyramid(rng.normal(part, 5)) for part in (first, second)]
    options = SearchOptions("homography")
    freest = Finding("homography", outcome_of(estimate_steps(*pair, options)))
    # It lies further off than it claims.
    assert (
        Transform(freest.estimate.matrix).corner_distance([[1, 0, -3], [0, 1, -2]], first.shape)
        > 3 * freest.estimate.corner_uncertainty
    )
    assert next(sufficient(*pair, options, freest)).model == "translation"


@pytest.mark.parametrize(
    ("freer", "narrower"),
    [
        ("euclidean", "translation"),
        ("homography", "affine"),
        ("affine", "euclidean"),
        ("affine", "translation"),
    ],
)
def test_a_freedom_is_needed_by_what_is_chance_once_in_a_thousand(freer, narrower):
    missing = MODELS[freer].n_parameters - MODELS[narrower].n_parameters
    assert is_needed(freer, narrower, stats.chi2.isf(0.99e-3, missing))
    assert not is_needed(freer, narrower, stats.chi2.isf(1.01e-3, missing))


def test_what_does_not_belong_together_is_not_aligned_by_any_model():
    result = align(data.camera()[:200, :200], data.moon()[:200, :200], model="auto")
    assert result.verdict == "failed"
    assert align(np.eye(64), np.zeros((64, 64)), model="auto").model == "translation"


def test_where_no_model_suffices_no_freer_one_is_asked_for():
    camera = data.camera().astype(np.float32)
    y, x = np.mgrid[:200, :200].astype(np.float32)
    bent = cv2.remap(camera, x + 150 + 1.5 * np.sin(y / 30), y + 60 + 1.5 * np.sin(x / 30), 2)
    result = align(camera[60:260, 150:350], bent, model="auto")
    assert (result.verdict, result.model) == ("doubtful", "affine")
    assert "does not suffice: a freer one" in result.reason
    assert result.reason.endswith("None of the five models suffices.")


def test_narrower_models_that_are_contradicted_are_asked_the_freest_first():
    known = known_pair("chelsea", random_transform(4, "affine", SHAPE, size=5), shape=SHAPE)
    pair = image_pyramid(known.reference), image_pyramid(known.moving)
    options = SearchOptions("affine")
    freest = Finding("affine", outcome_of(estimate_steps(*pair, options)))
    assert [one.model for one in sufficient(*pair, options, freest)] == ["affine"]
    found = [*contradicted(*pair, options, freest, ["affine", "euclidean"])]
    assert [one.model for one in found] == ["similarity", "translation"]
    errors = [known.error_of(Transform(one.estimate.matrix)) for one in (freest, *found)]
    assert errors == sorted(errors)
    assert errors[0] < 0.05 < errors[1]


def test_each_frame_of_a_stack_has_its_own_model():
    camera = data.camera()
    film = np.stack([camera[100 + k : 300 + k, 100:300] for k in range(3)])
    assert [result.model for result in align_stack(film, model="auto")] == ["translation"] * 3


def test_a_batch_keeps_that_the_model_was_to_be_chosen():
    settings = BatchSettings(model="auto")
    assert BatchSettings.from_document(settings.as_document()) == settings


def test_the_shell_says_which_model_suffices(tmp_path, capsys):
    known = known_pair("camera", random_transform(1, "euclidean", SHAPE), shape=SHAPE)
    paths = [str(tmp_path / f"{name}.tif") for name in ("fixed", "moving")]
    for path, image in zip(paths, (known.reference, known.moving), strict=True):
        write_image(path, image.astype(np.float32))
    assert main(["align", *paths, "--model", "auto", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["model"] == "euclidean"
    assert answer["reason"].endswith("Euclidean suffices.")
    # It may be a homography, which such a file cannot hold.
    assert main(["align", *paths, "--model", "auto", "--transform-out", "t.txt"]) == 2
    assert "cannot hold a homography" in capsys.readouterr().err


def test_opencv_knows_none_to_choose_from():
    with pytest.raises(InputError, match="model 'auto' is not in OpenCV's ECC"):
        align(np.eye(64), np.eye(64), model="auto", engine="opencv")
