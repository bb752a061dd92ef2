"""The command ``ecc-align``."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from importlib import import_module

from .._common.errors import InputError
from .._common.printing import libraries_silenced
from .console import complain, flush, prepare_streams

BAD_INPUT = 2
INTERNAL_ERROR = 70
INTERRUPTED = 130

_OPENCV_NO_MEMORY = -4


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``ecc-align``.

    Parameters
    ----------
    arguments : sequence of str, optional
        The command line without the program's name; that of the process when left out.

    Returns
    -------
    int
        The exit code. 0: aligned, or done. 1: doubtful or failed. 2: the usage or an input is
        bad, and one line on standard error says why. 130: interrupted. 70: a bug, with its
        traceback.
    """
    prepare_streams()
    try:
        with libraries_silenced():
            code = _run(arguments)
        flush()
    except InputError as error:
        complain(str(error))
        return BAD_INPUT
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED
    except OSError as error:
        reason = error.strerror or str(error)
        complain(f"{error.filename}: {reason}" if error.filename else reason)
        return BAD_INPUT
    except Exception as error:
        if _is_out_of_memory(error):
            complain("not enough memory for images of this size; crop or shrink them")
            return BAD_INPUT
        # Python's own exit code for this is 1, which would pass for a doubtful alignment.
        traceback.print_exc()
        complain("this is a bug, please report it with the lines above")
        return INTERNAL_ERROR
    return code


def _run(arguments: Sequence[str] | None) -> int:
    from .parser import parse

    try:
        chosen = parse(sys.argv[1:] if arguments is None else arguments)
    except SystemExit as stop:
        # argparse has printed the help, the version or what is wrong.
        return stop.code if isinstance(stop.code, int) else 0
    except BrokenPipeError:
        # Some versions of argparse let it through when the reader of the help has gone.
        return 0
    # What a command needs, such as OpenCV, is loaded when there is work for it.
    command = import_module(f".{getattr(chosen, 'module', chosen.command)}", __package__)
    code: int = getattr(command, f"run_{chosen.command}")(chosen)
    return code


def _is_out_of_memory(error: Exception) -> bool:
    # OpenCV has an exception of its own for it, and importing it here would cost time.
    return isinstance(error, MemoryError) or getattr(error, "code", None) == _OPENCV_NO_MEMORY
