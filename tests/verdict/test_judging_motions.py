"""Rules of the verdict on what moves otherwise: evidence made by hand in, a verdict out."""

from dataclasses import replace

import numpy as np
from builders import (
    REPEAT,
    make_evidence,
    make_pattern,
    make_tiles,
    moved,
    other,
    rival,
    scattered,
    verdict_of,
)

from napari_ecc_align._verdict.rival import Rival
from napari_ecc_align._verdict.rules import may_be_settled_by_edges
from napari_ecc_align._verdict.shifted_rival import WholeFit


def test_where_something_stayed_is_no_other_place_for_the_tiles():
    """Together they fit best there, those that show it among them."""
    tiles = make_tiles(18, 40, offset=(-6.0, 8.0), rival=rival(0.95))
    verdict, reason = verdict_of(fine=tiles, motion=moved(6, -8), second=other(-6, 8))
    assert verdict == "aligned"
    assert "Something else that is seen did not move." in reason
    assert verdict_of(fine=tiles, motion=moved(6, -8))[0] == "doubtful"


def test_what_lies_still_while_something_else_moves_is_doubtful():
    verdict, reason = verdict_of(motion=np.eye(3), second=other(6, -8))
    assert verdict == "doubtful"
    assert reason == (
        "What lies still may belong to the camera: something else that is seen moved by about "
        "10 px."
    )


def test_what_moves_while_something_else_lies_still_is_aligned_and_told():
    verdict, reason = verdict_of(motion=moved(6, -8), second=other(-5, 9))
    assert verdict == "aligned"
    assert "Something else that is seen did not move." in reason
    assert verdict_of(motion=moved(6, -8), still=7)[1] == reason
    assert verdict_of(motion=moved(6, -8), stays=0.11)[1] == reason
    assert "did not move" not in verdict_of(motion=moved(6, -8), stays=0.09)[1]


def test_what_repeats_before_something_that_stays_is_doubtful():
    """A fence a period off is nearer to the background behind it, which tells nothing of it."""
    whole = WholeFit(Rival(0.9, 0.65))
    assert verdict_of(whole=whole, still=7) == ("doubtful", REPEAT.format("72%"))
    assert verdict_of(whole=whole)[0] == "aligned"
    # And the whole of such images lies between the two.
    beside = WholeFit(rival(0.3), offset=0.8, doubt=lambda: 0.05)
    assert verdict_of(whole=beside, still=7)[0] == "aligned"


def test_marks_at_rest_below_which_all_else_differs_are_doubtful():
    """They have most tiles, and say little of the images."""
    known = {"motion": np.eye(3), "fine": make_tiles(17, 20)}
    assert verdict_of(**known)[0] == "aligned"
    assert verdict_of(**known, ecc=0.7)[1] == (
        "Only 17 of 20 tiles fit best where they lie, and what lies still may belong to the "
        "camera."
    )


def test_tiles_that_moved_alike_beside_marks_at_rest_are_what_may_be_meant():
    tiles = make_tiles(35, 40)
    known = {"motion": np.eye(3), "fine": tiles, "pattern": make_pattern(displaced=5)}
    assert verdict_of(**known)[1] == (
        "What lies still may belong to the camera: 5 tiles moved alike."
    )
    # Few may show anything, and what fits by its edges alone is no mark.
    for other_wise in ({"pattern": make_pattern(displaced=3)}, {"alike": False}):
        assert verdict_of(**{**known, **other_wise})[0] == "aligned"
    assert verdict_of(**{**known, "motion": moved(6, -8)})[0] == "aligned"


def test_hot_pixels_between_which_tiles_share_a_motion_are_doubtful():
    """They hide it in most tiles; what passes, as a car does, hides nothing."""
    stay, share = np.zeros((21, 2)), np.tile([6.0, -4.0], (5, 1))
    others = scattered(9)
    between = np.vstack([stay, share, others[:4]])
    known = {"motion": np.eye(3), "ecc": 0.99}
    tiles = make_tiles(moves=between, chance=0.03)
    assert verdict_of(**known, fine=tiles)[1] == (
        "Only 21 of 30 tiles fit best where they lie, and what lies still may belong to the "
        "camera."
    )
    assert verdict_of(**known, fine=tiles, pattern=make_pattern(displaced=3))[0] == "aligned"
    # Differing by chance, they share none, or three of nine one.
    between[21:24] = share[:3]
    between[24:] = others[:6]
    assert verdict_of(**known, fine=make_tiles(moves=between, chance=0.03))[0] == "aligned"


def test_two_things_that_both_move_are_doubtful():
    verdict, reason = verdict_of(motion=moved(6, -8), second=other(12, 0))
    assert verdict == "doubtful"
    assert reason.startswith("Two motions are seen: a part of what is seen lies about 12 px from")


def test_what_little_moves_otherwise_is_told_unless_the_whole_lies_beside():
    """As shadows do; a raster that holds fine detail off leaves as much."""
    known = {"motion": moved(6, -8), "second": other(12, 0, share=0.15, spread=0.4)}
    verdict, reason = verdict_of(**known)
    assert verdict == "aligned"
    assert "A part of it lies about 12 px from there." in reason
    beside = WholeFit(rival(0.3), offset=0.8, doubt=lambda: 0.1)
    assert verdict_of(**known, whole=beside)[0] == "doubtful"
    # But not where fewer tiles than two in three have the motion that is found.
    assert verdict_of(**known, fine=make_tiles(20, 30))[0] == "aligned"
    assert verdict_of(**known, fine=make_tiles(19, 30))[1].startswith("Two motions are seen")


def test_what_is_faint_but_moves_all_over_the_image_is_doubtful():
    """Where shadows outshine the scene below them, the scene is the fainter of the two."""
    faint = {"motion": moved(6, -8), "fine": make_tiles(20, 20)}
    verdict, reason = verdict_of(**faint, second=other(12, 0, share=0.1, spread=0.7))
    assert verdict == "doubtful"
    assert reason.startswith("Two motions are seen")
    assert verdict_of(**faint, second=other(12, 0, share=0.1, spread=0.3))[0] == "aligned"
    # Of what repeats, other displacements stand out as much. But not if tiles show it.
    one_of_many = replace(other(12, 0, share=0.1, spread=0.7), alone=False)
    assert verdict_of(**faint, second=one_of_many) == verdict_of(**faint)
    assert verdict_of(**faint, second=one_of_many, still=4)[0] == "doubtful"


def test_edges_settle_what_brightness_doubts_by_little():
    for known, settled in (
        ({}, False),
        ({"corner_uncertainty": 0.5, "ecc": 0.85}, True),
        # One kind of images is known as exactly as its brightness tells.
        ({"corner_uncertainty": 0.5, "ecc": 0.95}, False),
        ({"corner_uncertainty": 0.7, "ecc": 0.85}, False),
        ({"motion": moved(6, -8), "second": other(12, 0, share=0.1)}, True),
        ({"motion": moved(6, -8), "second": other(12, 0, share=0.4)}, False),
        # What lies still may belong to the camera, whatever its edges are; but of two kinds of
        # images what either shows alone may seem to move.
        ({"motion": moved(0.5, 0), "second": other(12, 0, share=0.1)}, False),
        ({"motion": moved(0.5, 0), "second": other(12, 0, share=0.1), "ecc": 0.8}, True),
        ({"turned": rival(0.95), "corner_uncertainty": 0.5, "ecc": 0.85}, False),
        ({"corner_uncertainty": 0.5, "ecc": 0.85, "by_edges": True}, False),
    ):
        assert may_be_settled_by_edges(make_evidence(**known)) == settled, known


def test_fewer_tiles_that_moved_than_did_not_are_doubtful():
    tiles = make_tiles(12, 14)
    assert verdict_of(fine=tiles, still=12)[0] == "aligned"
    assert verdict_of(fine=tiles, still=13)[0] == "doubtful"
