"""Two layers with motions of their own: each of them may be meant, nothing between them."""

from __future__ import annotations

import numpy as np
from scenes import Image, Pair, grid, shift, similarity
from scipy import ndimage

from .made import (
    MARGIN,
    Matrix,
    Random,
    Scene,
    a_shape,
    a_shift,
    a_square,
    anywhere,
    both,
    bumps,
    discs,
    ink,
    kind,
    pair,
    photograph,
    polar,
    seen,
    sheet,
    sign,
    soft,
    strokes,
    text_page,
    with_margin,
    word,
)

_STILL: Matrix = np.eye(3)


def _over(cover: Image, front: Image, back: Image) -> Image:
    return back + cover * (front - back)


def _blob(rng: Random, shape: tuple[int, int], share: float) -> Scene:
    """Return a soft-edged cover of a share of the area."""
    field = soft(rng, with_margin(shape), min(shape) / 7)
    return sheet(ndimage.gaussian_filter(1.0 * (field < np.quantile(field, share)), 1.0))


@kind
def object_before_background(rng: Random) -> Pair:
    """Something large moves one way, what is behind it another."""
    shape = a_shape(rng)
    near, far = a_shift(rng, 3, 30), a_shift(rng, 1, 10)
    cover, front = (
        _blob(rng, shape, float(rng.uniform(0.15, 0.7))),
        photograph(rng, shape, mirrored=True),
    )
    back = photograph(rng, shape)
    first, second = (
        _over(seen(cover, shape, one), seen(front, shape, one), seen(back, shape, two))
        for one, two in ((_STILL, _STILL), (near, far))
    )
    return pair(rng, (first, second), far, near)


@kind
def reflection(rng: Random) -> Pair:
    """A pane shows what is behind it and, unmoved, what is before."""
    shape, truth = a_shape(rng), a_shift(rng)
    still = seen(photograph(rng, shape, mirrored=True), shape)
    weight = float(rng.uniform(0.2, 0.8))
    first, second = (
        (1 - weight) * one + weight * still for one in both(photograph(rng, shape), shape, truth)
    )
    return pair(rng, (first, second), truth, _STILL)


@kind
def cross_fade(rng: Random) -> Pair:
    """One scene fades into another one, which does not move."""
    shape, truth, share = a_shape(rng), a_shift(rng, 2, 20), float(rng.uniform(0.3, 0.7))
    going = both(photograph(rng, shape), shape, truth)
    coming = seen(photograph(rng, shape, mirrored=True), shape)
    images = (
        _over(share * np.ones(shape), coming, going[0]),
        _over(1 - share * np.ones(shape), coming, going[1]),
    )
    return pair(rng, images, truth, _STILL)


@kind
def scrolled_window(rng: Random) -> Pair:
    """A document scrolls; menus and buttons stay."""
    shape, pitch = a_shape(rng, 300, 640), int(rng.integers(14, 26))
    lines = float(pitch * rng.integers(1, 4))
    truth = shift(0.0, -lines if rng.random() < 0.5 else float(-rng.integers(5, 60)))
    pages = both(sheet(text_page(rng, with_margin(shape, 100), pitch), 100), shape, truth)
    menu = [(word(rng, 4, 8), x, 20, 0.45) for x in range(6, shape[1], 70)]
    side = [(word(rng, 4, 8), 6, y, 0.42) for y in range(60, shape[0], 24)]
    frame = 205 - 180 * ink(shape, *menu, *side)
    x, y = grid(shape).transpose(2, 0, 1)
    outside = (y < 32) | (x < 90)
    first, second = (np.where(outside, frame, page) for page in pages)
    return pair(rng, (first, second), truth, _STILL, noise=0.5)


@kind
def curve_in_axes(rng: Random) -> Pair:
    """A curve moved between axes and labels that stay."""
    shape = a_shape(rng, 300, 560)
    h, w = shape
    truth = shift(float(rng.integers(-25, 26)), float(rng.integers(-25, 26)))
    x = np.arange(-60.0, w + 60)
    y = h / 2 + 0.15 * h * soft(rng, x.shape, 18.0)
    curve = sheet(strokes(with_margin(shape), np.stack([x, y], -1)[None] + MARGIN, thick=2))
    ticks = [(str(n), 50 + n * (w - 80) // 8, h - 16, 0.4) for n in range(9)]
    axes = ink(shape, *ticks, *((f"{n}.0", 6, 20 + n * (h - 60) // 8, 0.4) for n in range(9)))
    axes[20 : h - 40, [44, w - 20]] = 1
    axes[[20, h - 40], 44 : w - 20] = 1
    inside = np.zeros(shape)
    inside[22 : h - 42, 46 : w - 22] = 1
    first, second = (
        250 - 220 * np.clip(axes + inside * one, 0, 1) for one in both(curve, shape, truth)
    )
    return pair(rng, (first, second), truth, _STILL, noise=1.0)


@kind
def bleed_through(rng: Random) -> Pair:
    """A page moves against its back, which shows through."""
    shape, truth, pitch = a_shape(rng), a_shift(rng), int(rng.integers(14, 28))
    back = text_page(rng, shape, pitch)[:, ::-1]
    through = 235 - float(rng.uniform(0.2, 0.9)) * (235 - back)
    front = sheet(text_page(rng, with_margin(shape), pitch))
    first, second = (np.minimum(one, through) for one in both(front, shape, truth))
    return pair(rng, (first, second), truth, _STILL)


@kind
def petri_dish(rng: Random) -> Pair:
    """Colonies turned with the agar in a dish that stayed."""
    shape = a_square(rng)
    truth = similarity(shape, float(rng.uniform(3, 40)) * sign(rng))
    radius, _ = polar(grid(shape), shape)
    wide, middle = with_margin(shape), (shape[0] - 1) / 2
    at = rng.normal(0, 0.16 * shape[0], (int(rng.integers(15, 110)), 2))
    at = at[np.hypot(*at.T) < 0.36 * shape[0]] + middle + MARGIN
    colonies = sheet(
        90 * ndimage.gaussian_filter(discs(wide, at, rng.uniform(2, 8, len(at))), 0.8)
    )
    rims = sum(80 * np.exp(-(((radius - r) / 0.01) ** 2)) for r in (0.8, 0.84, 0.88))
    dish = 50 + 90 * (radius < 0.86) + rims
    first, second = (dish + one for one in both(colonies, shape, truth))
    return pair(rng, (first, second), truth, _STILL, models="euclidean similarity affine")


@kind
def stars_above_landscape(rng: Random) -> Pair:
    """The sky turned; the hills stay."""
    shape = a_shape(rng)
    truth = similarity(shape, float(rng.uniform(1, 6)), 1.0, (3.0, -2.0))
    wide, count = with_margin(shape, 100), int(rng.integers(80, 320))
    sky = sheet(
        20
        + bumps(
            wide, anywhere(rng, wide, count), 1.3, 30 + 40 * rng.pareto(1.5, count).clip(0, 5)
        ),
        100,
    )
    land = 0.6 * seen(photograph(rng, shape), shape)
    horizon = shape[0] * (float(rng.uniform(0.55, 0.85)) + 0.03 * soft(rng, (shape[1],), 15.0))
    below = grid(shape)[..., 1] > horizon
    first, second = (np.where(below, land, one) for one in both(sky, shape, truth))
    return pair(rng, (first, second), truth, _STILL, models="euclidean affine")


@kind
def stale_blocks(rng: Random) -> Pair:
    """A codec left some blocks of the last frame as they were."""
    shape, truth = a_shape(rng), a_shift(rng, 1.5, 15)
    first, second = both(photograph(rng, shape), shape, truth)
    stale = rng.random((shape[0] // 16 + 1, shape[1] // 16 + 1)) < float(rng.uniform(0.2, 0.7))
    kept = np.kron(stale, np.ones((16, 16)))[: shape[0], : shape[1]]
    return pair(rng, (first, _over(kept, first, second)), truth, _STILL)


@kind
def channels_apart(rng: Random) -> Pair:
    """Red, green and blue, laid on each other in grey, moved differently."""
    shape, base = a_shape(rng), a_shift(rng, 1, 12)
    scene = photograph(rng, shape)
    motions = [base, *(base @ a_shift(rng, 1.5, 6) for _ in range(2))]
    second = np.mean([seen(scene, shape, motion) for motion in motions], axis=0)
    return pair(rng, (seen(scene, shape), second), np.mean(motions, axis=0), *motions)


@kind
def wandering_shadows(rng: Random) -> Pair:
    """Shadows of clouds wander over buildings: the buildings are meant."""
    shape, truth, wind = a_shape(rng), a_shift(rng, 1, 12), a_shift(rng, 5, 40)
    field = soft(rng, with_margin(shape), float(rng.uniform(8, 35)))
    depth = float(rng.uniform(0.3, 0.75))
    light = sheet(1 - depth * ndimage.gaussian_filter(1.0 * (field > 0), 1.0))
    ground = both(photograph(rng, shape), shape, truth)
    shades = both(light, shape, wind)
    return pair(rng, (ground[0] * shades[0], ground[1] * shades[1]), truth)


@kind
def crawling_cells(rng: Random) -> Pair:
    """Cells crawl, each by itself, on a glass with dirt that stays."""
    shape = a_shape(rng)
    at = anywhere(rng, shape, int(np.prod(shape) / 1300))
    radius, still = rng.uniform(4, 10, len(at)), rng.random(len(at)) < float(rng.uniform(0.1, 0.4))
    flow, own = rng.normal(0, 4, 2), rng.normal(0, 6, at.shape)
    later = np.where(still[:, None], at, at + flow + own)
    dirt = 70 * discs(shape, at[still], radius[still])
    first, second = (
        ndimage.gaussian_filter(
            130 + 60 * discs(shape, spots[~still], radius[~still], 2) - dirt, 0.8
        )
        for spots in (at, later)
    )
    return pair(rng, (first, second), _STILL)


@kind
def train_window(rng: Random) -> Pair:
    """Near, middle and far go by at other speeds; the window stays."""
    shape = a_shape(rng)
    scene = photograph(rng, shape, 90)
    speeds = [float(rng.uniform(1, 6)), float(rng.uniform(8, 18)), float(rng.uniform(22, 45))]
    motions = [shift(speed, 0.0) for speed in speeds]
    band = (grid(shape)[..., 1] * 3 // shape[0]).astype(int).clip(0, 2)
    second = np.choose(band, [seen(scene, shape, motion) for motion in motions])
    first = seen(scene, shape)
    edge = (grid(shape) < 16).any(-1)
    images = np.where(edge, 30, first), np.where(edge, 30, second)
    return pair(rng, images, motions[1], motions[0], motions[2], _STILL)


@kind
def conveyor(rng: Random) -> Pair:
    """Parts pass on a belt between rails and bolts that stay."""
    shape, truth = a_shape(rng), shift(float(rng.uniform(8, 50)) * sign(rng), 0.0)
    wide = with_margin(shape)
    count = int(rng.integers(15, 70))
    parts = sheet(
        100
        * ndimage.gaussian_filter(
            discs(wide, anywhere(rng, wide, count), rng.uniform(4, 14, count)), 0.8
        )
    )
    y = grid(shape)[..., 1] / shape[0]
    belt = (y > 0.25) & (y < 0.75)
    rails = seen(photograph(rng, shape), shape)
    first, second = (np.where(belt, 70 + one, rails) for one in both(parts, shape, truth))
    return pair(rng, (first, second), truth, _STILL)


@kind
def days_of_calendar(rng: Random) -> Pair:
    """Another month on the same sheet: the lines stay, the days moved."""
    wide, high = int(rng.integers(46, 90)), int(rng.integers(40, 80))
    shape = 6 * high + 50, 7 * wide + 10
    head = [("MO TU WE TH FR SA SU"[3 * n : 3 * n + 2], 10 + n * wide, 34, 0.7) for n in range(7)]
    lines = 150.0 * ((grid(shape) - (4, 46)) % (wide, high) < 1).any(-1)
    lines[:46] = 0
    starts = [int(one) for one in rng.choice(7, 2, replace=False)]
    images = []
    for start in starts:
        cells = [divmod(start + day, 7) for day in range(30)]
        days = [(str(n + 1), 9 + c * wide, 76 + r * high, 0.7) for n, (r, c) in enumerate(cells)]
        images.append(245 - np.maximum(lines, 210 * ink(shape, *head, *days)))
    moved = shift(float((starts[1] - starts[0]) * wide), 0.0)
    return pair(rng, (images[0], images[1]), _STILL, moved, noise=1.0)


@kind
def other_picture_in_frame(rng: Random) -> Pair:
    """Another picture in the same frame: the frame may be meant."""
    shape = a_shape(rng)
    edge = np.minimum(grid(shape), np.array(shape[::-1]) - 1 - grid(shape)).min(-1)
    carved = 128 + 55 * soft(rng, shape, 2.0)
    rim = edge < min(shape) * float(rng.uniform(0.06, 0.18))
    first, second = (
        np.where(rim, carved, seen(photograph(rng, shape, mirrored=side), shape))
        for side in (False, True)
    )
    return pair(rng, (first, second), _STILL)


@kind
def other_cells_same_dust(rng: Random) -> Pair:
    """Another field below the same dust: only the dust is common, and it may be meant."""
    shape = a_shape(rng)
    grains = 80 * bumps(shape, anywhere(rng, shape, int(rng.integers(10, 60))), 3.0)
    count = int(np.prod(shape) / 1500)
    first, second = (
        70 + 90 * bumps(shape, anywhere(rng, shape, count), 4.0) - grains for _ in range(2)
    )
    return pair(rng, (first, second), _STILL)


@kind
def mirrored_face(rng: Random) -> Pair:
    """A symmetrical subject, mirrored: it lies on itself, though nothing moved there."""
    shape = a_shape(rng)
    half = seen(photograph(rng, shape), shape)
    whole = half + half[:, ::-1]
    own = float(rng.uniform(0, 10)) * soft(rng, shape, 3.0)
    return pair(rng, (whole / 2, whole / 2 + own), _STILL)


@kind
def other_music_same_staves(rng: Random) -> Pair:
    """Other notes on the same staves, moved: the staves may be meant."""
    shape, truth = a_shape(rng, 260, 560), a_shift(rng, 2, 25)
    wide = with_margin(shape)
    rows = np.add.outer(np.arange(50, wide[0] - 50, 100), 9 * np.arange(5)).ravel()
    images = []
    for motion in (None, truth):
        notes = anywhere(rng, wide, int(np.prod(wide) / 2500))
        page = 240 - 200 * discs(wide, notes, 5.0)
        page[rows] = 40
        images.append(seen(sheet(ndimage.gaussian_filter(page, 0.8)), shape, motion))
    return pair(rng, (images[0], images[1]), truth)


@kind
def plain_walls(rng: Random) -> Pair:
    """Walls with nothing on them: what they have in common is the lens's fall of light."""
    shape = a_shape(rng)
    middle = np.array(shape[::-1]) * rng.uniform(0.4, 0.6, 2)
    light = 120 * (((grid(shape) - middle) / max(shape)) ** 2).sum(-1)
    first, second = (float(rng.uniform(160, 230)) - light for _ in range(2))
    return pair(rng, (first, second), _STILL)


@kind
def other_subject_in_field_stop(rng: Random) -> Pair:
    """Other things in a round field that lies elsewhere: the field may be meant."""
    shape, truth = a_shape(rng), a_shift(rng, 1, 25)

    def field(points: Image) -> Image:
        return 1 / (1 + np.exp((polar(points, shape)[0] - 0.75) * min(shape)))

    inside = (seen(photograph(rng, shape, mirrored=side), shape) for side in (False, True))
    first, second = (
        10 + cover * (50 + 0.3 * one)
        for cover, one in zip(both(field, shape, truth), inside, strict=True)
    )
    return pair(rng, (first, second), truth)
