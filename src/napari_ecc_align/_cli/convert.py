"""``ecc-align convert``."""

from __future__ import annotations

import argparse

from .._transform.files import load_transforms, save_transforms
from .._transform.formats.registry import holds_a_stack
from .console import tell
from .outputs import all_or_none, check_outputs, check_parent
from .values import in_units


def run_convert(chosen: argparse.Namespace) -> int:
    """Write a transform file in another format, direction or unit; return the exit code."""
    check_parent(chosen.out)
    check_outputs([chosen.out], [chosen.file], overwrite=chosen.overwrite)
    found = [in_units(each, chosen) for each in load_transforms(chosen.file)]
    if chosen.inverse:
        found = [each.inverse for each in found]
    with all_or_none([chosen.out], overwrite=chosen.overwrite) as (staged,):
        if holds_a_stack(chosen.file):
            save_transforms(found, staged)
        else:
            found[0].save(staged)
    tell(chosen, f"Written to {chosen.out}")
    return 0
