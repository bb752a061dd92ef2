"""What is asked of transforms: ``info``, ``convert``, ``compose``, ``points``."""

import io
import json

import numpy as np
import pytest
from processes import names_in, run_main

from napari_ecc_align import Transform, load_transforms, save_transforms
from napari_ecc_align._common.tables import MATRIX_KEYS

TURNED = Transform([[0.98, -0.17, 12.5], [0.18, 1.01, -4.25]])
WIDE = Transform([[1.01, 0.02, 3], [-0.01, 0.99, -2], [1e-5, -2e-5, 1]], model="homography")
SUFFIXES = [".json", ".ome.json", ".tfm", ".csv", ".npy", ".txt"]


@pytest.fixture
def turned(tmp_path):
    TURNED.save(tmp_path / "turned.json")
    return tmp_path / "turned.json"


def info(*arguments):
    done = run_main("info", *arguments, "--json")
    assert (done.code, done.err) == (0, "")
    return json.loads(done.out)["transforms"]


class TestInfo:
    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_every_format_says_the_same(self, tmp_path, suffix):
        TURNED.save(tmp_path / f"a{suffix}")
        (row,) = info(tmp_path / f"a{suffix}", "--size", 241, 201)
        assert (row["center_x"], row["center_y"], row["unit"]) == (120, 100, "px")
        parts = TURNED.parts((120, 100))
        assert {name: row[name] for name in parts._fields} == pytest.approx(parts._asdict())
        assert row["verdict"] is row["x_uncertainty"] is row["frame"] is None

    def test_of_no_known_size_it_is_pixel_0(self, turned):
        (row,) = info(turned)
        assert (row["x"], row["y"], row["center_x"]) == (12.5, -4.25, 0)

    def test_the_size_may_be_an_image(self, inputs, turned):
        assert info(turned, "--like", inputs / "camera.png") == info(turned, "--size", 240, 200)

    def test_in_units(self, turned):
        (row,) = info(turned, "--size", 241, 201, "--pixel-size", "0.5", "--unit", "um")
        parts = TURNED.parts((120, 100))
        assert (row["x"], row["y"]) == pytest.approx((parts.x / 2, parts.y / 2))
        assert (row["rotation"], row["unit"]) == (pytest.approx(parts.rotation), "um")
        (row,) = info(turned, "--pixel-size", "0.5,2", "--moving-pixel-size", "1,4")
        expected = TURNED.in_units((0.5, 2), (1, 4))
        assert [row["m00"], row["m01"]] == expected.matrix[0, :2].tolist()

    def test_of_a_homography_at_the_point(self, tmp_path):
        WIDE.save(tmp_path / "a.json")
        (row,) = info(tmp_path / "a.json", "--size", 101, 101)
        assert row["scale_x"] == pytest.approx(WIDE.parts((50, 50)).scale_x)

    def test_of_a_stack_each_frame(self, tmp_path):
        save_transforms([Transform([[1, 0, n], [0, 1, 0]]) for n in range(3)], tmp_path / "a.npy")
        rows = info(tmp_path / "a.npy")
        assert [(row["frame"], row["x"]) for row in rows] == [(0, 0), (1, 1), (2, 2)]
        lines = run_main("info", tmp_path / "a.npy").out.splitlines()
        assert lines[2].endswith("frame 2, at (0, 0), in px: x +2, y +0")

    def test_of_a_result_with_its_uncertainty(self, inputs, tmp_path):
        pair = inputs / "camera.png", inputs / "shifted.png"
        options = ("--model", "euclidean", "--out", tmp_path / "out", "--json")
        done = run_main("align", *pair, *options)
        (tmp_path / "result.json").write_text(done.out)
        answer = json.loads(done.out)
        rows = info(tmp_path / "out" / "shifted_transform.json", tmp_path / "result.json")
        for row in rows:
            for key in ("verdict", "model", "x", "y", "x_uncertainty", "rotation_uncertainty"):
                assert row[key] == pytest.approx(answer[key]), key
            assert row["center_x"] == 119.5
        (row,) = info(tmp_path / "result.json", "--pixel-size", "2")
        assert row["x_uncertainty"] == pytest.approx(2 * answer["x_uncertainty"])
        # At another point it is another one, which the file does not tell.
        assert info(tmp_path / "result.json", "--size", 9, 9)[0]["x_uncertainty"] is None
        said = run_main("info", tmp_path / "result.json").out
        assert "result.json: euclidean, aligned: " in said
        assert "±" in said

    def test_of_a_films_result_each_frame(self, inputs, tmp_path):
        frames = inputs / "camera.png", inputs / "shifted.png", inputs / "blank.png"
        done = run_main("stack", *frames, "--json")
        (tmp_path / "film.json").write_text(done.out)
        rows = info(tmp_path / "film.json")
        answer = json.loads(done.out)["frames"][:2]
        assert [row["frame"] for row in rows] == [0, 1]
        assert [row["x"] for row in rows] == pytest.approx([row["x"] for row in answer])

    @pytest.mark.parametrize(
        "text",
        [
            "[1, 2]",
            '"text"',
            '{"frames": 3}',
            '{"frames": [1], "alignment": "x"}',
            json.dumps(dict.fromkeys(MATRIX_KEYS, "x")),
            json.dumps(dict.fromkeys(MATRIX_KEYS, 1)),
            json.dumps({**dict.fromkeys(MATRIX_KEYS, 1), "m01": None}),
            "[" * 100_000,
        ],
    )
    def test_of_a_file_that_is_no_result(self, tmp_path, text):
        (tmp_path / "a.json").write_text(text)
        assert "a.json is not a usable" in run_main("info", tmp_path / "a.json").complaint

    def test_what_a_file_says_beside_its_matrix_may_be_anything(self, turned):
        document = json.loads(turned.read_text())
        for said in ("x", [1], {"x_uncertainty": "wide", "width": "w", "height": 3, "verdict": 7}):
            turned.write_text(json.dumps({**document, "alignment": said, "numbers": 5}))
            assert run_main("info", turned).code == 0

    def test_of_a_failed_result_there_is_nothing_to_say(self, inputs, tmp_path):
        done = run_main("align", inputs / "camera.png", inputs / "blank.png", "--json")
        (tmp_path / "result.json").write_text(done.out)
        assert "has failed" in run_main("info", tmp_path / "result.json").complaint


class TestConvert:
    @pytest.mark.parametrize("into", SUFFIXES)
    @pytest.mark.parametrize("inverse", [(), ("--inverse",)])
    def test_from_any_format_to_any(self, tmp_path, into, inverse):
        for suffix in SUFFIXES:
            source, out = tmp_path / f"in{suffix}", tmp_path / f"out{into}"
            TURNED.save(source, overwrite=True)
            done = run_main("convert", source, out, *inverse, "--overwrite")
            assert (done.code, done.out, done.err) == (0, f"Written to {out}\n", "")
            expected = TURNED.inverse if inverse else TURNED
            np.testing.assert_allclose(Transform.load(out).matrix, expected.matrix, atol=1e-12)

    def test_in_units_for_itk(self, turned, tmp_path):
        out = tmp_path / "a.tfm"
        sizes = ("--pixel-size", "0.5,0.25", "--moving-pixel-size", "2")
        assert run_main("convert", turned, out, *sizes).code == 0
        expected = TURNED.in_units((0.5, 0.25), 2)
        assert Transform.load(out).matrix == pytest.approx(expected.matrix)
        back = ("--pixel-size", "2,4", "--moving-pixel-size", "0.5")
        assert run_main("convert", out, tmp_path / "b.json", *back).code == 0
        assert Transform.load(tmp_path / "b.json").matrix == pytest.approx(TURNED.matrix)

    def test_of_a_stack(self, tmp_path):
        save_transforms([TURNED, TURNED.inverse], tmp_path / "a.json")
        assert run_main("convert", tmp_path / "a.json", tmp_path / "b.csv", "--inverse").code == 0
        first, second = load_transforms(tmp_path / "b.csv")
        assert first.matrix == pytest.approx(TURNED.inverse.matrix)
        assert second.matrix == pytest.approx(TURNED.matrix)
        refused = run_main("convert", tmp_path / "a.json", tmp_path / "c.tfm")
        assert "must end in one of .json, .csv, .npy" in refused.complaint

    def test_perspective_is_not_lost_without_a_word(self, tmp_path):
        WIDE.save(tmp_path / "a.json")
        done = run_main("convert", tmp_path / "a.json", tmp_path / "a.tfm")
        assert "cannot hold a homography" in done.complaint
        assert names_in(tmp_path) == ["a.json"]

    def test_a_file_that_is_there_stays(self, turned, tmp_path):
        (tmp_path / "a.csv").write_text("precious")
        assert "use --overwrite" in run_main("convert", turned, tmp_path / "a.csv").complaint
        assert (tmp_path / "a.csv").read_text() == "precious"


def test_compose_applies_the_first_one_first(turned, tmp_path):
    WIDE.save(tmp_path / "wide.json")
    double = Transform([[2, 0, 0], [0, 2, 0]])
    double.save(tmp_path / "double.tfm")
    files = turned, tmp_path / "double.tfm", tmp_path / "wide.json"
    assert run_main("compose", *files, "--out", tmp_path / "all.json").code == 0
    found, point = Transform.load(tmp_path / "all.json"), (30, 40)
    assert found(point) == pytest.approx(WIDE(double(TURNED(point))))
    assert found.model == "homography"


class TestPoints:
    TABLE = 'name,y,x,note\n"a, b",2,1,\nc,4.5,-3,"say ""hi"""\n'

    def test_forth_and_back(self, turned, tmp_path):
        (tmp_path / "p.csv").write_text(self.TABLE)
        out = tmp_path / "moved.csv"
        assert run_main("points", turned, tmp_path / "p.csv", "--out", out).code == 0
        header, first, second = out.read_text().splitlines()
        assert header == "name,y,x,note"
        y, x = map(float, first.removeprefix('"a, b",').split(",")[:2])
        assert (x, y) == pytest.approx(tuple(TURNED((1, 2))))
        assert second.endswith(',"say ""hi"""')
        done = run_main("points", turned, out, "--to-reference")
        assert done.out.splitlines()[0] == "name,y,x,note"
        y, x = map(float, done.out.splitlines()[2].split(",")[1:3])
        assert (x, y) == pytest.approx((-3, 4.5))

    def test_from_and_to_a_pipe(self, turned, monkeypatch):
        monkeypatch.setattr("sys.stdin", io.StringIO("x\ty\n1\t2\n\n3\t4\n"))
        done = run_main("points", turned, "-", "--out", "-")
        assert (done.code, done.err) == (0, "")
        header, *rows = done.out.splitlines()
        assert header == "x\ty"
        found = [tuple(map(float, row.split("\t"))) for row in rows]
        assert np.array(found) == pytest.approx(TURNED([(1, 2), (3, 4)]))

    def test_as_napari_saves_them(self, turned, tmp_path):
        (tmp_path / "p.csv").write_text("index,axis-0,axis-1\n0,2.0,1.0\n")
        done = run_main("points", turned, tmp_path / "p.csv")
        _, y, x = map(float, done.out.splitlines()[1].split(","))
        assert (x, y) == pytest.approx(tuple(TURNED((1, 2))))

    def test_perspective_may_carry_one_to_infinity(self, tmp_path):
        matrix = [[1, 0, 0], [0, 1, 0], [-0.01, 0, 1]]
        Transform(matrix, model="homography").save(tmp_path / "a.json")
        (tmp_path / "p.csv").write_text("x,y\n100,50\n50,50\n")
        done = run_main("points", tmp_path / "a.json", tmp_path / "p.csv")
        assert done.out.splitlines() == ["x,y", "inf,inf", "100.0,100.0"]

    def test_none_are_none(self, turned, tmp_path):
        (tmp_path / "p.csv").write_text("x,y\n")
        assert run_main("points", turned, tmp_path / "p.csv").out == "x,y\n"

    def test_the_input_is_not_overwritten(self, turned, tmp_path):
        (tmp_path / "p.csv").write_text("x,y\n1,2\n")
        for out in (tmp_path / "p.csv", turned):
            done = run_main("points", turned, tmp_path / "p.csv", "--out", out, "--overwrite")
            assert "is an input" in done.complaint
        assert (tmp_path / "p.csv").read_text() == "x,y\n1,2\n"
