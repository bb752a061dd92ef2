"""Every rule of the verdict by itself: evidence made by hand in, a verdict and a sentence out."""

import numpy as np
import pytest
from builders import (
    REPEAT,
    make_evidence,
    make_pattern,
    make_tiles,
    make_wide,
    moved,
    other,
    rival,
    verdict_of,
)

from napari_ecc_align._verdict.rival import Rival
from napari_ecc_align._verdict.rules import judge
from napari_ecc_align._verdict.shifted_rival import WholeFit


def test_what_is_right_is_aligned():
    assert verdict_of() == (
        "aligned",
        (
            "16 of 16 tiles fit best where they lie, with ECC 0.950. "
            "The model explains the images to 0.05 px."
        ),
    )


def test_a_part_that_differs_is_aligned_and_told():
    tiles = make_tiles(12, 20, fits=[0.9] * 12 + [0.2] * 8)
    verdict, reason = verdict_of(fine=tiles, wide=make_wide(14, 20))
    assert verdict == "aligned"
    assert "Elsewhere they differ, most in the lower" in reason


def test_too_few_that_differ_are_not_told():
    assert "Elsewhere" not in verdict_of(fine=make_tiles(9, 12), wide=make_wide(12, 12))[1]
    assert "Elsewhere" not in verdict_of(fine=make_tiles(32, 40), wide=make_wide(32, 40))[1]


NO_DETAIL = make_tiles(3, 3)
UNRELATED = make_tiles(1, 16)
FAILURE = (
    "Only {} of {} tiles fit best where they lie (ECC 0.95): the images do not seem to show one "
    "thing, or the alignment is wrong."
)


@pytest.mark.parametrize(
    ("known", "verdict", "reason"),
    [
        (
            {"fine": NO_DETAIL, "ecc": 0.89},
            "failed",
            "There is too little detail in the overlap to tell.",
        ),
        (
            {"fine": NO_DETAIL, "ecc": 0.91},
            "doubtful",
            "There is too little detail in the overlap to be sure (ECC 0.910).",
        ),
        ({"fine": UNRELATED, "wide": make_wide(1, 16)}, "failed", FAILURE.format(1, 16)),
        # By chance, one scale alone may agree, but not by so little chance.
        (
            {"fine": make_tiles(9, 20), "wide": make_wide(1, 16)},
            "failed",
            FAILURE.format(9, 20),
        ),
        (
            {"fine": UNRELATED, "wide": make_wide(14, 16)},
            "doubtful",
            (
                "Only 1 of 16 tiles fit best where they lie, but 14 of 16 to within 3 px: the "
                "images are deformed, or differ."
            ),
        ),
        # Not where another place is better, nor if the wide tiles fit no better than by chance.
        (
            {"fine": UNRELATED, "wide": make_wide(14, 16), "whole": WholeFit(rival(1.1))},
            "failed",
            FAILURE.format(1, 16),
        ),
        (
            {"fine": UNRELATED, "wide": make_wide(14, 16, fits=0.2, chance_fit=0.3)},
            "failed",
            FAILURE.format(1, 16),
        ),
        # Tiles that agree but fit no better than at wrong places are no evidence.
        (
            {
                "fine": make_tiles(fits=0.2, chance_fit=0.3),
                "wide": make_wide(fits=0.2, chance_fit=0.3),
            },
            "failed",
            FAILURE.format(16, 16),
        ),
        (
            {"fine": make_tiles(3, 10, chance=1e-3), "wide": make_wide(1, 10)},
            "failed",
            FAILURE.format(3, 10),
        ),
    ],
)
def test_too_little_agreement_fails(known, verdict, reason):
    # What decides on a failure leaves nothing to a pattern.
    assert verdict_of(**known, pattern=make_pattern(scatter=9.0)) == (verdict, reason)


def test_few_tiles_that_all_agree_are_inconclusive_where_the_images_correlate():
    few = make_tiles(4, 4, chance=0.1)
    known = {"fine": few, "wide": few}
    assert verdict_of(**known) == (
        "doubtful",
        "There is too little detail in the overlap to be sure (ECC 0.950).",
    )
    assert verdict_of(**known, ecc=0.5)[0] == "failed"


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        (
            {"fine": make_tiles(9, 20), "wide": make_wide(9, 20, offset=(6.0, 8.0))},
            "The tiles together fit better 10.0 px from where they lie.",
        ),
        (
            {"fine": make_tiles(9, 20, offset=(0.0, 2.5)), "wide": make_wide(9, 20)},
            "The tiles together fit better 2.5 px from where they lie.",
        ),
        ({"whole": WholeFit(rival(1.01))}, "The images fit better at another place."),
        ({"whole": WholeFit(rival(0.94))}, REPEAT.format("94%")),
        ({"fine": make_tiles(rival=rival(0.92))}, REPEAT.format("92%")),
        ({"wide": make_wide(rival=rival(0.92))}, REPEAT.format("92%")),
        # Where few agree, less of a rival will do.
        (
            {
                "fine": make_tiles(10, 20),
                "wide": make_wide(10, 20),
                "whole": WholeFit(rival(0.85, 0.6)),
            },
            REPEAT.format("85%"),
        ),
    ],
)
def test_another_place_that_fits_makes_doubtful(known, reason):
    assert verdict_of(**known) == ("doubtful", reason)


@pytest.mark.parametrize(
    "known",
    [
        # The mean of all tiles may lie anywhere if most of them, each by itself, agree.
        {"wide": make_wide(offset=(6.0, 8.0))},
        {"whole": WholeFit(rival(0.89))},
        {"fine": make_tiles(rival=rival(0.89)), "wide": make_wide(rival=rival(0.89))},
    ],
)
def test_a_lesser_rival_does_not(known):
    assert verdict_of(**known)[0] == "aligned"


INSUFFICIENT = (
    "The motion model does not suffice: a freer one would move the image's corners by {} px."
)


@pytest.mark.parametrize(
    ("pattern", "uncertainty", "reason"),
    [
        ({"corner_shift": 1.5, "corner_sigma": 0.2}, 0.02, INSUFFICIENT.format(1.5)),
        # A third of a pixel beyond doubt is enough.
        ({"corner_shift": 0.5, "corner_sigma": 0.1}, 0.02, INSUFFICIENT.format(0.5)),
        (
            {"corner_shift": 0.35, "corner_sigma": 0.1},
            0.25,
            "There is too little detail to say more exactly than to 0.35 px.",
        ),
        (
            {"misplaced_share": 0.11, "largest": 2.0, "where": "upper left"},
            0.02,
            (
                "The motion model does not suffice. A local deformation of up to 2.0 px remains "
                "in the upper left."
            ),
        ),
        (
            {"freer_sigma": 1.1},
            0.02,
            "There is too little detail to tell whether the motion model suffices.",
        ),
        ({}, 0.4, "There is too little detail to say more exactly than to 0.4 px."),
        # An estimator that states no uncertainty has that of the tiles.
        (
            {"corner_sigma": 0.5, "freer_sigma": 0.7},
            np.nan,
            "There is too little detail to say more exactly than to 0.5 px.",
        ),
    ],
)
def test_corners_that_are_not_known_to_a_pixel_make_doubtful(pattern, uncertainty, reason):
    known = {"pattern": make_pattern(**pattern), "corner_uncertainty": uncertainty}
    assert verdict_of(**known) == ("doubtful", reason)


@pytest.mark.parametrize(
    "known",
    [
        {"pattern": make_pattern(corner_shift=0.24, corner_sigma=0.1)},
        {"pattern": make_pattern(misplaced_share=0.09)},
        {"pattern": make_pattern(freer_sigma=0.74)},
        {"pattern": make_pattern(freer_sigma=np.inf), "model": "homography"},
        # What a freer fit does not know is no doubt of a homography.
        {
            "pattern": make_pattern(corner_sigma=0.5, freer_sigma=0.2),
            "model": "homography",
            "corner_uncertainty": np.nan,
        },
        {"corner_uncertainty": 0.32},
        {"corner_uncertainty": np.nan},
    ],
)
def test_corners_that_are_do_not(known):
    assert verdict_of(**known)[0] == "aligned"


def test_by_edges_of_two_kinds_two_pixels_are_asked_for_and_how_exact_it_is_told():
    for uncertainty, verdict, told in (
        (0.3, "aligned", False),
        (0.6, "aligned", True),
        (0.7, "doubtful", False),
    ):
        pattern = make_pattern(freer_sigma=1.2)
        known = {"corner_uncertainty": uncertainty, "pattern": pattern}
        found = judge(make_evidence(**known, by_edges=True, ecc=0.8))
        assert found.verdict == verdict
        assert ("Edges place the corners to 0.6 px, no better." in found.reason) == told
        assert judge(make_evidence(**known)).verdict == "doubtful"
        # What looks alike by its brightness, too, is of one kind.
        assert judge(make_evidence(**known, by_edges=True, ecc=0.95)).verdict == "doubtful"


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        (
            {
                "fine": make_tiles(16, 20),
                "pattern": make_pattern(displaced=6, largest=2.5, where="middle"),
            },
            (
                "Only 16 of 20 tiles fit best where they lie. A local deformation of up to 2.5 px "
                "remains in the middle."
            ),
        ),
        (
            {"fine": make_tiles(6, 6), "wide": make_wide(6, 6)},
            "6 of 6 tiles fit best where they lie, which is too few to be sure.",
        ),
        (
            {"fine": make_tiles(9, 20), "wide": make_wide(9, 20)},
            "9 of 20 tiles fit best where they lie, which is too few to be sure.",
        ),
        (
            {"displaced_wide": 7},
            (
                "A part of the images moved otherwise than the rest: 7 tiles of 80 px fit best at "
                "a common other place."
            ),
        ),
    ],
)
def test_tiles_that_do_not_convince_make_doubtful(known, reason):
    assert verdict_of(**known) == ("doubtful", reason)


@pytest.mark.parametrize(
    "known",
    [
        {"fine": make_tiles(16, 20), "pattern": make_pattern(displaced=5)},
        {"displaced_wide": 5},
        {"whole": WholeFit(rival(0.3), offset=0.33, doubt=lambda: 0.01)},
        {"whole": WholeFit(rival(0.3), offset=0.8, doubt=lambda: 0.3)},
    ],
)
def test_lesser_flaws_do_not(known):
    assert verdict_of(**known)[0] == "aligned"


@pytest.mark.parametrize(("likeness", "verdict"), [(0.91, "doubtful"), (0.89, "aligned")])
def test_what_fits_when_turned_is_doubtful(likeness, verdict):
    assert verdict_of(turned=rival(likeness))[0] == verdict


def test_lines_scanned_there_and_back_are_doubtful():
    verdict, reason = verdict_of(fields=3.0)
    assert verdict == "doubtful"
    assert reason.startswith("Every other line of one image is displaced by about 3 px")


def test_many_fine_tiles_keep_a_pair_from_failing():
    assert verdict_of(wide=make_wide(1, 16))[0] == "doubtful"


def test_a_whole_that_lies_beside_the_fine_detail_is_doubtful():
    beside = WholeFit(rival(0.3), offset=0.8, doubt=lambda: 0.05)
    assert verdict_of(whole=beside) == (
        "doubtful",
        (
            "The fine detail fits, but the images as a whole fit better 0.8 px from where it puts "
            "them."
        ),
    )
    # Of two motions, the whole lies between them.
    assert verdict_of(whole=beside, motion=moved(20, 10), second=other(-20, -10))[0] == "aligned"


def test_colours_that_lie_a_pixel_apart_are_doubted():
    told = "The colours lie apart, up to 1.2 px from where it puts them."
    assert verdict_of(colours_apart=1.2) == ("doubtful", told)
    assert verdict_of(colours_apart=0.9)[0] == "aligned"


def test_fine_and_coarse_detail_that_lie_apart_are_told_and_if_not_right_doubted():
    told = "Fine and coarse detail lie {} px apart."
    assert verdict_of(levels_apart=0.6) == ("doubtful", told.format(0.6))
    verdict, reason = verdict_of(levels_apart=0.4)
    assert verdict == "aligned" and reason.endswith(told.format(0.4))
    assert "coarse" not in verdict_of(levels_apart=0.3)[1]
    # Of two motions, coarse detail lies between them.
    two = {"motion": moved(20, 10), "second": other(-20, -10)}
    assert verdict_of(levels_apart=0.6, **two)[0] == "aligned"


@pytest.mark.parametrize(("where", "known"), [("whole", WholeFit), ("turned", lambda it: it)])
def test_a_place_that_leaves_twice_as_much_unexplained_is_no_rival(where, known):
    assert verdict_of(**{where: known(Rival(0.99, 0.981))})[0] == "doubtful"
    assert verdict_of(**{where: known(Rival(0.99, 0.979))})[0] == "aligned"


@pytest.mark.parametrize(("settled", "verdict"), [(True, "aligned"), (False, "doubtful")])
def test_an_estimate_that_has_not_settled_is_known_no_better_than_tiles_know_it(settled, verdict):
    pattern = make_pattern(corner_sigma=0.6, freer_sigma=0.5)
    judgement = judge(make_evidence(pattern=pattern, believed=settled))
    assert judgement.verdict == verdict
    assert settled or judgement.reason.endswith("more exactly than to 0.5 px.")
