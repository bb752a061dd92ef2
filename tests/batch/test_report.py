"""The report: what it holds, that it needs nothing else, and that a browser filters it."""

from __future__ import annotations

import csv
import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from commands import rows

from clock import processor_time
from napari_ecc_align import Batch, Transform, compare
from napari_ecc_align._batch.plan.pairs import Problem
from napari_ecc_align._batch.records.record import Record
from napari_ecc_align._batch.report.histogram import histogram
from napari_ecc_align._batch.report.report import COLUMNS, write_report
from napari_ecc_align._batch.run.measure import Differences, thumbnail

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome")
MISSING = "THE REPORT WAS NOT OPENED IN A BROWSER: there is no Chromium here"
PAIRS = 1000


def records(pairs=PAIRS):
    """A thousand pairs as the story had them: most fine, some with many differing pixels."""
    rng = np.random.default_rng(0)
    ink, faint = (rng.random((300, 420)) < share for share in (0.1, 0.02))
    looks = [Differences.of(compare(ink, ink ^ other)) for other in (ink[::-1], faint)]
    picture = thumbnail(*looks)
    for number in range(pairs):
        outcome = ("doubtful", "failed", "passed through", *["aligned"] * 97)[number % 100]
        failed = outcome == "failed"
        yield Record(
            name=f"w-{number // 20:02}/p{number:03}.png",
            outcome=outcome,
            reason="<b>because</b> & so",
            transform=None if failed else Transform.identity(),
            numbers={
                "different_before": int(rng.integers(20_000, 40_000)),
                "different": None if failed else 40 * number % 8000,
                "corner_shift": float(rng.gamma(4, 3)),
                "corner_uncertainty": 0.02,
            },
            thumbnail=picture,
        )


def write(out, pairs=PAIRS):
    stranger = Problem(Path("s/4.png"), "belongs to no pair and is left out", None)
    write_report(out, problems=[stranger], more=records(pairs))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The folder of a report, and the seconds of processors that it took."""
    out = tmp_path_factory.mktemp("a dataset")
    return out, processor_time(lambda: write(out))


@pytest.fixture(scope="module")
def report(written):
    return written[0]


def test_ten_times_as_many_pairs_take_about_ten_times_as_long(written, tmp_path):
    assert written[1] < 25 * processor_time(lambda: write(tmp_path, PAIRS // 10))


def test_the_table_has_a_row_for_each_pair_and_a_column_for_each_number(report):
    with (report / "report.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == PAIRS
    assert tuple(rows[0]) == COLUMNS
    assert [row["outcome"] for row in rows[:20]] == ["doubtful"] * 10 + ["failed"] * 10
    assert rows[10]["different"] == ""
    fine = [int(row["different"]) for row in rows if row["outcome"] == "aligned"]
    assert fine == sorted(fine, reverse=True)


def test_the_page_needs_nothing_from_elsewhere_and_quotes_what_it_shows(report):
    text = (report / "report.html").read_text(encoding="utf-8")
    assert len(text) < 20_000_000
    assert text.count('class="row"') == PAIRS
    assert not re.search(r"""(src|href)\s*=\s*["'](?!data:)|@import|url\(""", text)
    assert "default-src 'none'" in text
    assert "<b>because</b>" not in text
    assert html.escape("<b>because</b> & so") in text
    assert "s/4.png: belongs to no pair" in text
    assert text.count("<svg") == 2
    counted = re.findall(r"<title>(\w+): (\d+) from ", text)
    assert sum(int(number) for name, number in counted if name == "before") == PAIRS
    assert text.index("w-00/p000.png") < text.index("w-00/p001.png") < text.index("w-00/p003.png")


def test_a_histogram_counts_every_value_once():
    values = [0.0, 1.0, 1.0, 5.0, 12.0]
    chart = histogram("px", {"before": values, "after": values[:2]})
    assert {name: sum(counts) for name, counts in chart.counts.items()} == {
        "before": 5,
        "after": 2,
    }
    assert histogram("px", {"none": []}) is None
    assert max(histogram("px", {"zero": [0, 0]}, logarithmic=True).counts["zero"]) == 2


@pytest.mark.parametrize(
    ("values", "logarithmic", "labels"),
    [
        ([0.0, 34.0], False, ["0", "10", "20", "30"]),
        ([0.03], False, ["0", "0.01", "0.02", "0.03"]),
        ([0.0], False, ["0", "0.2", "0.4", "0.6", "0.8", "1"]),
        ([3, 2_500], True, ["0", "10", "100", "1,000"]),
        ([3], True, ["0", "3"]),
    ],
)
def test_a_histogram_is_labelled_with_round_numbers_where_they_are(values, logarithmic, labels):
    chart = histogram("px", {"some": values}, logarithmic=logarithmic)
    assert [label for _, label in chart.ticks] == labels
    places = [place for place, _ in chart.ticks]
    assert places == sorted(places)
    assert 0 <= places[0] <= places[-1] <= 1


@pytest.fixture(scope="module")
def browser():
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"{MISSING} (CHROMIUM=/path/to/it names one)")
    return found


def browse(browser, *arguments):
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars")
    # Containers have little shared memory.
    flags = (*flags, "--disable-dev-shm-usage")
    return subprocess.run(
        [browser, *flags, *arguments], capture_output=True, text=True, timeout=300, check=True
    )


def test_a_browser_shows_the_story_s_list(browser, report):
    shown = browse(browser, "--dump-dom", f"file://{report}/report.html#above=5000").stdout
    rows = re.findall(r'<div class="row"[^>]*>', shown)
    visible = [row for row in rows if "hidden" not in row]
    differing = [float(re.search(r'data-differing="(\d+)"', row)[1]) for row in visible]
    assert len(rows) == PAIRS
    assert len(differing) == sum((record.numbers["different"] or 0) > 5000 for record in records())
    assert min(differing) > 5000
    assert f"{len(differing)} of 1,000 shown" in shown


LOOKS = {
    "light": ("--window-size=1280,900",),
    "dark": ("--window-size=1280,900", "--blink-settings=preferredColorScheme=0"),
    "narrow": ("--window-size=500,1400",),
}


@pytest.mark.parametrize("look", LOOKS)
def test_a_browser_draws_the_page(browser, report, tmp_path, look):
    from napari_ecc_align._images.files.images import read_image

    picture = tmp_path / f"{look}.png"
    browse(browser, f"--screenshot={picture}", *LOOKS[look], f"file://{report}/report.html")
    shown = read_image(picture)[..., :3]
    assert len(np.unique(shown @ [1 << 16, 1 << 8, 1])) > 50
    # The paper behind it, and the verdicts on it, which must be read on either.
    assert (np.median(shown) > 200) == (look != "dark")


MEASURE = """<script>
addEventListener("load", () => {
  const page = document.documentElement;
  const began = performance.now();
  const list = document.createElement("ul");
  list.innerHTML = "<li>some <b>words</b> and <i>others</i></li>".repeat(1000);
  document.body.append(list);
  page.getBoundingClientRect();
  list.remove();
  page.getBoundingClientRect();
  const plain = performance.now() - began;
  let longest = 0;
  for (let y = 0; y < page.scrollHeight; y += 600) {
    const began = performance.now();
    scrollTo(0, y);
    document.elementFromPoint(200, 500).getBoundingClientRect();
    longest = Math.max(longest, performance.now() - began);
  }
  const asked = performance.now();
  document.forms[0].elements.name.value = "w-01";
  show();
  page.getBoundingClientRect();
  const filtered = performance.now() - asked;
  document.title = JSON.stringify({plain, longest, filtered, wide: page.scrollWidth - innerWidth});
});
</script></body>"""


@pytest.mark.parametrize("width", [1280, 500])
def test_a_thousand_pairs_scroll_and_filter_at_once(browser, report, tmp_path, width, capsys):
    text = (report / "report.html").read_text(encoding="utf-8")
    page = tmp_path / "measured.html"
    page.write_text(text.replace("</body>", MEASURE), encoding="utf-8")
    shown = browse(browser, "--dump-dom", f"--window-size={width},900", f"file://{page}").stdout
    found = json.loads(html.unescape(re.search("<title>(.*?)</title>", shown)[1]))
    with capsys.disabled():
        print(
            f"\nreport {width} px wide: longest step of scrolling {found['longest']:.0f} ms, "
            f"filter {found['filtered']:.0f} ms, a plain list {found['plain']:.0f} ms"
        )
    assert found["wide"] <= 0, "it must not scroll sideways"
    # Laying out a plain list of as many rows takes as long.
    assert found["longest"] < found["plain"]
    assert found["filtered"] < 4 * found["plain"]


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@A1", "'=1"])
def test_a_name_is_no_formula_in_the_table_and_still_the_name_of_its_pair(good, tmp_path, start):
    name = next(iter(good.truth))
    table = tmp_path / "pairs.csv"
    files = f"{good.file('ideal', name)},{good.file('gray', name)}"
    table.write_text(f"reference,moving,name\n{files},{start}.png\n")
    batch = Batch.plan(table=table, out=tmp_path / "out")
    (step,) = batch.run(workers=1)
    assert step.record.name == f"{start}.png"
    ((told, row),) = rows(tmp_path / "out").items()
    assert told == f"'{start}.png"
    assert float(row["m00"]) == step.record.transform.matrix[0, 0]
    assert batch.accept(told, note="=2").name == f"{start}.png"
    assert rows(tmp_path / "out")[told]["note"] == "'=2"
    assert [step.resumed for step in Batch.open(tmp_path / "out").run(told)] == [True]
