"""The short form of the comparison: no pair may be lost, however slow the machine."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from scenarios import scenarios

from napari_ecc_align import align

SHORT = list(scenarios(repeats=1, large=False, seed=1))


@pytest.mark.parametrize("scenario", SHORT, ids=[scenario.name for scenario in SHORT])
def test_no_pair_is_lost(scenario):
    pair = scenario.make()
    result = align(pair.reference, pair.moving, model=pair.model)
    assert pair.error_of(result.transform.matrix) < 1
    assert result.verdict == "aligned", result.reason
