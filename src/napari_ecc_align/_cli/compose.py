"""``ecc-align compose``."""

from __future__ import annotations

import argparse
from functools import reduce
from typing import Any

from .._align.volume.transform import load_of_either
from .._common.errors import InputError
from .console import tell
from .outputs import all_or_none, check_outputs, check_parent


def run_compose(chosen: argparse.Namespace) -> int:
    """Write transforms, one after the other, as one; return the exit code."""
    paths = [chosen.first, *chosen.others]
    check_parent(chosen.out)
    check_outputs([chosen.out], paths, overwrite=chosen.overwrite)
    given: list[Any] = [load_of_either(path) for path in paths]
    if len({type(each) for each in given}) > 1:
        raise InputError("transforms of images and of volumes do not follow one another")
    whole = reduce(lambda before, after: after @ before, given)
    with all_or_none([chosen.out], overwrite=chosen.overwrite) as (staged,):
        whole.save(staged)
    tell(chosen, f"Written to {chosen.out}")
    return 0
