"""Our own format: a small JSON document with a format name and a version.

Direction: reference pixel to moving pixel. Axis order: (x, y).
"""

from __future__ import annotations

import json
from typing import Any

from ..._common.errors import InputError
from ..transform import Transform
from .content import json_of

FORMAT = "napari-ecc-align transform"
VERSION = 1


def dump(transform: Transform) -> bytes:
    """Return the file that holds a transform."""
    return (json.dumps(as_document(transform), indent=2) + "\n").encode()


def parse(content: bytes) -> Transform:
    """Return the transform that a file holds, or raise `InputError`."""
    return from_document(json_of(content))


def as_document(transform: Transform) -> dict[str, Any]:
    """Return the JSON document of a transform."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "direction": "reference pixel (x, y, 1) to moving pixel, pixel centres at integers",
        "model": transform.model,
        "matrix": transform.matrix.tolist(),
    }


def from_document(document: Any) -> Transform:
    """Return the transform of a JSON document; raise `InputError` for any other document."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise InputError(f"its format is not {FORMAT!r}")
    if document.get("version") != VERSION:
        raise InputError(
            f"its version is {document.get('version')!r:.80}, this program reads {VERSION}"
        )
    missing = {"model", "matrix"} - document.keys()
    if missing:
        raise InputError(f"it lacks {' and '.join(sorted(missing))}")
    return Transform(document["matrix"], document["model"])
