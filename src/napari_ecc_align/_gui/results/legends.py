"""What the colours of each view say: one meaning for a colour in all of them."""

from __future__ import annotations

from ..layers.world import unit_of
from ..runs.finished_run import FinishedRun
from ..shared.html import MEANINGS, legend, legend_outside, swatch, unbroken
from .residual_layer import END_COLOURS, arrow_scale, arrow_sizes

# As napari's map "PiYG" ends.
_REFERENCE_BRIGHTER, _MOVING_BRIGHTER = (39, 100, 25), (142, 1, 82)


def legend_of(view: str, run: FinishedRun) -> str:
    """Return in a line of HTML how a view of a run is read."""
    whose = [unbroken(legend(label)) for label in MEANINGS]
    signed = [
        unbroken(f"{swatch(_REFERENCE_BRIGHTER)} reference brighter"),
        unbroken(f"{swatch(_MOVING_BRIGHTER)} moving brighter"),
    ]
    absolute = ["Black where they agree, the lighter the more they differ."]
    below = signed if run.task.parameters.signed else []
    said = {
        "binary difference": [*whose, *below],
        "overlay": [*whose, "gray: both"],
        "difference": below or absolute,
        "checkerboard": ["Reference and aligned image in turn: edges that run on lie right."],
        "residuals": [_arrows(run)] if view == "residuals" else [],
    }.get(view, [])
    outside = [unbroken(legend_outside())] if said and view != "residuals" else []
    return "&nbsp; ".join([*said, *outside])


def _arrows(run: FinishedRun) -> str:
    scale = arrow_scale(run.result, run.task.shape)
    drawn = "drawn as long as they are" if scale == 1 else f"drawn {scale:,.0f} times as long"
    slices = " A slice shows those that begin on it, the 3-D view all." * run.task.is_volume
    if run.task.bends:
        shown = "how the reference bends where that is known to a pixel; the greener, the surer"
        return f"Arrows, {drawn}: {shown}.{slices}"
    where = "from each tile to where it would fit better"
    ends = arrow_sizes(run.result, run.task.shape)
    if ends is None:
        return f"Arrows, {drawn}: {where}.{slices}"
    unit = (unit_of(run.task.reference.grid) if run.task.is_volume else None) or "px"
    told = [
        unbroken(f"{swatch(colour)} {size:.2g} {unit}")
        for colour, size in zip(END_COLOURS, ends, strict=True)
    ]
    return f"Arrows, {drawn}: {where}, from {told[0]} to {told[1]}.{slices}"
