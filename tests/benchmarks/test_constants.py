"""Every number of the verdict stands on its page, and other values of it can be tried."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "verdict"))

from builders import make_evidence, make_tiles, make_wide
from constants import GRIDS, Seen, curve, numbers

from napari_ecc_align._verdict import rules
from napari_ecc_align._verdict.chance import ALPHA

PAGE = Path(__file__).parents[2] / "docs" / "constants.md"


# What a verdict on volumes rests on, beside the rules of images.
OF_VOLUMES = {"assess", "judged", "rivals", "second_motion", "sufficiency"}
OF_VOLUMES |= {"tile_choice", "tile_surfaces", "tiles"}


def rows(*, volumes=False):
    """Yield module, names, value and how it was found, as the page has them."""
    module = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            module = line[3:]
        found = re.match(r"\| `(.+?)` \| `(.+?)` \| (\w+) \| .+ \|$", line)
        if found and module.startswith("volume/") == volumes:
            yield module.removeprefix("volume/"), *found.groups()


def test_the_page_has_every_number_as_it_is_and_no_other():
    assert sorted(row[:3] for row in rows()) == sorted(numbers())


def test_the_page_has_every_number_of_the_verdict_on_volumes():
    found = [row for row in numbers("_align.volume") if row[0] in OF_VOLUMES]
    found += [row for row in numbers("_align.volume.bent") if row[0] == "trust"]
    # The order of axes is no number.
    found = [row for row in found if row[1] != "_TURNED"]
    assert sorted(row[:3] for row in rows(volumes=True)) == sorted(found)
    assert {how for *_, how in rows(volumes=True)} == {"follows", "cost", "chosen", "data"}


def test_what_is_found_on_data_can_be_derived_anew_and_the_numbers_stay_few():
    found = list(rows())
    assert {how for *_, how in found} == {"follows", "cost", "chosen", "data"}
    on_data = {names for _, names, _, how in found if how == "data"}
    # Two that follow from others are tried as well.
    assert on_data == set(GRIDS) - {"LARGEST_UNCERTAINTY", "LIKE"}
    choices = [name for _, names, _, how in found if how != "follows" for name in names.split()]
    # Of which four for fields and one for films.
    assert len(choices) <= 40


def test_a_curve_counts_what_each_value_calls_aligned():
    right = Seen(make_evidence(), right=True, wrong=False)
    few = make_evidence(fine=make_tiles(9, 16), wide=make_wide(9, 16))
    found = curve([right, Seen(few, right=False, wrong=True)], "ALPHA")
    assert [value for value, *_ in found] == list(GRIDS["ALPHA"])
    assert found[0][1:] == (1, 1)
    assert found[-1][1:] == (0, 1)
    assert rules.ALPHA == ALPHA
