"""The motion model "auto": the narrowest that the images do not contradict."""

import numpy as np
import pytest
from skimage import data

from napari_ecc_align import InputError, align, align_stack
from napari_ecc_align._transform.matrices import MOTION_MODELS
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


def test_what_does_not_belong_together_is_not_aligned_by_any_model():
    result = align(data.camera()[:200, :200], data.moon()[:200, :200], model="auto")
    assert result.verdict == "failed"
    assert align(np.eye(64), np.zeros((64, 64)), model="auto").model == "translation"


def test_each_frame_of_a_stack_has_its_own_model():
    camera = data.camera()
    film = np.stack([camera[100 + k : 300 + k, 100:300] for k in range(3)])
    assert [result.model for result in align_stack(film, model="auto")] == ["translation"] * 3


def test_opencv_knows_none_to_choose_from():
    with pytest.raises(InputError, match="model 'auto' is not in OpenCV's ECC"):
        align(np.eye(64), np.eye(64), model="auto", engine="opencv")
