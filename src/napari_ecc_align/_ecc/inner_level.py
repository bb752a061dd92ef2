"""The inside of a small level, which a film's frames show all of: one block of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .._images.pyramid.blocks import Blocks, smoothed
from .._images.pyramid.filters import RADIUS, warp
from .._images.pyramid.levels import Floats, Level
from .._transform.coordinates import map_points, shift
from .._transform.models import Array, Model, frame_of
from .motion import PlaneMotion
from .options import SearchOptions
from .refined import Refined
from .whole_level import WholeLevelSolver, WholeReference, plane_rows

# The inside begins so many px from the border, or a few times as many: a frame moves on from where
# the last one lay. Of a level there is left this share of the shorter side at least.
_STEP, _LEAST_LEFT = 4, 0.75


def inner_solver(
    reference: Level,
    moving: Level,
    blocks: Blocks,
    options: SearchOptions,
    matrix: Array,
) -> WholeLevelSolver | None:
    """Return the solver of the pixels of a level that all lie inside the moving image.

    Nothing has to be asked of single pixels then. None where the start moves them too far for
    that, or some pixels do not count.

    Parameters
    ----------
    reference, moving : Level
        The same small level of both images.
    blocks : Blocks
        All of the reference's, as from `whole_reference`.
    options : SearchOptions
    matrix : (3, 3) array
        The start, in px of the level.
    """
    height, width = shape = reference.shape
    image = smoothed(moving)
    if image is None or image.ndim > 2 or moving.shape != shape:
        return None
    if reference.valid is not None or moving.valid is not None:
        return None
    model, frame = options.motion, frame_of(shape)
    moves = float(np.abs(map_points(matrix, frame.corners) - frame.corners).max())
    if not 2 * (moves + RADIUS + _STEP) <= (1 - _LEAST_LEFT) * min(shape):
        return None
    margin = _STEP * int(np.ceil((moves + RADIUS + 1) / _STEP))
    known = reference.recent(
        "inside of whole levels",
        (model.name, margin),
        lambda: WholeReference(_inside(blocks, model, shape, margin), None),
    )
    inside, size = shift(margin, margin), (width - 2 * margin, height - 2 * margin)
    return WholeLevelSolver(
        PlaneMotion(model, frame),
        known,
        lambda to: warp(image, to @ inside, size)[None],
        epsilon=options.tolerance,
        least=0.0,
    )


def known_as(before: Refined, found: Refined) -> Refined:
    """Return what such a solver has found with how well images alike were known from there.

    One block tells nothing of that.
    """
    if not np.isfinite(found.solution.ecc):
        return found
    known = before.begun * 2.0**-found.level
    return replace(found, solution=replace(found.solution, corner_uncertainty=known))


def _inside(blocks: Blocks, model: Model, shape: tuple[int, int], margin: int) -> Floats:
    """Return the rows of a `WholeReference` of the pixels of a level that far inside it."""
    (height, width), size = shape, blocks.size
    rows = plane_rows(blocks, model, frame_of(shape))
    rows = rows.reshape(-(-height // size), -(-width // size), -1, size, size)
    count, columns = rows.shape[2], rows.shape[1] * size
    planes = rows.transpose(2, 0, 3, 1, 4).reshape(count, -1, columns)
    inner = planes[:, margin : height - margin, margin : width - margin]
    return np.ascontiguousarray(inner.reshape(1, count, -1))
