"""Odd arrays and options in every function that takes any: a result, or a refusal in a sentence.

Never another error, a warning, a hang, or a changed argument. ``--fuzz-minutes`` says how long.
"""

from __future__ import annotations

import json

import numpy as np
from hypothesis import strategies as st
from odd_arrays import (
    NUMBERS,
    images,
    masks,
    matrices,
    pairs,
    shape_of,
    some_of,
    words,
)

import napari_ecc_align as ecc

_VERDICTS = ("aligned", "doubtful", "failed", "cancelled")
_MODELS = words("affine", "translation", "euclidean", "similarity", "homography")
_METHODS = words("otsu", "li", "triangle", "local", "sauvola", "value", "isodata", "yen", "mean")
_INTERPOLATIONS = words("linear", "nearest", "cubic", "lanczos")
_SEARCH = {
    "model": _MODELS,
    "engine": words("pyramid", "pyramid", "opencv"),
    "precision": NUMBERS,
    "representation": words("auto", "intensity", "orientation"),
    "max_iterations": NUMBERS,
    "tolerance": NUMBERS,
    "mirrored": st.sampled_from((False, False, True, 1, None)),
    "initial": matrices(),
    "channel_axis": st.one_of(st.sampled_from((0, -1, 2)), NUMBERS),
    "align_channel": st.one_of(st.sampled_from((0, -1)), NUMBERS),
}
_THRESHOLDS = {
    "method": _METHODS,
    "thresholds": st.one_of(st.sampled_from((0.5, (0.5, 0.5))), NUMBERS),
    "window_size": st.one_of(st.sampled_from((3, 21)), NUMBERS),
    "k": NUMBERS,
}
_GRID = {
    "output_shape": st.one_of(
        st.sampled_from(((20, 30), (1, 1), (0, 5), (3,), (-1, 9), (2**40, 9), (1e5, 1e7))), NUMBERS
    ),
    "interpolation": _INTERPOLATIONS,
    "fill": st.one_of(st.sampled_from(("background", 0, -1, (1, 2, 3))), NUMBERS),
    "channel_axis": st.one_of(st.sampled_from((0, -1, 2)), NUMBERS),
}


@st.composite
def alignments(draw):
    reference, moving = draw(pairs())
    options = draw(some_of(**_SEARCH))
    for name, image in (("reference_mask", reference), ("moving_mask", moving)):
        if (mask := draw(masks(image))) is not None:
            options[name] = mask
    return reference, moving, options


def check_result(result):
    assert result.verdict in _VERDICTS
    assert result.reason.strip()
    assert np.isfinite(result.transform.matrix).all()
    json.dumps(result.to_dict())
    assert repr(result) and result._repr_html_()
    result.parts()
    result.uncertainty_at((3, 4))


def test_align(campaign):
    def check(case):
        reference, moving, options = case
        result = campaign.call(ecc.align, reference, moving, **options)
        if result is not None:
            check_result(result)

    campaign.run_examples(alignments(), check, 6)


def test_align_is_cancelled(campaign):
    def check(case):
        (reference, moving, options), steps = case
        asked = iter(range(steps))
        result = campaign.call(
            ecc.align, reference, moving, **options, cancel=lambda: next(asked, None) is None
        )
        if result is not None:
            check_result(result)

    campaign.run_examples(st.tuples(alignments(), st.integers(0, 9)), check, 8)


def test_judge(campaign):
    def check(case):
        (reference, moving, options), matrix = case
        options = {
            name: value
            for name, value in options.items()
            if name in ("model", "channel_axis", "align_channel") or name.endswith("mask")
        }
        result = campaign.call(ecc.judge, reference, moving, matrix, **options)
        if result is not None:
            check_result(result)

    campaign.run_examples(st.tuples(alignments(), matrices()), check, 12)


@st.composite
def stacks(draw):
    reference, moving = draw(pairs())
    frames = [reference, moving, *draw(st.lists(images(shape_of(moving)), max_size=1))]
    options = draw(
        some_of(
            reference=st.one_of(st.sampled_from(("first", "previous", "mean", 1, -1)), NUMBERS),
            **_SEARCH,
        )
    )
    numbers = all(isinstance(each, np.ndarray) and each.dtype.kind in "biuf" for each in frames)
    if draw(st.booleans()) and numbers and len({each.shape for each in frames}) == 1:
        with np.errstate(all="ignore"):
            frames = np.stack([each.astype(float) for each in frames])
    return frames, options


def test_stacks(campaign):
    def check(case):
        frames, options = case
        result = campaign.call(ecc.align_stack, frames, **options)
        if result is not None:
            for each in result:
                check_result(each)
            campaign.call(ecc.warp_stack, frames, result)

    campaign.run_examples(stacks(), check, 4)


@st.composite
def warps(draw):
    options = draw(some_of(**_GRID))
    if draw(st.integers(0, 4)) == 0:
        options["like"] = draw(images())
    return draw(images()), draw(matrices()), options


def test_warp(campaign):
    def check(case):
        moving, matrix, options = case
        warped = campaign.call(ecc.warp, moving, matrix, **options)
        if warped is not None and isinstance(moving, np.ndarray):
            assert warped.dtype == moving.dtype.newbyteorder("=")
            # One channel at the end is none.
            if "channel_axis" not in options and moving.shape[2:] != (1,):
                assert warped.shape[2:] == moving.shape[2:]

    campaign.run_examples(warps(), check, 60)


@st.composite
def comparisons(draw):
    reference, warped = draw(pairs())
    if draw(st.booleans()):
        warped = draw(images(shape_of(reference)))
    mask = draw(masks(reference))
    return reference, warped, draw(some_of(**_THRESHOLDS)), mask


def test_comparing(campaign):
    def check(case):
        reference, warped, options, mask = case
        found = campaign.call(ecc.compare, reference, warped, mask=mask, **options)
        if found is not None:
            json.dumps(found.to_dict())
            assert found.only_reference + found.only_moving <= found.labels.size
            assert repr(found)
        for function in (ecc.difference, ecc.overlay, ecc.checkerboard):
            picture = campaign.call(function, reference, warped, mask=mask)
            assert picture is None or picture.shape[:2] == shape_of(reference)[:2]

    campaign.run_examples(comparisons(), check, 25)


def test_squares_of_a_checkerboard(campaign):
    campaign.run_examples(
        st.tuples(pairs(), NUMBERS),
        lambda case: campaign.call(ecc.checkerboard, *case[0], squares=case[1]),
        10,
    )


@st.composite
def inspections(draw):
    reference, moving = draw(pairs())
    options = draw(
        some_of(
            **_THRESHOLDS,
            signed=st.booleans(),
            interpolation=_INTERPOLATIONS,
            fill=_GRID["fill"],
            reference_mask=masks(reference),
            moving_mask=masks(moving),
        )
    )
    return reference, moving, draw(matrices()), options


def test_inspecting(campaign):
    def check(case):
        reference, moving, matrix, options = case
        found = campaign.call(ecc.inspect_alignment, reference, moving, matrix, **options)
        if found is not None:
            json.dumps(found.to_dict())
            assert repr(found) and found._repr_html_() and found.overlay().dtype == np.uint8

    campaign.run_examples(inspections(), check, 25)


_POINTS = st.one_of(
    st.lists(st.tuples(*[st.floats(-1e6, 1e6)] * 2), max_size=8),
    st.lists(st.tuples(*[st.floats()] * 2), max_size=5),
    st.lists(st.tuples(*[st.integers(0, 3)] * 2), max_size=8),
    NUMBERS,
    images(),
)


@st.composite
def transform_cases(draw):
    return {
        "matrices": (draw(matrices()), draw(matrices())),
        "model": draw(some_of(model=_MODELS)),
        "points": (draw(_POINTS), draw(_POINTS)),
        "center": draw(some_of(center=_POINTS)),
        "units": (draw(NUMBERS), draw(NUMBERS)),
        "shape": draw(_GRID["output_shape"]),
    }


def check_transform(transform):
    matrix = transform.matrix
    assert matrix.shape == (3, 3) and np.isfinite(matrix).all() and matrix[2, 2] == 1
    assert not matrix.flags.writeable
    assert repr(transform)
    assert ecc.Transform(matrix, model=transform.model) == transform


def test_transforms(campaign):
    def check(case):
        here, points = case["points"]
        made = [
            campaign.call(ecc.Transform, case["matrices"][0], **case["model"]),
            campaign.call(ecc.Transform, case["matrices"][1]),
            campaign.call(ecc.Transform.from_points, here, points, **case["model"]),
        ]
        for transform in made:
            if transform is None:
                continue
            check_transform(transform)
            campaign.call(transform.to_moving, points)
            campaign.call(transform.to_reference, points)
            campaign.call(transform.in_units, *case["units"])
            campaign.call(transform.parts, **case["center"])
            campaign.call(transform.corner_distance, case["matrices"][1], case["shape"])
            for other in (campaign.call(lambda: transform.inverse), made[1]):  # noqa: B023
                if other is not None and (both := campaign.call(transform.__matmul__, other)):
                    check_transform(both)
        campaign.call(ecc.polygon_mask, case["shape"], here)

    campaign.run_examples(transform_cases(), check, 80)


def test_batch_settings(campaign):
    names = ("precision", "max_iterations", "tolerance", "pass_through", "max_pixels")
    options = dict.fromkeys(names, NUMBERS) | {
        "model": _MODELS,
        "method": _METHODS,
        "interpolation": _INTERPOLATIONS,
        "fill": NUMBERS,
        "binary": words("area", "nearest"),
        "doubtful": words("write", "skip"),
    }

    def check(case):
        settings = campaign.call(ecc.BatchSettings, **case)
        if settings is not None:
            text = json.dumps(settings.as_document(), allow_nan=False)
            assert ecc.BatchSettings.from_document(json.loads(text)) == settings

    campaign.run_examples(some_of(**options), check, 80)
