"""``ecc-align compose``."""

from __future__ import annotations

import argparse
from functools import reduce

from .._transform.transform import Transform
from .console import tell
from .outputs import check_outputs


def run_compose(chosen: argparse.Namespace) -> int:
    """Write transforms, one after the other, as one; return the exit code."""
    paths = [chosen.first, *chosen.others]
    check_outputs([chosen.out], paths, overwrite=chosen.overwrite)
    given = [Transform.load(path) for path in paths]
    reduce(lambda before, after: after @ before, given).save(
        chosen.out, overwrite=chosen.overwrite
    )
    tell(chosen, f"Written to {chosen.out}")
    return 0
