"""Where a field that only its stiffness holds is relied upon."""

from types import SimpleNamespace

import numpy as np
import pytest

from napari_ecc_align._verdict.field_trust import unheld

SHAPE = (40, 50)


@pytest.mark.parametrize(("misfits", "torn"), [(0, False), (5, False), (7, True)])
def test_nothing_that_shows_nothing_is_relied_upon_where_parts_do_not_fit(misfits, torn):
    told = np.zeros((3, *SHAPE), np.float32)
    told[[0, 2], :, :25] = 1
    estimate = SimpleNamespace(
        system=SimpleNamespace(cells=told), seen=SimpleNamespace(shown=np.ones(SHAPE))
    )
    # Of 2,000 cells, and all where there is nothing to see.
    misfit = np.zeros(SHAPE, bool)
    misfit[20, 40 : 40 + misfits] = True
    bare = unheld(estimate, np.ones(SHAPE, bool), misfit, bends=False)
    assert not bare[:, :22].any() and (bare[:, 34:] == torn).all()
