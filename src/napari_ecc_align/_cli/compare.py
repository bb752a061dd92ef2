"""``ecc-align compare``."""

from __future__ import annotations

import argparse

import numpy as np

from .._common.tables import three_digits
from .._compare.binary import compare
from .._compare.difference import difference
from .._images.files.images import read_file
from .console import say, tell
from .inputs import read_mask
from .outputs import all_or_none, check_folder, check_outputs, difference_paths, write_differences
from .provenance import made_by, with_provenance
from .show import files, table, to_json, written_text


def run_compare(chosen: argparse.Namespace) -> int:
    """Compare two images that lie on one grid; return the exit code."""
    paths = {}
    if chosen.out is not None:
        check_folder(chosen.out)
        paths = difference_paths(chosen.out, chosen.warped)
    inputs = [chosen.reference, chosen.warped, *filter(None, [chosen.mask])]
    check_outputs(paths.values(), inputs, overwrite=chosen.overwrite)
    file = read_file(chosen.reference)
    reference = file.plane(chosen.channel, chosen.reference)
    warped = read_file(chosen.warped).plane(chosen.channel, chosen.warped)
    mask = read_mask(chosen.mask, chosen.reference, reference.shape)
    found = compare(
        reference, warped, method=chosen.method, thresholds=chosen.thresholds, mask=mask
    )
    gap = difference(reference, warped, signed=chosen.signed, mask=mask)
    # Where nothing is compared, nothing differs.
    mean = float(np.abs(gap).sum(dtype=np.float64)) / max(1, found.compared)
    if paths:
        with all_or_none([*paths.values()], overwrite=chosen.overwrite) as staged:
            like = with_provenance(file, made_by(chosen, inputs))
            write_differences(dict(zip(paths, staged, strict=True)), gap, found.labels, like)
    numbers = {**found.to_dict(), "mean_difference": mean}
    if chosen.json:
        thresholds = [*found.thresholds]
        say(to_json({**numbers, "thresholds": thresholds, "files": files(paths)}))
        return 0
    cells = [
        ("differing pixels", f"{found.different:,}"),
        ("compared", f"{found.compared:,}"),
        ("share of overlap", f"{found.fraction:.2%}"),
        ("IoU", f"{found.iou:.3f}"),
        ("Dice", f"{found.dice:.3f}"),
        ("mean difference", three_digits(mean)),
        ("method", found.method),
    ]
    tell(chosen, "\n".join([*table(cells), *written_text(paths)]))
    return 0
