"""The Python script that repeats what was clicked with a stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..layers.frame_regions import PaintedFrames, Regions
from ..layers.regions import Region
from ..layers.stack_snapshots import StackSnapshot
from ..layers.world import Grid
from .script import Origin, image_origin, mask_expression
from .stack_task import StackTask


def stack_script(job: StackTask) -> str:
    """Return a script that finds the same transforms, one per frame, to the last bit."""
    return _of_every(job) if job.every else _of_one(job)


def _of_every(job: StackTask) -> str:
    frames = stack_origin(job.stack)
    named = {"frames": frames}
    options: dict[str, str] = {}
    if job.itself:
        options["reference"] = repr(job.choice.to)
    elif job.references is not None:
        named["references"] = stack_origin(job.references)
        options["reference"] = "references"
    else:
        named["reference"] = image_origin(job.task.reference.origin)
        options["reference"] = "reference"
    options |= {name: repr(value) for name, value in job.parameters.of_align().items()}
    if job.initial is not None:
        options["initial"] = repr(job.initial.matrix.tolist())
    other = next(reversed(named))
    masks = {
        "reference_mask": _masks(
            job.reference_regions, other, other != "reference", job.reference_grid
        ),
        "moving_mask": _masks(job.moving_regions, "frames", True, job.stack.shown.grid),
    }
    imports = [
        "from napari_ecc_align import align_stack",
        "from napari_ecc_align import frame_transforms",
    ]
    lines = _head(named, masks, imports)
    lines += ["results = align_stack(", "    frames,"]
    lines += [f"    {name}={value}," for name, value in options.items()]
    lines += [f"    {name}={name}," for name, mask in masks.items() if mask]
    lines += [
        ")",
        "# A frame that could not be aligned borrows from its neighbour.",
        "transforms = frame_transforms(results)",
        "for number, result in enumerate(results):",
        "    print(number, result.verdict, result.reason)",
    ]
    return _ended(lines)


def _of_one(job: StackTask) -> str:
    task = job.task
    named = {
        "reference": image_origin(task.reference.origin),
        "frames": stack_origin(job.stack),
    }
    shown = job.stack.shown.index[job.stack.axis]
    masks = {
        "reference_mask": _masks(task.reference_region, "reference", False, task.reference.grid),
        "moving_mask": _masks(task.moving_region, "frames", True, task.moving.grid),
    }
    lines = _head(named, masks, ["from napari_ecc_align import align"])
    lines += ["result = align(", "    reference,", f"    frames[{shown}],"]
    lines += [f"    {name}={value!r}," for name, value in task.parameters.of_align().items()]
    if task.initial is not None:
        lines.append(f"    initial={task.initial.matrix.tolist()!r},")
    lines += [f"    {name}={name}," for name, mask in masks.items() if mask]
    lines += [
        ")",
        "print(result.verdict, result.reason)",
        "transforms = [result.transform] * len(frames)",
    ]
    return _ended(lines)


def stack_origin(stack: StackSnapshot) -> Origin:
    """Return where a script finds the frames of a stack."""
    index: list[Any] = list(stack.shown.index)
    index[stack.axis] = ":"
    while index and index[-1] == ":":
        index.pop()
    return image_origin({**stack.shown.origin, "index": index})


def _head(
    named: Mapping[str, Origin], masks: Mapping[str, list[str]], imports: Sequence[str]
) -> list[str]:
    """Return the imports, the images and the masks."""
    drawn = [line for mask in masks.values() for line in mask]
    needed = {*imports, *(line for origin in named.values() for line in origin.lines)}
    if any("polygon_mask(" in line for line in drawn):
        needed.add("from napari_ecc_align import polygon_mask")
    if any("np.load(" in line for line in drawn):
        needed.add("import numpy as np")
    lines = [*sorted(needed), ""]
    for name, origin in named.items():
        comment = f"  # {origin.note}" if origin.note else ""
        lines.append(f"{name} = {origin.expression}{comment}")
    for name, mask in masks.items():
        if mask:
            lines += ["", *mask[:-1], f"{name} = {mask[-1]}"]
    return [*lines, ""]


def _masks(regions: Regions | Region | None, image: str, many: bool, grid: Grid) -> list[str]:
    """Return lines of which the last one is an expression for a mask, or one for each frame."""
    if regions is None:
        return []
    if isinstance(regions, PaintedFrames):
        note = (
            f"# not 0 where a pixel of {image} counts, of the same shape: put your own file here"
        )
        return [note, f"np.load({regions.record['name'] + '.npy'!r})"]
    role = f"{image}[0]" if many else image
    if isinstance(regions, Region) or len(regions.drawn) == 1:
        return [mask_expression(role, regions.record, grid)]
    drawn = [
        f"    {frame}: {mask_expression(role, region.record, grid)},"
        for frame, region in regions.drawn.items()
    ]
    chosen = "drawn[min(drawn, key=lambda at: abs(at - number))]"
    return ["drawn = {", *drawn, "}", f"[{chosen} for number in range(len({image}))]"]


def _ended(lines: list[str]) -> str:
    printing = ["for transform in transforms:", "    print(transform.matrix.tolist())"]
    return "\n".join([*lines, *printing]) + "\n"
