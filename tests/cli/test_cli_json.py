"""What ``--json`` prints is what docs/ecc-align.schema.json says."""

import json

import jsonschema
import pytest
import tifffile
from processes import run_main

from docs_pages import DOCS
from napari_ecc_align._batch.report.report import COLUMNS
from napari_ecc_align._cli.show import json_pieces, to_json
from napari_ecc_align._common.tables import COUNT_KEYS, FIELD_KEYS, INSPECTION_KEYS, RESULT_KEYS
from napari_ecc_align._images.files.images import read_image
from napari_ecc_align._transform.transform import Transform

SCHEMA = json.loads((DOCS / "ecc-align.schema.json").read_text())
PARTS = SCHEMA["$defs"]


def check(part, document):
    jsonschema.validate(document, {**SCHEMA, "anyOf": [{"$ref": f"#/$defs/{part}"}]})


def printed(*arguments, code=0):
    done = run_main(*arguments, "--json")
    assert (done.code, done.err) == (code, "")
    assert " " not in "".join(
        keys_of(
            json.loads(f"[{','.join(done.out.splitlines())}]")
            if arguments[0] == "batch"
            else json.loads(done.out)
        )
    )
    return done.out


def keys_of(value):
    """Return every key in a document."""
    if isinstance(value, dict):
        return [*value, *(key for each in value.values() for key in keys_of(each))]
    return [key for each in value for key in keys_of(each)] if isinstance(value, list) else []


@pytest.fixture
def pair(inputs):
    return inputs / "camera.png", inputs / "shifted.png"


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_keys_are_those_of_the_tables():
    size = ["width", "height"]
    required = [*RESULT_KEYS, *size, *INSPECTION_KEYS, "notes", "files"]
    assert PARTS["align"]["required"] == required
    frame = PARTS["stack"]["properties"]["frames"]["items"]
    assert frame["required"] == ["frame", "file", *RESULT_KEYS, *size]
    assert PARTS["smooth"]["required"] == [*FIELD_KEYS, *size, *INSPECTION_KEYS, "notes", "files"]
    frame = PARTS["smooth_stack"]["properties"]["frames"]["items"]
    assert frame["required"] == ["frame", "file", *FIELD_KEYS, *size]
    known = {*COUNT_KEYS, "method", "mean_difference", "thresholds", "files"}
    assert {*PARTS["compare"]["required"]} == known
    pair = next(each for each in PARTS["batch"]["anyOf"] if "outcome" in each["required"])
    assert pair["required"] == ["event", "done", "total", *COLUMNS, "resumed"]


def test_align(inputs, pair, tmp_path):
    beside = "--out", tmp_path / "out", "--transform-out", tmp_path / "a.csv"
    answer = json.loads(printed("align", *pair, *beside, "--model", "translation"))
    check("align", answer)
    assert answer["files"]["transform_out"] == str(tmp_path / "a.csv")
    assert (answer["width"], answer["height"]) == (240, 200)
    check("align", json.loads(printed("align", *pair, "--engine", "opencv")))
    check("align", json.loads(printed("align", pair[0], inputs / "blank.png", code=1)))


def test_judge(inputs, pair, tmp_path):
    assert PARTS["judge"] == {"$ref": "#/$defs/align"}
    slide = "--transform", inputs / "slide.json"
    answer = json.loads(printed("judge", *pair, *slide, "--out", tmp_path / "out"))
    check("judge", answer)
    assert answer["start"] == "given" and answer["corner_uncertainty"] < 0.05
    check("judge", json.loads(printed("judge", *pair, code=1)))
    check("judge", json.loads(printed("judge", pair[0], inputs / "blank.png", code=1)))


def test_stack(inputs, pair, tmp_path):
    frames = *pair, inputs / "blank.png"
    check("stack", json.loads(printed("stack", *frames, "--out", tmp_path / "out", code=1)))
    check("stack", json.loads(printed("stack", *frames, "--reference", pair[0], code=1)))
    tifffile.imwrite(tmp_path / "film.tif", [*map(read_image, pair)], photometric="minisblack")
    film = json.loads(printed("stack", tmp_path / "film.tif", "--out", tmp_path / "film"))
    check("stack", film)
    assert [*film["files"]] == ["warped", "table", "transform"]


def test_what_bends(inputs, pair, tmp_path):
    smooth = "--model", "smooth"
    out = tmp_path / "out"
    answer = json.loads(printed("align", *pair, *smooth, "--out", out))
    check("smooth", answer)
    assert not answer["bends"] and answer["files"]["transform"].endswith(".npz")
    check("smooth", json.loads(printed("align", pair[0], inputs / "blank.png", *smooth, code=1)))
    field = "--transform", answer["files"]["transform"]
    judged = json.loads(printed("judge", *pair, *field))
    check("smooth", judged)
    assert judged["start"] == "given"
    check("smooth_stack", json.loads(printed("stack", *pair, *smooth)))
    apply = "apply", answer["files"]["transform"], pair[1], "--like", pair[0], "--out", tmp_path
    check("apply", json.loads(printed(*apply)))
    table = tmp_path / "pairs.csv"
    table.write_text(f"reference,moving,name\n{pair[0]},{pair[1]},p1\n")
    batch = "batch", "--pairs", table, "--out", tmp_path / "batch", "--workers", "1"
    for line in printed(*batch, *smooth).splitlines():
        check("batch", json.loads(line))
    for record in (tmp_path / "batch" / "records").rglob("*.json"):
        document = json.loads(record.read_text())
        check("record", document)
        assert document["format"] == "napari-ecc-align field"


def test_apply(inputs, pair, tmp_path):
    apply = "apply", inputs / "slide.json", *pair, "--like", pair[0], "--out", tmp_path
    check("apply", json.loads(printed(*apply)))


def test_compare(pair):
    check("compare", json.loads(printed("compare", *pair)))
    check("compare", json.loads(printed("compare", *pair, "--method", "local")))


def test_info(inputs, pair, tmp_path):
    printed("align", *pair, "--out", tmp_path, "--model", "translation")
    Transform.load(inputs / "slide.json").save(tmp_path / "a.tfm")
    for path in (inputs / "slide.json", tmp_path / "shifted_transform.json", tmp_path / "a.tfm"):
        check("info", json.loads(printed("info", path, "--pixel-size", "0.5")))


def test_batch(inputs, tmp_path):
    table = tmp_path / "pairs.csv"
    names = ["shifted.png", "blank.png", "missing.png"]
    rows = [f"{inputs / 'camera.png'},{inputs / name},{name}" for name in names]
    table.write_text("\n".join(["reference,moving,name", *rows]))
    batch = "batch", "--pairs", table, "--out", tmp_path / "out", "--workers", "1"
    for more in (["--dry-run"], []):
        lines = [json.loads(line) for line in printed(*batch, *more, code=1).splitlines()]
        for line in lines:
            check("batch", line)
        assert len({line["event"] for line in lines}) == (2 if more else 3)
    records = [*(tmp_path / "out" / "records").rglob("*.json")]
    for record in records:
        check("record", json.loads(record.read_text()))
    assert records


@pytest.mark.parametrize("rows", [[], [{"x": float("nan"), "of": [1, {"a": []}]}, {"y": "a\n b"}]])
def test_a_document_piece_by_piece_is_that_of_all(rows):
    document = {"reference": "first", "sharpness": None, "frames": rows, "files": {"a": ["b"]}}
    assert "".join(json_pieces({**document, "frames": iter(rows)})) == to_json(document)
