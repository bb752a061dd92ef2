"""Measure a batch: beside a plain script, in memory, and against the truth of a made dataset.

The dataset has the folders ``ideal`` (the reference) and ``scan/gray``, ``scan/bw``,
``scan/nostaff``, and ``truth.json``: {name: {"matrix": 3x3, "kind": "shifted", "aligned" or a
broken kind}}.

    python tests/benchmarks/batch.py beside DATASET OUT [--pages 40] [--rounds 3]
    python tests/benchmarks/batch.py check DATASET OUT
    python tests/benchmarks/batch.py hopeless DATASET OUT

"beside" does the same pages with both, one after the other, on the cores that it may use, and
gives the ratio of their throughput, and the most memory that all processes of the batch held
together. "check" runs the batch on every page and compares its output with the truth.
"hopeless" runs it on the blank and the wrong pages alone, which are searched for longest, and
gives its memory.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np

FLAVOURS = ("gray", "bw", "nostaff")
BROKEN = ("blank", "wrong_page", "truncated", "missing")


def plain_script(dataset: Path, out: Path, names: list[str]) -> None:
    """Do what the story's script did, and no more: nothing is checked, synced or reported."""
    import cv2

    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 100, 1e-7)
    for name in names:
        ideal = cv2.imread(str(dataset / "ideal" / name), cv2.IMREAD_GRAYSCALE)
        ink = 255 - ideal
        pages = {
            flavour: cv2.imread(str(dataset / "scan" / flavour / name), cv2.IMREAD_GRAYSCALE)
            for flavour in FLAVOURS
        }
        rows, columns = np.minimum(ideal.shape, pages["gray"].shape)
        cv2.countNonZero(cv2.absdiff(ink[:rows, :columns], pages["bw"][:rows, :columns]))
        matrix = np.eye(2, 3, dtype=np.float32)
        _, matrix = cv2.findTransformECC(
            ink, pages["gray"], matrix, cv2.MOTION_AFFINE, criteria, None, 5
        )
        for flavour, page in pages.items():
            aligned = cv2.warpAffine(
                page,
                matrix,
                ideal.shape[::-1],
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderValue=255,
            )
            path = out / flavour / name
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), aligned)
            if flavour == "bw":
                cv2.countNonZero(cv2.absdiff(ink, aligned))


def command(dataset: Path, out: Path, *more: str) -> list[str]:
    """Return the command line of the batch."""
    moving, *siblings = (str(dataset / "scan" / flavour) for flavour in FLAVOURS)
    return [
        *(sys.executable, "-m", "napari_ecc_align", "batch"),
        *("--reference", str(dataset / "ideal"), "--moving", moving),
        *(part for folder in siblings for part in ("--sibling", folder)),
        *("--out", str(out), *more),
    ]


class Memory(threading.Thread):
    """Watches how much memory a process and all its children hold together."""

    def __init__(self, process: int) -> None:
        super().__init__(daemon=True)
        self.process, self.most_rss, self.most_pss, self.going = process, 0.0, 0.0, True

    def run(self) -> None:
        """Look twenty times a second."""
        while self.going:
            found = [_held(process) for process in _family(self.process)]
            self.most_rss = max(self.most_rss, sum(rss for rss, _ in found))
            self.most_pss = max(self.most_pss, sum(pss for _, pss in found))
            time.sleep(0.05)


def _family(process: int) -> list[int]:
    found = [process]
    for parent in found:
        try:
            tasks = Path(f"/proc/{parent}/task").iterdir()
            found += [int(n) for t in tasks for n in (t / "children").read_text().split()]
        except OSError:
            continue
    return found


def _held(process: int) -> tuple[float, float]:
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0.0, 0.0
    values = {line.split(":")[0]: line.split()[1] for line in text.splitlines()[1:]}
    return int(values["Rss"]) / 1024, int(values["Pss"]) / 1024


def beside(dataset: Path, out: Path, pages: int, rounds: int) -> None:
    """Print the throughput of both, and the memory of the batch."""
    truth = json.loads((dataset / "truth.json").read_text())
    names = [name for name, page in truth.items() if page["kind"] not in BROKEN][:pages]
    table = write_table(dataset, out, names)
    # As an installation has it; an environment may forbid to write it while running.
    subprocess.run([sys.executable, "-m", "compileall", "-q", _package()], check=True)
    ratios, memory = [], []
    for number in range(rounds):
        began, used = time.perf_counter(), _processor()
        folder = out / f"plain{number}"
        script = [sys.executable, __file__, "plain", str(dataset), str(folder), *names]
        subprocess.run(script, check=True)
        plain, plain_used = time.perf_counter() - began, _processor() - used
        shutil.rmtree(folder)
        folder = out / f"batch{number}"
        began, used = time.perf_counter(), _processor()
        watch = watched(dataset, folder, table)
        ours, ours_used = time.perf_counter() - began, _processor() - used
        shutil.rmtree(folder)
        ratios.append(plain / ours)
        memory.append(watch.most_rss)
        print(
            f"{len(names)} pages: plain {plain:.1f} s ({plain_used:.1f} s of processors), "
            f"batch {ours:.1f} s ({ours_used:.1f} s), "
            f"ratio {plain / ours:.1f}; "
            f"{watch.most_rss:.0f} MB RSS, {watch.most_pss:.0f} MB PSS",
            flush=True,
        )
    print(f"median ratio {statistics.median(ratios):.1f}, most memory {max(memory):.0f} MB")


def write_table(dataset: Path, out: Path, names: list[str]) -> Path:
    """Write a table of some pages."""
    out.mkdir(parents=True, exist_ok=True)
    table = out / "pairs.csv"
    lines = ["reference,moving,sibling:bw,sibling:nostaff,name"]
    for name in names:
        given = [dataset.resolve() / folder / name for folder in _folders()]
        lines.append(",".join([*map(str, given), name]))
    table.write_text("\n".join(lines) + "\n")
    return table


def watched(dataset: Path, out: Path, table: Path) -> Memory:
    """Run the batch on the pages of a table, and return what memory it took."""
    run = [*command(dataset, out)[:4], "--pairs", str(table), "--out", str(out)]
    process = subprocess.Popen(run, stdout=subprocess.DEVNULL)
    watch = Memory(process.pid)
    watch.start()
    process.wait()
    watch.going = False
    watch.join()
    return watch


def hopeless(dataset: Path, out: Path) -> None:
    """Print the memory that pages take which cannot be aligned."""
    truth = json.loads((dataset / "truth.json").read_text())
    for kind in ("blank", "wrong_page"):
        names = [name for name, page in truth.items() if page["kind"] == kind]
        folder = out / kind
        watch = watched(dataset, folder, write_table(dataset, folder, names))
        print(
            f"{len(names)} {kind} pages: {watch.most_rss:.0f} MB RSS, {watch.most_pss:.0f} MB PSS",
            flush=True,
        )


def _package() -> str:
    from napari_ecc_align._transform import transform

    return str(Path(transform.__file__).parent)


def _processor() -> float:
    """Return the seconds of processors that all processes have used that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _folders() -> list[str]:
    return ["ideal", *(f"scan/{flavour}" for flavour in FLAVOURS)]


def check(dataset: Path, out: Path) -> None:
    """Run the batch on every page and print how it compares with the truth."""
    from napari_ecc_align import Batch
    from napari_ecc_align._transform.coordinates import corner_error

    began = time.perf_counter()
    code = subprocess.run(command(dataset, out), check=False).returncode
    print(f"exit code {code} after {time.perf_counter() - began:.0f} s, {os.cpu_count()} cores")
    truth = json.loads((dataset / "truth.json").read_text())
    records = Batch.open(out).records()
    outcomes = Counter((truth[name]["kind"], record.outcome) for name, record in records.items())
    for (kind, outcome), number in sorted(outcomes.items()):
        print(f"{kind:12} {outcome:15} {number:4}")
    shifted = [r for name, r in records.items() if truth[name]["kind"] == "shifted"]
    errors = [
        corner_error(
            r.transform.matrix, truth[r.name]["matrix"], (r.numbers["height"], r.numbers["width"])
        )
        if r.transform
        else np.inf
        for r in shifted
    ]
    print(
        f"shifted: {len(shifted)}; error px median {np.median(errors):.3f}, most {max(errors):.3f}"
    )
    before, after = (
        np.median([r.numbers[key] for r in shifted]) for key in ("different_before", "different")
    )
    print(
        f"differing pixels, median: {before:.0f} before, {after:.0f} after ({after / before:.1%})"
    )
    untouched = [
        all(
            (out / flavour / name).read_bytes() == (dataset / "scan" / flavour / name).read_bytes()
            for flavour in FLAVOURS
        )
        for name, page in truth.items()
        if page["kind"] == "aligned"
    ]
    print(f"aligned already: {len(untouched)}, of which untouched {sum(untouched)}")


def main() -> None:
    """Read the command line."""
    if sys.argv[1:2] == ["plain"]:
        plain_script(Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:])
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("beside", "check", "hopeless"))
    parser.add_argument("dataset", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--pages", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    if chosen.what == "beside":
        beside(chosen.dataset, chosen.out, chosen.pages, chosen.rounds)
    elif chosen.what == "check":
        check(chosen.dataset, chosen.out)
    else:
        hopeless(chosen.dataset, chosen.out)


if __name__ == "__main__":
    main()
