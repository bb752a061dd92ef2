"""What tiles of a pair say: of full resolution, of a level that sees far, at other places."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial
from itertools import chain
from math import hypot

import numpy as np
from numpy.typing import NDArray

from .._common.quantiles import middle
from .._ecc.estimate import Estimate
from .._images.pyramid.pair import Pyramids
from .._images.pyramid.representations import Representation
from .._transform.coordinates import corner_error, shift
from .._transform.matrices import MotionModel
from .chance import ALPHA, ALPHA_DOUBTFUL, p_value, with_sampled_chance
from .compared_places import correlation_on, fits_better_here
from .laid import Laid
from .limits import (
    CLEAR,
    CLEAR_SIGMAS,
    KNOWN_TO,
    LEAST_AGREEING,
    LEAST_LIKE,
    LEAST_TILES,
    LIKE,
    MINOR,
    SAME_PLACE,
    SECOND_PIXELS,
    WHOLE_PIXELS,
    WRONG,
)
from .residual_pattern import affine_of
from .rival import NO_RIVAL, Rival
from .sampling import overlap_share
from .second_motion import SecondMotion
from .shifted_rival import WholeFit, far_rivals
from .tile_matching import (
    ALL_TILES,
    FIRST_TILES,
    MOST_TILES,
    SMALLEST_TILE,
    Tiles,
    is_clear,
    same_tiles,
    tile_evidence,
)

# The level whose tiles see far is no narrower: where tiles would be more than an eighth of it.
_WIDE_SIDE = 8 * SMALLEST_TILE


def first_tiles(pyramids: Pyramids, estimate: Estimate) -> tuple[Laid, Tiles]:
    """Return the images as they are judged, and their tiles at full resolution.

    What edges have found is judged by brightness where that says more.
    """
    laid = Laid(pyramids, estimate, estimate.inverted)
    fine = _matched(laid, 0, far=False)
    if estimate.representation == "orientation" and not is_clear(fine, FIRST_TILES, 0):
        judged, said = first_tiles(pyramids, replace(estimate, representation="gradient"))
        if said.share > fine.share:
            return judged, said
    if estimate.representation == "gradient" and fine.fit < 0:
        # Gradients are as strong in a negative.
        laid = replace(laid, inverted=not laid.inverted)
        fine = _matched(laid, 0, far=False)
    return laid, fine


def few_tiles(laid: Laid) -> Tiles:
    """Ask tiles of full resolution, some more if the first of them are not clear, but not all."""
    return _matched(laid, 0, far=False, asked=(0, MOST_TILES))


def wide_tiles(laid: Laid, fine: Tiles, rival: Rival) -> Tiles:
    """Ask tiles that see far, if those at full resolution and the whole leave a doubt.

    Or if there are places between those that the former see and those that the latter tells apart.
    """
    told = SAME_PLACE * (2 ** laid.pyramids.index_below(WHOLE_PIXELS) - 1) <= fine.reach
    clear = fine.rival.likeness < LEAST_LIKE and not rival.is_like(LEAST_LIKE)
    clear = clear and is_clear(fine, max(FIRST_TILES, fine.tested), 0)
    if told and clear:
        return fine
    index = _wide_level(laid.pyramids)
    wide = _matched(laid, index, far=True)
    # Where little overlaps, and near the borders, only those that do not see far fit in.
    clear = clear and wide.rival.likeness < LEAST_LIKE and is_clear(wide, wide.tested, index)
    return fine if clear or wide.tested < LEAST_TILES else wide


def with_chance(laid: Laid, fine: Tiles, wide: Tiles, model: MotionModel) -> tuple[Tiles, Tiles]:
    """Ask wrong places of the images what is chance, if so many agree that it matters."""

    def sampled(tiles: Tiles, index: int, far: bool) -> Tiles:
        if tiles.agreeing < LEAST_AGREEING or is_clear(tiles, max(FIRST_TILES, tiles.tested), 0):
            return tiles

        def matched(matrix: NDArray[np.float64], most: int) -> Tiles:
            return _matched(laid.at(matrix), index, far=far, asked=(0, most))

        seen = with_sampled_chance(tiles, laid.estimate.matrix, matched, model)
        if seen.share < CLEAR or p_value(seen, model) <= ALPHA or seen.tested >= MOST_TILES:
            return seen
        # All that were asked agree and cannot convince, as much that is alike repeats: more may.
        more = _matched(laid, index, far=far, asked=(MOST_TILES, MOST_TILES))
        return replace(more, chance=seen.chance, chance_fit=seen.chance_fit)

    asked = sampled(fine, 0, False)
    if wide is fine:
        return asked, asked
    return asked, sampled(wide, _wide_level(laid.pyramids), True)


def seconded(
    laid: Laid, rival: Rival, model: MotionModel, tiles_here: Callable[[], Tiles] | None = None
) -> Rival:
    """Return another place if tiles fit there, too, and else none.

    The whole of a coarse level need not show what fine detail shows: it may be blurred away, or be
    another layer. Who asks for several places has `tiles_here`, of where the images lie, once.
    """
    if rival.matrix is None:
        return rival
    index = _seconding_level(laid)
    place, shape = rival.matrix, laid.pyramids.reference[0].shape
    place = place @ shift(*_matched(laid.at(place), index, far=False).offset)
    # A second time, from between the pixels, where they fit as well as they can.
    there = _many_tiles(laid.at(place))
    place = place @ affine_of(there, shape)
    apart = np.hypot(*(there.displacements[:, 2:] - there.offset).T)
    share = float((apart <= there.radius).mean()) if there.tested else 0.0
    if share * there.independent < LEAST_AGREEING:
        # Tiles that overlap, and all show one thing that is like another, tell of no place.
        return NO_RIVAL
    if corner_error(place, laid.estimate.matrix, shape) <= SAME_PLACE * 2**index:
        # They led back to where they lie.
        return NO_RIVAL
    here = tiles_here() if tiles_here else _many_tiles(laid)
    # Of the middle one of each: a tile that sees nothing at either place decides nothing.
    joint = Rival(middle(here.fits), middle(there.fits), KNOWN_TO)
    like = share > LEAST_LIKE * here.share and joint.likeness > LIKE
    return NO_RIVAL if not like or fits_better_here(laid, place, model, rough=True) else rival


def _many_tiles(laid: Laid) -> Tiles:
    """Ask many tiles: of few, one that shows a mark would decide."""
    return _matched(laid, _seconding_level(laid), far=False, asked=(MOST_TILES, ALL_TILES))


def _seconding_level(laid: Laid) -> int:
    """Return a level on which other places are known to within the reach of tiles."""
    return max(0, laid.pyramids.index_below(WHOLE_PIXELS) - 2)


def first_seconded(laid: Laid, whole: WholeFit, model: MotionModel) -> Rival:
    """Return the best other place for the whole at which tiles fit, too, if there is one."""
    near = (whole.rival, *whole.others)
    alike = (rival for rival in chain(near, _beyond(laid)) if rival.is_like(LEAST_LIKE))
    tiles_here = cache(partial(_many_tiles, laid))
    found = (seconded(laid, rival, model, tiles_here) for rival in alike)
    return next((rival for rival in found if rival is not NO_RIVAL), NO_RIVAL)


def _beyond(laid: Laid) -> Iterator[Rival]:
    """Yield other places that are far away, if either image shows much that the other does not."""
    pyramids, matrix = laid.pyramids, laid.estimate.matrix
    finest = pyramids.reference[0], pyramids.moving[0]
    back = np.asarray(np.linalg.inv(matrix), np.float64)
    shown = overlap_share(*finest, matrix), overlap_share(*finest[::-1], back)
    if min(shown) < CLEAR:
        index = pyramids.index_below(WHOLE_PIXELS)
        yield from far_rivals(
            pyramids.reference[index],
            pyramids.moving[index],
            matrix,
            inverted=laid.inverted,
            representation=laid.estimate.representation,
        )


def looks_alike(laid: Laid, fine: Tiles) -> bool:
    """Tell whether half as many tiles fit by their brightness as do by the direction of edges.

    What belongs to the camera does: it is the same in both images.
    """
    plain = replace(laid, estimate=replace(laid.estimate, representation="intensity"))
    said = _matched(replace(plain, inverted=False), 0, far=False, asked=(MOST_TILES, ALL_TILES))
    return 2 * said.share > fine.share


def is_witnessed(laid: Laid, second: SecondMotion, chance: float) -> bool:
    """Tell whether tiles of any level fit where a second motion puts them, more than by chance.

    Of full resolution and of coarser ones, down to the one on which it was found: what is smeared
    or noisy is seen on those.
    """
    place = laid.estimate.matrix @ shift(*second.displacement.tolist())
    for index in range(laid.pyramids.index_below(SECOND_PIXELS) + 1):
        if second.distance <= SAME_PLACE * 2**index:
            break
        there = _matched(laid.at(place), index, far=False, asked=(MOST_TILES, MOST_TILES))
        likely = replace(there, chance=max(chance, there.chance))
        if p_value(likely, "translation") <= ALPHA_DOUBTFUL:
            return True
    return False


def told_apart(laid: Laid, tiles: Tiles, whole: WholeFit, model: MotionModel) -> Tiles:
    """Return tiles without their rival if more than they see tells it from where they lie.

    Tiles are of brightness, which a light that stays tells apart, too.
    """
    rival = tiles.rival
    if rival.matrix is None or not rival.likeness > LIKE:
        return tiles
    place = laid.estimate.matrix @ rival.matrix
    better = _averages_out(laid, place, whole) or fits_better_here(laid, place, model, rough=False)
    return replace(tiles, rival=NO_RIVAL) if better else tiles


def _averages_out(laid: Laid, place: NDArray[np.float64], whole: WholeFit) -> bool:
    """Tell whether the whole of a coarser level, on which a raster averages out, fits here alone.

    A light that stays is seen there, too, and would not fit where anything has moved.
    """
    pyramids, matrix = laid.pyramids, laid.estimate.matrix
    moved = corner_error(matrix, pyramids.unmoved, pyramids.reference[0].shape)
    if not hypot(whole.offset, CLEAR_SIGMAS * whole.sigma) <= WRONG < moved:
        return False
    # A fine raster is gone before the images are so coarse that both places look alike.
    for index in range(pyramids.index_below(WHOLE_PIXELS), 0, -1):
        here, there = (correlation_on(laid.at(one), index) for one in (matrix, place))
        if there < LIKE * here:
            return True
    return False


def of_no_raster(laid: Laid, fine: Tiles) -> Tiles | None:
    """Return tiles of a coarser level if a raster is all that displaces those of full resolution.

    A mosaic of colour filters or the dots of a print stay where they are and pull tiles towards
    whole periods, each as far as it shows other detail. On coarser levels they average out: the
    same tiles then lie where they are laid. What bends, or has moved in part, is seen there, too.
    """
    moves = fine.displacements[:, 2:] * fine.agree[:, None]
    found = None
    for index in (2, 1):
        if index >= min(len(laid.pyramids.reference), len(laid.pyramids.moving)):
            return None
        found = same_tiles(
            laid.pyramids.reference,
            laid.pyramids.moving,
            index,
            laid.estimate.matrix,
            fine,
            inverted=laid.inverted,
            representation=_matched_by(laid.estimate),
        )
        if found.tested < LEAST_TILES:
            return None
        apart = found.displacements[:, None, :2] - fine.displacements[:, :2]
        own = moves[np.hypot(*apart.T).T.argmin(axis=1)]
        if (own * found.displacements[:, 2:]).sum() > MINOR * (own**2).sum():
            return None
    return found


def all_tiles(laid: Laid) -> Tiles:
    """Ask all tiles of full resolution, however clear the first of them are."""
    return _matched(laid, 0, far=False, asked=(ALL_TILES, ALL_TILES))


def _matched(
    laid: Laid, index: int, *, far: bool, asked: tuple[int, int] = (0, ALL_TILES)
) -> Tiles:
    estimate = laid.estimate
    return tile_evidence(
        laid.pyramids.reference,
        laid.pyramids.moving,
        index,
        estimate.matrix,
        inverted=laid.inverted,
        far=far,
        asked=asked,
        representation=_matched_by(estimate),
    )


def _matched_by(estimate: Estimate) -> Representation:
    # Tiles see less of gradients than of intensities, of which they may be a negative.
    return "orientation" if estimate.representation == "orientation" else "intensity"


def _wide_level(pyramids: Pyramids) -> int:
    """Return the level whose tiles see far and are still many."""
    index = min(max(1, pyramids.index_below(SECOND_PIXELS)), pyramids.index_below(0))
    while index > 0 and min(pyramids.reference[index].shape) < _WIDE_SIDE:
        index -= 1
    return index
