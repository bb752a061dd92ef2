"""The engines, and a pair that both align."""

import pytest

from napari_ecc_align._ecc.options import ENGINES
from pairs import known_pair, random_transform

SHAPE = (200, 240)


@pytest.fixture(params=ENGINES)
def engine(request):
    return request.param


@pytest.fixture(scope="module")
def camera():
    return known_pair("camera", random_transform(1, "affine", SHAPE), shape=SHAPE)
