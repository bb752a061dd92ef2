"""Documents of JSON in files that somebody has made."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from .errors import InputError
from .memory import at_most
from .opening import opened

_LARGEST = 2**24


def json_in(path: Path, what: str) -> tuple[dict[str, Any], str]:
    """Return the JSON object in a file, and the SHA-256 of the file.

    Parameters
    ----------
    path : Path
        The file.
    what : str
        What it should hold, for an error.

    Raises
    ------
    InputError
        If it cannot be read, is larger than any such file, or holds no object of JSON.
    """
    with opened(path, what) as file:
        content = at_most(file, _LARGEST + 1)
    try:
        if len(content) > _LARGEST:
            raise ValueError(f"it holds more than {_LARGEST:,} bytes")
        document = json.loads(content.decode("utf-8"))
        if not isinstance(document, dict):
            raise ValueError("it is no object")
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not usable {what}: {error}") from error
    return document, hashlib.sha256(content).hexdigest()
