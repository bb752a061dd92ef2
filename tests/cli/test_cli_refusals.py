"""Bad usage and bad input: exit code 2, one line that says why, nothing written."""

import numpy as np
import pytest
import tifffile
from PIL import Image
from processes import ecc_align, names_in, run_main


@pytest.fixture(scope="module")
def bad(inputs, tmp_path_factory):
    """A folder of files that cannot be used."""
    folder = tmp_path_factory.mktemp("bad")
    (folder / "truncated.png").write_bytes((inputs / "camera.png").read_bytes()[:3000])
    (folder / "text.png").write_text("hello")
    (folder / "empty.png").touch()
    tifffile.imwrite(
        folder / "stack.tif", np.zeros((5, 40, 50), np.uint8), photometric="minisblack"
    )
    frames = [Image.new("L", (40, 40), shade) for shade in (0, 100, 200)]
    frames[0].save(folder / "animated.png", save_all=True, append_images=frames[1:])
    tifffile.imwrite(folder / "complex.tif", np.zeros((40, 40), np.complex64))
    (folder / "other.json").write_text('{"format": "something else"}')
    for side in (40, 50):
        tifffile.imwrite(folder / "sizes.tif", np.zeros((side, 50), np.uint8), append=side > 40)
    tables = {
        "bare": "1,2\n3,4\n",
        "words": "x,y\n1,2\n3,here\n",
        "short": "name,x,y\na,1\n",
        "deep": "axis-0,axis-1,axis-2\n0,1,2\n",
    }
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text)
    (folder / "line\nbreak.png").write_text("not an image")
    return folder


ALIGN = ("align", "--out", "out")
APPLY = ("--like", "{inputs}/camera.png", "--out", "out")
MANY = ("apply", "{inputs}/slide.json", *APPLY, "{inputs}/shifted.png", "{inputs}/coffee.png")
PAIR = (*ALIGN, "{inputs}/camera.png", "{inputs}/shifted.png")

CASES = {
    "missing file": ((*ALIGN, "{inputs}/none.png", "{inputs}/camera.png"), "No such file"),
    "folder": ((*ALIGN, "{inputs}", "{inputs}/camera.png"), "not a file"),
    "truncated": ((*ALIGN, "{inputs}/camera.png", "{bad}/truncated.png"), "damaged or cut off"),
    "not an image": ((*ALIGN, "{inputs}/camera.png", "{bad}/text.png"), "not a PNG, TIFF or"),
    "empty": ((*ALIGN, "{bad}/empty.png", "{inputs}/camera.png"), "empty"),
    "sizes": ((*ALIGN, "{inputs}/camera.png", "{bad}/sizes.tif"), "2 pages"),
    "channel": ((*PAIR[:-1], "{bad}/stack.tif", "--channel", "5"), "no channel 5, but 0 to 4"),
    "channel in words": ((*PAIR, "--channel", "red"), "--channel: 'red'"),
    "animation": ((*ALIGN, "{bad}/animated.png", "{inputs}/camera.png"), "3 frames"),
    "complex": ((*ALIGN, "{bad}/complex.tif", "{inputs}/camera.png"), "complex64"),
    "line break": ((*ALIGN, "{bad}/line\nbreak.png", "{inputs}/camera.png"), "not a PNG"),
    "too small": ((*ALIGN, "{inputs}/camera.png", "{inputs}/tiny.png"), "at least 8 pixels"),
    "option": ((*PAIR, "--nonsense"), "--nonsense"),
    "abbreviation": ((*PAIR, "--max-iter", "5"), "--max-iter"),
    "model": ((*PAIR, "--model", "bent"), "affine"),
    "engine": ((*PAIR, "--engine", "steam"), "opencv"),
    "method": ((*PAIR, "--method", "guess"), "otsu"),
    "a former spelling": ((*PAIR, "--threshold", "otsu"), "--threshold"),
    "thresholds": ((*PAIR, "--thresholds", "1,2,3"), "--thresholds: '1,2,3'"),
    "thresholds in words": ((*PAIR, "--thresholds", "otsu"), "--thresholds: 'otsu'"),
    "accept": ((*PAIR, "--accept", "failed"), "doubtful"),
    "quiet and verbose": ((*PAIR, "-q", "-v"), "not allowed"),
    "similarity": ((*PAIR, "--model", "similarity", "--engine", "opencv"), "euclidean"),
    "iterations": ((*PAIR, "--max-iterations", "0"), "--max-iterations: '0'"),
    "iterations in words": ((*PAIR, "--max-iterations", "many"), "--max-iterations: 'many'"),
    "iterations beyond": ((*PAIR, "--max-iterations", "1000000000"), "iterations"),
    "tolerance": ((*PAIR, "--tolerance", "-0.5"), "--tolerance: '-0.5'"),
    "tolerance nan": ((*PAIR, "--tolerance", "nan"), "--tolerance: 'nan'"),
    "fill": ((*PAIR, "--fill", "blue"), "--fill: 'blue'"),
    "fill beyond": ((*PAIR, "--fill", "300"), "from 0 to 255"),
    "fill nan": ((*PAIR, "--fill", "nan"), "--fill nan"),
    "mask shape": ((*PAIR, "--mask", "{inputs}/page.png"), "600 x 450"),
    "moving mask": ((*PAIR, "--moving-mask", "{inputs}/tiny.png"), "20 x 7"),
    "colour mask": ((*PAIR, "--mask", "{inputs}/colour.png"), "in colour"),
    "initial missing": ((*PAIR, "--initial", "{bad}/none.json"), "No such file"),
    "initial image": ((*PAIR, "--initial", "{inputs}/camera.png"), "must end in one of .json"),
    "initial other": ((*PAIR, "--initial", "{bad}/other.json"), "not a usable transform"),
    "transform out": ((*PAIR, "--transform-out", "t.mat"), "must end in one of .json"),
    "transform out nowhere": ((*PAIR, "--transform-out", "none/t.csv"), "folder does not exist"),
    "transform out homography": (
        (*PAIR, "--model", "homography", "--transform-out", "t.tfm"),
        "cannot hold a homography",
    ),
    "transform out twice": (
        (*PAIR, "--transform-out", "out/shifted_transform.json"),
        "choose another",
    ),
    "nothing": ((), "COMMAND"),
    "command": (("straighten",), "straighten"),
    "sample": (("demo", "--sample", "moon"), "page"),
    "no like": (("apply", "{inputs}/slide.json", "{inputs}/camera.png", "--out", "a.png"), "like"),
    "not a transform": (
        (
            "apply",
            *("{inputs}/camera.png",) * 2,
            "--like",
            "{inputs}/camera.png",
            "--out",
            "a.png",
        ),
        "no result of ecc-align",
    ),
    "no images": (("apply", "{inputs}/slide.json", *APPLY), "IMAGE"),
    "twice the same": ((*MANY, "{inputs}/shifted.png"), "would be written twice"),
    "two of one name": ((*MANY, "--name", "same.png"), "would be written twice"),
    "a name elsewhere": ((*MANY, "--name", "../{{name}}"), "without any folder"),
    "many to one": (
        (
            "apply",
            "{inputs}/slide.json",
            *("{inputs}/shifted.png",) * 2,
            *APPLY[:2],
            "--out",
            "a.png",
        ),
        "give a folder",
    ),
    "one of many": ((*MANY, "{bad}/truncated.png"), "damaged or cut off"),
    "an image as a film": (("stack", "{inputs}/camera.png"), "holds no film"),
    "one page": (("stack", "{inputs}/staffless.tif"), "holds no film"),
    "a frame of another kind": (
        ("stack", "{inputs}/camera.png", "{bad}/text.png", "--out", "out"),
        "not a PNG, TIFF or",
    ),
    "no such frame": (
        ("stack", "{inputs}/camera.png", "{inputs}/shifted.png", "--reference", "7"),
        "the index of one of 2",
    ),
    "a mask of a film": (
        ("stack", "{inputs}/camera.png", "{inputs}/shifted.png", "--mask", "{inputs}/tiny.png"),
        "20 x 7",
    ),
    "transforms in one": (
        ("stack", "{inputs}/camera.png", "{inputs}/shifted.png", "--transform-out", "a.tfm"),
        "ends in .json, .csv, .npy",
    ),
    "other grids": (("compare", "{inputs}/camera.png", "{inputs}/page.png"), "reference's grid"),
    "info of an image": (("info", "{inputs}/camera.png"), "no result of ecc-align"),
    "info of no size": (("info", "{inputs}/slide.json", "--size", "0", "5"), "--size: '0'"),
    "info sized twice": (
        ("info", "{inputs}/slide.json", "--size", "5", "5", "--like", "{inputs}/camera.png"),
        "not allowed",
    ),
    "pixel size": (("info", "{inputs}/slide.json", "--pixel-size", "0"), "a size above 0"),
    "moving pixels alone": (
        ("convert", "{inputs}/slide.json", "a.csv", "--moving-pixel-size", "2"),
        "needs --pixel-size",
    ),
    "convert in place": (
        ("convert", "{inputs}/slide.json", "{inputs}/slide.json", "--overwrite"),
        "is an input",
    ),
    "convert to nothing known": (("convert", "{inputs}/slide.json", "a.xml"), "must end in"),
    "compose one": (("compose", "{inputs}/slide.json", "--out", "a.json"), "B"),
    "compose onto one": (
        ("compose", *("{inputs}/slide.json",) * 2, "--out", "{inputs}/slide.json", "--overwrite"),
        "is an input",
    ),
    "points of an image": (("points", "{inputs}/slide.json", "{inputs}/camera.png"), "no text"),
    "points without names": (("points", "{inputs}/slide.json", "{bad}/bare.csv"), "line of names"),
    "points in words": (("points", "{inputs}/slide.json", "{bad}/words.csv"), "line 3: x and y"),
    "points that are missing": (
        ("points", "{inputs}/slide.json", "{bad}/short.csv"),
        "line 2: x and y",
    ),
    "points in depth": (("points", "{inputs}/slide.json", "{bad}/deep.csv"), "line of names"),
    "no points": (("points", "{inputs}/slide.json", "{bad}/empty.png"), "line of names"),
    "json": ((*ALIGN, "{inputs}/none.png", "{inputs}/camera.png", "--json"), "none.png"),
}


def filled(case, inputs, bad):
    return [argument.format(inputs=inputs, bad=bad) for argument in CASES[case][0]]


@pytest.mark.parametrize("case", CASES)
def test_refused(case, inputs, bad, tmp_path):
    done = run_main(*filled(case, inputs, bad), cwd=tmp_path)
    assert CASES[case][1] in done.complaint
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("case", ["missing file", "option"])
def test_a_process_ends_as_the_function_does(case, inputs, bad, tmp_path):
    arguments = filled(case, inputs, bad)
    assert ecc_align(*arguments, cwd=tmp_path) == run_main(*arguments, cwd=tmp_path)
    assert names_in(tmp_path) == []
