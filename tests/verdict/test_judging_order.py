"""What holds of the verdict whatever the evidence: more agreement never makes it worse."""

from functools import partial

import pytest
from builders import make_evidence, make_tiles, make_wide, rival
from hypothesis import given
from hypothesis import strategies as st

from napari_ecc_align._verdict.rules import judge, p_value
from napari_ecc_align._verdict.shifted_rival import WholeFit
from napari_ecc_align._verdict.verdict import VERDICTS


def rank_of(**known):
    return VERDICTS.index(judge(make_evidence(**known)).verdict)


counts = st.integers(4, 40).flatmap(
    lambda tested: st.tuples(st.just(tested), st.integers(0, tested), st.integers(0, tested))
)


@given(counts, st.integers(0, 40), st.floats(0, 1.2), st.sampled_from([0.2, 0.5, 0.95]))
def test_more_agreeing_tiles_never_make_it_worse(counted, more, likeness, ecc):
    """Both at full resolution and of those that see farther."""
    tested, fine, wide = counted

    def rank(fine, wide):
        known = {"whole": WholeFit(rival(likeness)), "ecc": ecc}
        tiles = {"fine": make_tiles(fine, tested), "wide": make_wide(wide, tested)}
        return rank_of(**tiles, **known)

    before = rank(fine, wide)
    assert rank(min(tested, fine + more), wide) >= before
    assert rank(fine, min(tested, wide + more)) >= before


@given(counts, st.floats(0, 2), st.floats(0, 2))
def test_a_better_rival_never_makes_it_better(counted, one, other):
    tested, fine, wide = counted
    rank = partial(rank_of, fine=make_tiles(fine, tested), wide=make_wide(wide, tested))
    less, more = sorted([one, other])
    assert rank(whole=WholeFit(rival(more))) <= rank(whole=WholeFit(rival(less)))


@given(st.floats(0, 2), st.floats(0, 2))
def test_a_greater_uncertainty_never_makes_it_better(one, other):
    less, more = sorted([one, other])
    assert rank_of(corner_uncertainty=more) <= rank_of(corner_uncertainty=less)


def test_the_p_value_is_a_binomial_tail_of_what_is_not_laid_by_choice():
    p = partial(p_value, model="translation")
    assert p(make_tiles(0, 10)) == pytest.approx(1)
    # A translation lays one tile where it fits, an affine motion three.
    assert p(make_tiles(10, 10)) == pytest.approx(0.05**9)
    assert p_value(make_tiles(10, 10), "affine") == pytest.approx(0.05**7)
    assert p(make_tiles(2, 10)) == pytest.approx(1 - 0.95**9)
    assert p(make_tiles(4, 4, chance=0.9)) == pytest.approx(0.5**3)
    assert p(make_tiles(0, 0)) == p(make_tiles(1, 1)) == 1


def test_tiles_that_overlap_count_as_fewer():
    assert p_value(make_tiles(10, 10, independent=4.0), "translation") == pytest.approx(0.05**3)


@given(st.integers(1, 40), st.integers(0, 39))
def test_the_p_value_never_rises_as_more_agree(tested, agreeing):
    agreeing = min(agreeing, tested - 1)
    less, more = (
        p_value(make_tiles(count, tested), "affine") for count in (agreeing, agreeing + 1)
    )
    assert 0 <= more <= less <= 1 + 1e-9
