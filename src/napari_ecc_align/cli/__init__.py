"""The command ``ecc-align``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ..errors import InputError

BAD_INPUT = 2
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``ecc-align`` and return its exit code.

    0: aligned. 1: doubtful or failed. 2: the usage or an input is bad; one line says why.
    """
    from .parser import build_parser

    chosen = build_parser().parse_args(arguments)
    try:
        code: int = chosen.run(chosen)
    except InputError as error:
        print(f"ecc-align: {error}", file=sys.stderr)
        return BAD_INPUT
    except OSError as error:
        print(f"ecc-align: {error.filename or ''}: {error.strerror or error}", file=sys.stderr)
        return BAD_INPUT
    except MemoryError:
        print("ecc-align: not enough memory for images of this size", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("ecc-align: interrupted", file=sys.stderr)
        return INTERRUPTED
    return code
