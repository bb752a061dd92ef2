"""What the commands have in common: how loud they are, what is good enough, help, completion."""

import sys

import pytest
from processes import names_in, run_main

from napari_ecc_align._cli.parser import build_parser

COMMANDS = next(a.choices for a in build_parser()._actions if a.dest == "command")
WITH_VERDICTS = {"align", "stack", "film", "batch"}


@pytest.fixture
def doubtful(inputs):
    """Arguments of a pair of which three fifths show something else."""
    return "align", inputs / "camera.png", inputs / "half_other.png", "--model", "translation"


@pytest.fixture
def table(inputs, tmp_path):
    rows = [f"{inputs / 'camera.png'},{inputs / 'half_other.png'},a.png"]
    (tmp_path / "pairs.csv").write_text("\n".join(["reference,moving,name", *rows]))
    return tmp_path / "pairs.csv"


class TestHelp:
    @pytest.mark.parametrize("name", COMMANDS)
    def test_has_an_example_and_every_exit_code(self, name):
        done = run_main(name, "--help")
        assert (done.code, done.err) == (0, "")
        epilog = done.out[done.out.index("\nExample:\n  ecc-align ") :]
        codes = [
            line.split("Exit code: ")[-1].split()[0]
            for line in epilog.splitlines()
            if line.startswith(("Exit code: ", " " * 11))
        ]
        verdicts = {"align", "judge", "stack", "film", "batch", "scene", "demo"}
        assert codes == ["0", *(["1"] if name in verdicts else []), "2", "70", "130"]

    @pytest.mark.parametrize("name", COMMANDS)
    def test_its_examples_parse(self, name):
        lines = COMMANDS[name].epilog.splitlines()
        examples = [line for line in lines if "ecc-align " in line]
        assert examples
        for line in examples:
            words = line.split("ecc-align ")[1].split(" |")[0].split()
            # A command may have two names.
            assert COMMANDS[build_parser().parse_args(words).command] is COMMANDS[name]

    def test_of_the_whole_names_all(self):
        done = run_main("--help")
        assert all(f"\n    {name}" in done.out or f" ({name})" in done.out for name in COMMANDS)
        assert {"0", "1", "2", "70", "130"} <= {*done.out.split("Exit code:")[1].split()}

    @pytest.mark.parametrize("given", [["--out", ""], ["--out="], ["--fill=--"], [""]])
    def test_what_is_empty_is_not_this_folder(self, given, inputs, tmp_path, monkeypatch):
        """Or nothing at all: a shell makes it of a variable that is not set."""
        monkeypatch.chdir(tmp_path)
        done = run_main("align", inputs / "camera.png", inputs / "camera.png", *given)
        assert done.code == 2 and done.err.count("\n") == 1
        assert "is empty; is a variable not set?" in done.err
        assert names_in(tmp_path) == []

    @pytest.mark.parametrize("option", ["--threshold", "--mode", "--iterations", "--most"])
    def test_no_former_spelling_is_left(self, option):
        assert all(option not in each._option_string_actions for each in COMMANDS.values())


def test_version():
    assert run_main("-V") == run_main("--version")
    assert run_main("-V").out.startswith("ecc-align ")


class TestWithoutOut:
    def test_align_only_prints(self, inputs, tmp_path):
        pair = inputs / "camera.png", inputs / "shifted.png"
        done = run_main("align", *pair, "--model", "translation", cwd=tmp_path)
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith("aligned: ")
        assert "ritten" not in done.out
        assert names_in(tmp_path) == []

    def test_the_transform_may_still_be_written(self, inputs, tmp_path):
        pair = inputs / "camera.png", inputs / "shifted.png"
        done = run_main("align", *pair, "--transform-out", tmp_path / "a.tfm")
        assert done.out.endswith(f"\nWritten to {tmp_path / 'a.tfm'}\n")
        assert names_in(tmp_path) == ["a.tfm"]


class TestAccept:
    def test_doubtful(self, doubtful):
        refused, accepted = run_main(*doubtful), run_main(*doubtful, "--accept", "doubtful")
        assert (refused.code, accepted.code) == (1, 0)
        assert refused.out.splitlines()[0] == accepted.out.splitlines()[0]
        assert refused.out.startswith("doubtful: ")

    def test_not_failed(self, inputs):
        pair = inputs / "camera.png", inputs / "blank.png"
        assert run_main("align", *pair, "--accept", "doubtful").code == 1

    def test_of_a_film(self, doubtful):
        stack = "stack", *doubtful[1:]
        assert run_main(*stack).code == 1
        assert run_main(*stack, "--accept", "doubtful").code == 0

    def test_of_a_batch(self, table, tmp_path):
        batch = "batch", "--pairs", table, "--model", "translation", "--workers", "1"
        assert run_main(*batch, "--out", tmp_path / "a").code == 1
        assert run_main(*batch, "--out", tmp_path / "b", "--accept", "doubtful").code == 0


class TestLoudness:
    def test_quiet_says_nothing_and_does_all(self, inputs, doubtful, table, tmp_path):
        pair = inputs / "camera.png", inputs / "shifted.png"
        runs = [
            (1, doubtful),
            (0, ("stack", *pair)),
            (0, ("compare", *pair)),
            (0, ("convert", inputs / "slide.json", tmp_path / "a.csv")),
            (0, ("apply", inputs / "slide.json", *pair, "--like", pair[0], "--out", tmp_path)),
            (1, ("batch", "--pairs", table, "--out", tmp_path / "b", "--workers", "1")),
        ]
        for code, arguments in runs:
            done = run_main(*arguments, "-q")
            assert (done.code, done.out, done.err) == (code, "", ""), arguments
        assert {"a.csv", "b", "camera_aligned.png"} <= {*names_in(tmp_path)}

    def test_quiet_prints_the_json_that_was_asked_for(self, inputs):
        pair = inputs / "camera.png", inputs / "shifted.png"
        assert run_main("compare", *pair, "-q", "--json").out.startswith("{")

    def test_verbose_tells_each_step(self, inputs, table, tmp_path):
        pair = inputs / "camera.png", inputs / "shifted.png"
        done = run_main("align", *pair, "--verbose", "--json")
        assert done.code == 0
        lines = done.err.splitlines()
        assert len(lines) > 2
        assert all(line.startswith("ecc-align: ") for line in lines)
        assert "frame 2 of 2: aligned" in run_main("stack", *pair, "-v").err
        batch = "batch", "--pairs", table, "--out", tmp_path / "b", "--workers", "1", "-v"
        assert "1 of 1: " in run_main(*batch).err


class TestCompletion:
    @pytest.mark.parametrize("shell", ["bash", "zsh"])
    def test_has_commands_and_options(self, shell):
        pytest.importorskip("shtab", reason="the extra 'completion' is not installed")
        done = run_main("--print-completion", shell)
        assert (done.code, done.err) == (0, "")
        assert all(name in done.out for name in (*COMMANDS, "--transform-out", "sauvola"))

    def test_without_its_library_says_what_to_install(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "shtab", None)
        assert "[completion]" in run_main("--print-completion", "bash").complaint
