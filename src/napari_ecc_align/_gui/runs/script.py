"""The Python script that repeats what was clicked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import numpy as np

from ..._images.pixels import mean_type
from ..layers.regions import polygons_on
from ..layers.stack_snapshots import StackSnapshot
from ..layers.world import PixelGrid
from .task import Task

_TIFF = (".tif", ".tiff", ".lsm")
_PLAIN = (*_TIFF, ".png", ".jpg", ".jpeg", ".bmp", ".gif")
_OWN = (
    "align",
    "align_stack",
    "align_volume",
    "align_volume_stack",
    "inspect_alignment",
    "judge",
    "judge_volume",
    "polygon_mask",
    "sample",
    "warp_volume",
)
_OTHERS = {
    "iio.imread": "import imageio.v3 as iio",
    "np.load": "import numpy as np",
    "zarr.open_group": "import zarr",
    "imread": "from tifffile import imread",
}


def align_script(task: Task, model: str, *, compared: bool) -> str:
    """Return a script that finds the same transforms to the last bit.

    Parameters
    ----------
    task : Task
        What was asked.
    model : str
        The motion model of what was found.
    compared : bool
        Whether the two images are compared afterwards.
    """
    from jinja2 import Environment, StrictUndefined, select_autoescape

    frames = "moving" if task.choice is None else "frames"
    images = {frames: _stack_source(task.frames)}
    options = _options(task, model)
    fixed = "reference"
    if task.references is not None:
        fixed = "references"
        images[fixed] = _stack_source(task.references)
    elif task.anchor is None:
        images = {fixed: _image_source(task.reference.origin), **images}
    if task.frame_by_frame:
        to = "reference" if task.is_volume_film else fixed
        options = {"reference": to if task.anchor is None else repr(task.anchor), **options}
    sides = {
        "reference": (frames if task.anchor is not None else fixed, task.reference.grid),
        "moving": (frames, task.moving.grid),
    }
    masks = {
        f"{role}_mask": _mask_lines(regions.record, *sides[role])
        for role, regions in task.regions.items()
    }
    # Nothing of it is HTML.
    environment = Environment(
        autoescape=select_autoescape(default_for_string=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    template = files(__package__).joinpath("templates", "script.py.j2").read_text("utf-8")
    one = "moving" if task.choice is None else f"frames[{task.frames.number(task.frames.on_show)}]"
    lay = {} if task.lay is None else {"start": task.lay.matrix.tolist()}
    compared_by = {**task.parameters.thresholding.keywords(), **lay}
    body = environment.from_string(template).render(
        images=images,
        masks=masks,
        options=options,
        frame_by_frame=task.frame_by_frame,
        judged=task.judged,
        volume=task.is_volume or task.is_volume_film,
        stack=task.choice is not None,
        moving=one,
        compared=compared,
        compared_by={name: repr(value) for name, value in compared_by.items()},
    )
    return f"{_imports(body)}\n\n{body}"


def _options(task: Task, model: str) -> dict[str, str]:
    """Return the keywords of the search, or of judging, as Python."""
    options = {name: repr(value) for name, value in vars(task.parameters.search).items()}
    if task.judged:
        options = {}
    if task.is_volume or task.is_volume_film:
        spacing, moving_spacing = map(repr, task.spacings)
        sizes = {"spacing": spacing, "moving_spacing": moving_spacing}
        kept = () if task.judged or task.bends else ("precision", "max_iterations", "tolerance")
        chosen = {} if task.judged else {"model": repr(model)}
        options = {**chosen, **sizes, **{name: options[name] for name in kept}}
        if task.parameters.all_turns and task.is_volume and not task.judged:
            options["all_turns"] = "True"
    if task.bends:
        options["model"] = repr("smooth")
    if task.initial is not None:
        name = "transform" if task.judged else "initial"
        options[name] = repr(task.initial.matrix.tolist())
    return options


def _imports(body: str) -> str:
    """Return the lines that import what a script calls."""

    def called(name: str) -> bool:
        return re.search(rf"(?<![\w.]){re.escape(name)}\(", body) is not None

    own = ", ".join(name for name in _OWN if called(name))
    others = [line for name, line in _OTHERS.items() if called(name)]
    return "\n".join([*others, f"from napari_ecc_align import {own}"])


def _image_source(record: Mapping[str, Any]) -> str:
    """Return what yields an image: of a file, a sample, or, with a comment, of what is unknown.

    Parameters
    ----------
    record : mapping
        What `LayerSnapshot.origin` says of the layer.
    """
    index, levels = record["index"], record["levels"]
    plane = f"[{', '.join(str(number) for number in index)}]" if index else ""
    if (mean := record["mean_axis"]) is not None:
        dtype = str(mean_type(np.dtype(record["dtype"])))
        index = [":" if axis == mean else at for axis, at in enumerate(index)]
        before = sum(index[axis] == ":" for axis in range(mean))
        plane = f"[{', '.join(map(str, index))}].mean({before}, {dtype!r})"
    sample, path = record["sample"], record["path"]
    is_zarr = path is not None and path.rstrip("/\\").lower().endswith(".zarr")
    if sample is not None and sample[0] == "napari-ecc-align":
        found = _from_sample(sample[1], record["name"])
        if found is not None:
            return found
    if path is not None and levels == 1 and path.lower().endswith(_PLAIN):
        read = "imread" if path.lower().endswith(_TIFF) else "iio.imread"
        return f"{read}({path!r}){plane}"
    if is_zarr and levels > 1 and not index:
        opened = f"zarr.open_group({path!r}, mode='r')"
        return f"[{opened}[key] for key in sorted({opened}.array_keys())]"
    sizes = f" and {levels - 1} smaller sizes of it" if levels > 1 else ""
    return (
        f"np.load({record['name'] + '.npy'!r}){plane}  # layer {record['name']!r}, "
        f"shape {tuple(record['shape'])}{sizes}: put your own file here"
    )


def _stack_source(frames: StackSnapshot) -> str:
    """Return where a script finds the frames of a stack, or a single image."""
    index: list[Any] = list(frames.shown.index)
    if frames.leading:
        index[frames.axis] = ":"
    while index and index[-1] == ":" and frames.shown.mean_axis is None:
        index.pop()
    return _image_source({**frames.shown.origin, "index": index})


def _mask_lines(record: Mapping[str, Any], image: str, grid: PixelGrid) -> list[str]:
    """Return lines of which the last one is an expression for a mask, or one for each frame.

    Parameters
    ----------
    record : mapping
        From `Regions.record`.
    image : str
        What yields the image, or the stack, in the script.
    grid : PixelGrid
        The image's pixels.
    """
    if record["kind"] == "pixels" and "index" not in record:
        note = (
            f"# not 0 where a pixel of {image} counts, of the same shape: put your own file here"
        )
        return [note, _mask_expression(image, record, grid)]
    plane = f"{image}[0]" if image in ("frames", "references") else image
    drawn = {
        frame: _mask_expression(plane, region, grid)
        for frame, region in record.get("frames", {0: record}).items()
    }
    if len(drawn) == 1:
        return [*drawn.values()]
    lines = [f"    {frame}: {mask}," for frame, mask in drawn.items()]
    chosen = "drawn[min(drawn, key=lambda at: abs(at - number))]"
    return ["drawn = {", *lines, "}", f"[{chosen} for number in range(len({image}))]"]


def _mask_expression(image: str, region: Mapping[str, Any], grid: PixelGrid) -> str:
    """Return what yields the mask of a region on an image's pixels."""
    if "polygons" not in region:
        return f"np.load({region['name'] + '.npy'!r})"
    return " | ".join(
        f"polygon_mask({image}.shape[:2], {vertices.tolist()!r})"
        for vertices in polygons_on(grid.matrix, grid.units, region)
    )


def _from_sample(key: str, layer_name: str) -> str | None:
    from ..._images.samples import sample

    pair = sample(key)
    parts = {name: f".siblings[{name!r}]" for name in pair.siblings}
    parts |= {pair.moving_name: ".moving", pair.reference_name: ".reference"}
    return f"sample({key!r}){parts[layer_name]}" if layer_name in parts else None
