"""How a result came about, as plain values: enough to repeat the run."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from ..._align.volume.result import VolumeAlignment
from ..._align.volume.transform import VolumeTransform
from ..._common.atomic import write_atomically
from ..._common.tables import finite
from ..._transform.bent_map import BentMap, packed_field
from ..._transform.formats import own_json
from ..._transform.transform import Transform
from ..._verdict.result import AlignmentResult
from ..layers.snapshots import LayerSnapshot
from ..layers.world import AnyTransform

_PACKAGES = ("napari-ecc-align", "napari", "numpy", "opencv-python-headless", "scikit-image")
# Large, or told elsewhere.
_LEFT_OUT = {"transform", "covariance", "tiles"}
# Of a record, what is told of a result beside its inputs, options and numbers.
_TOLD = ("initial", "region", "frames", "axis", "verdict", "reason", "ecc", "corner_uncertainty")
# Bytes: a person waits while a file is saved.
_LARGEST_HASHED = 2**28


def provenance(
    reference: LayerSnapshot,
    moving: LayerSnapshot,
    parameters: Mapping[str, Any],
    result: AlignmentResult | VolumeAlignment,
    *,
    initial: AnyTransform | None = None,
    region: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return how a result came about, as values that JSON can hold.

    Parameters
    ----------
    reference, moving : LayerSnapshot
        The images as they were.
    parameters : mapping
        What was chosen, by name.
    result : AlignmentResult or VolumeAlignment
        What came of it.
    initial : Transform or VolumeTransform, optional
        Where the alignment was told to start.
    region : mapping, optional
        What the comparison was restricted to; see `regions.Region.record`.

    Returns
    -------
    dict
        Numbers that JSON has not (infinity, NaN) are None.
    """
    kept = {
        field.name: getattr(result, field.name)
        for field in fields(result)
        if field.name not in _LEFT_OUT
    }
    record = {
        "version": version("napari-ecc-align"),
        "packages": _versions(),
        "reference": reference.name,
        "moving": moving.name,
        "layers": {"reference": reference.origin, "moving": moving.origin},
        "parameters": parameters,
        "initial": initial,
        "region": region,
        **plain(result.transform),
        **kept,
    }
    return {name: plain(value) for name, value in record.items()}


def tell_origin(path: Path, record: Mapping[str, Any], numbers: Mapping[str, Any]) -> None:
    """Let a file of ours that has just been written say where its transform comes from.

    As the command's files do, so that `ecc-align show` prints it; other formats have no room.

    Parameters
    ----------
    path : Path
        The file; nothing is done unless it is of our own format, ``.json``.
    record : mapping
        What `provenance` returned.
    numbers : mapping
        Of the result, by name; none are told where it is empty.
    """
    content = path.read_bytes()
    if path.suffix.lower() != ".json" or not own_json.recognise(content):
        return
    if numbers:
        content = own_json.with_member(content, "alignment", finite(plain(numbers)))
    content = own_json.with_member(content, "provenance", made_in_napari(record))
    write_atomically(path, content, overwrite=True)


def made_in_napari(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return where a result comes from, as the command tells it of its own: without folders."""
    layers = [record["layers"][role] for role in ("reference", "moving")]
    told = {name: record.get(name) for name in _TOLD}
    return {
        "program": f"napari-ecc-align {record.get('version')}",
        "command": "Align images, in napari",
        "inputs": [_input(layer) for layer in layers],
        "options": record.get("parameters"),
        **{name: value for name, value in told.items() if value is not None},
    }


def _input(layer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the name of a layer, and of its file with its digest, if it is one and no giant."""
    made = {"name": layer["name"], "shape": layer.get("shape"), "index": layer.get("index")}
    path = Path(layer.get("path") or "")
    with suppress(OSError):
        if path.is_file() and path.stat().st_size <= _LARGEST_HASHED:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            return {**made, "file": path.name, "sha256": digest}
    return made


def plain(value: Any) -> Any:
    """Return a value as what JSON can hold and gives back the same."""
    if isinstance(value, BentMap):
        matrix = value.matrix.tolist()
        return {"matrix": matrix, "model": value.model, "field": packed_field(value)}
    if isinstance(value, (Transform, VolumeTransform)):
        return {"matrix": value.matrix.tolist(), "model": value.model}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, (Path, complex)):
        return str(value)
    if isinstance(value, (Sequence, set, frozenset)):
        return [plain(item) for item in value]
    return str(value)


def _versions() -> dict[str, str | None]:
    # OpenCV goes by several names.
    found: dict[str, str | None] = dict.fromkeys(_PACKAGES)
    for name in _PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
