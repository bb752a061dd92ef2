"""The Python script that repeats what was clicked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._compare.thresholding import Thresholding
from ..._transform.transform import Transform
from ..layers.world import Grid, unit_factors

_TIFF = (".tif", ".tiff", ".lsm")


@dataclass(frozen=True)
class Origin:
    """Where a script finds an image.

    Attributes
    ----------
    lines : tuple of str
        Imports it needs.
    expression : str
        What yields the array.
    note : str
        A comment for the reader; empty if the expression works as it is.
    """

    lines: tuple[str, ...]
    expression: str
    note: str = ""


def image_origin(record: Mapping[str, Any]) -> Origin:
    """Return where a script finds an image: in a file, a sample, or nowhere that is known.

    Parameters
    ----------
    record : mapping
        What `provenance.layer_origin` says of the layer.
    """
    index = record["index"]
    plane = f"[{', '.join(str(number) for number in index)}]" if index else ""
    sample, path = record["sample"], record["path"]
    if sample is not None and sample[0] == "napari-ecc-align":
        found = _from_sample(sample[1], record["name"])
        if found is not None:
            return found
    if path is not None and record["levels"] == 1 and _is_plain_image(path):
        if path.lower().endswith(_TIFF):
            return Origin(("from tifffile import imread",), f"imread({path!r}){plane}")
        return Origin(("import imageio.v3 as iio",), f"iio.imread({path!r}){plane}")
    if path is not None and record["levels"] > 1 and not index and _is_zarr(path):
        opened = f"zarr.open_group({path!r}, mode='r')"
        levels = f"[{opened}[key] for key in sorted({opened}.array_keys())]"
        return Origin(("import zarr",), levels)
    sizes = f" and {record['levels'] - 1} smaller sizes of it" if record["levels"] > 1 else ""
    return Origin(
        ("import numpy as np",),
        f"np.load({record['name'] + '.npy'!r}){plane}",
        f"layer {record['name']!r}, shape {tuple(record['shape'])}{sizes}: put your own file here",
    )


def alignment_script(
    reference: Origin,
    moving: Origin,
    arguments: dict[str, Any],
    initial: Transform | None,
    *,
    thresholding: Thresholding | None,
    masks: dict[str, str] | None = None,
) -> str:
    """Return a script that finds the same transform to the last bit.

    Parameters
    ----------
    reference, moving : Origin
        Where the images are.
    arguments : dict
        Keyword arguments of `align`, plain values.
    initial : Transform or None
        Where the search began.
    thresholding : Thresholding or None
        How the images are compared afterwards; None if they are too large for that.
    masks : dict of str to str, optional
        Expressions for the masks of `align`, by argument, that may use both images.
    """
    lines = sorted({"from napari_ecc_align import align", *reference.lines, *moving.lines})
    if any("polygon_mask(" in mask for mask in (masks or {}).values()):
        lines.append("from napari_ecc_align import polygon_mask")
    if any("np.load(" in mask for mask in (masks or {}).values()):
        lines.append("import numpy as np")
    if thresholding is not None:
        lines.append("from napari_ecc_align import before_after, inspect_alignment")
    lines.append("")
    for name, origin in (("reference", reference), ("moving", moving)):
        comment = f"  # {origin.note}" if origin.note else ""
        lines.append(f"{name} = {origin.expression}{comment}")
    lines.append("")
    lines.append("result = align(")
    lines.append("    reference,")
    lines.append("    moving,")
    lines.extend(f"    {name}={value!r}," for name, value in arguments.items())
    if initial is not None:
        lines.append(f"    initial={initial.matrix.tolist()!r},")
    lines.extend(f"    {name}={expression}," for name, expression in (masks or {}).items())
    lines.append(")")
    lines.append("print(result.verdict, result.reason)")
    lines.append("print(result.transform.matrix.tolist())")
    if thresholding is not None:
        lines.extend(_comparison(thresholding, masks or {}))
    return "\n".join(lines) + "\n"


def _comparison(thresholding: Thresholding, masks: Mapping[str, str]) -> list[str]:
    """Return lines that print the table before/after."""
    return [
        "",
        "seen = inspect_alignment(",
        "    reference,",
        "    moving,",
        "    result.transform,",
        *(f"    {name}={value!r}," for name, value in thresholding.keywords().items()),
        *(f"    {name}={expression}," for name, expression in masks.items()),
        ")",
        "for row in before_after(result, seen):",
        '    print(f"{row.label:20} {row.before:>12} {row.after:>12}")',
    ]


def mask_expression(role: str, region: Mapping[str, Any], grid: Grid) -> str:
    """Return what yields the mask of a region on an image's pixels.

    Parameters
    ----------
    role : str
        The image's name in the script.
    region : mapping
        From `Region.record`.
    grid : Grid
        The image's pixels.
    """
    if "polygons" not in region:
        return f"np.load({region['name'] + '.npy'!r})"
    units = region["units"]
    factors = np.ones(2) if units is None else unit_factors(units, grid.units)
    back = np.linalg.inv(grid.matrix)
    parts = []
    for polygon in region["polygons"]:
        vertices = (np.array(polygon) * factors) @ back[:2, :2].T + back[:2, 2]
        parts.append(f"polygon_mask({role}.shape[:2], {vertices.tolist()!r})")
    return " | ".join(parts)


def _from_sample(key: str, layer_name: str) -> Origin | None:
    from ..._images.samples import sample

    pair = sample(key)
    imports = ("from napari_ecc_align import sample",)
    for attribute in ("reference", "moving"):
        if layer_name == getattr(pair, f"{attribute}_name"):
            return Origin(imports, f"sample({key!r}).{attribute}")
    if layer_name in pair.siblings:
        return Origin(imports, f"sample({key!r}).siblings[{layer_name!r}]")
    return None


def _is_zarr(path: str) -> bool:
    return path.rstrip("/\\").lower().endswith(".zarr")


def _is_plain_image(path: str) -> bool:
    return path.lower().endswith((*_TIFF, ".png", ".jpg", ".jpeg", ".bmp", ".gif"))
