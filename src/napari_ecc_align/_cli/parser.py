"""What ``ecc-align`` understands."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

from .._images.samples import sample_names
from .batch_options import add_batch
from .console import harmless
from .image_options import add_align, add_apply, add_compare, add_judge, add_stack
from .options import add_answer, add_command, add_value
from .transform_options import (
    add_compose,
    add_convert,
    add_info,
    add_points,
    add_scene,
    add_show,
)

_EPILOG = """\
Each command has its own --help, with an example. Exit code: 0 aligned or done,
1 doubtful or failed, 2 bad usage or input, 70 a bug of this program, 130 interrupted.
"""


# What is a file or folder among other things.
_ALSO_FILES = ("out", "reference", "moving", "sibling")


class _Parser(argparse.ArgumentParser):
    """A parser of options that are written out, whose errors are one line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        line = harmless(" ".join(message.split()))
        self.exit(2, f"{self.prog}: {line} (see {self.prog} --help)\n")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return what a command line chooses, as `argparse` parses it.

    An argument that is empty, as a shell makes of a variable that is not set, names nothing: a
    folder of that name would be this one.
    """
    parser = build_parser()
    for argument in arguments:
        name, given, value = argument.partition("=")
        # Python before 3.12 makes a list of "--" where it is a value.
        if not argument or (given and name.startswith("--") and value in ("", "--")):
            parser.error(f"{argument or 'an argument'} is empty; is a variable not set?")
    return parser.parse_args(arguments)


class _PrintVersion(argparse.Action):
    """Prints the version, or with ``--verbose`` behind it those of everything that matters."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "nargs": argparse.REMAINDER})

    def __call__(self, parser: argparse.ArgumentParser, *given: Any) -> NoReturn:
        said = f"{parser.prog} {version('napari-ecc-align')}"
        if {"-v", "--verbose"} & {*given[1]}:
            from .versions import versions_text

            said = f"{said}\n{versions_text()}"
        print(said)
        parser.exit()


class _PrintCompletion(argparse.Action):
    """Prints the script by which a shell completes the command."""

    def __call__(self, parser: argparse.ArgumentParser, *given: Any) -> NoReturn:
        try:
            import shtab
        except ImportError:
            parser.error("completion needs shtab: pip install 'napari-ecc-align[completion]'")
        _mark_files(parser, shtab.FILE)
        print(shtab.complete(parser, shell=given[1]))
        parser.exit()


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command."""
    parser = _Parser(
        prog="ecc-align",
        description="Align images of one thing, and say whether to trust it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    text = "print the version; with --verbose after it, all that a report of a bug needs"
    parser.add_argument("-V", "--version", action=_PrintVersion, help=text)
    text = "print what makes the shell complete this command, and nothing else"
    parser.add_argument(
        "--print-completion", choices=("bash", "zsh"), action=_PrintCompletion, help=text
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for add in (add_align, add_judge, add_stack, add_apply, add_compare, add_batch):
        add(commands)
    for add in (add_info, add_show, add_convert, add_compose, add_points, add_scene, _add_demo):
        add(commands)
    return parser


def _add_demo(commands: Any) -> None:
    command = add_command(
        commands,
        "demo",
        "align a pair of images that comes with the package",
        "Open napari on a sample pair, aligned. Without a display, align it all the same,\n"
        "print the table and write the results to a folder.",
        "ecc-align demo --sample page --out demo/",
        fine="aligned",
        other="doubtful or failed",
    )
    command.add_argument(
        "--sample", choices=sample_names(), default="page", help="which pair (default: page)"
    )
    text = "folder for the results (default: a new ecc-align-demo here); implies --no-gui"
    add_value(command, "--out", Path, "DIR", text)
    command.add_argument("--no-gui", action="store_true", help="do not open napari")
    add_answer(command)
    command.set_defaults(accept=None)


def _mark_files(parser: argparse.ArgumentParser, mark: Any) -> None:
    """Have the shell complete the names of files where a command takes one."""
    for action in parser._actions:
        if action.type is Path or action.dest in _ALSO_FILES:
            action.complete = mark  # type: ignore[attr-defined]
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                _mark_files(command, mark)
