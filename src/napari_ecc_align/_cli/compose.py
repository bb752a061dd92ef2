"""``ecc-align compose``."""

from __future__ import annotations

import argparse
from functools import reduce

from .._transform.transform import Transform
from .console import tell
from .outputs import all_or_none, check_outputs, check_parent


def run_compose(chosen: argparse.Namespace) -> int:
    """Write transforms, one after the other, as one; return the exit code."""
    paths = [chosen.first, *chosen.others]
    check_parent(chosen.out)
    check_outputs([chosen.out], paths, overwrite=chosen.overwrite)
    given = [Transform.load(path) for path in paths]
    whole = reduce(lambda before, after: after @ before, given)
    with all_or_none([chosen.out], overwrite=chosen.overwrite) as (staged,):
        whole.save(staged)
    tell(chosen, f"Written to {chosen.out}")
    return 0
