"""Fixtures for all tests."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import hypothesis
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from screen import own_screen

_SCREEN = pytest.StashKey()

# The machine that runs the tests may be slow and shared: no deadline, and the same examples.
hypothesis.settings.register_profile("calm", deadline=None, derandomize=True, max_examples=25)
hypothesis.settings.load_profile("calm")


def pytest_addoption(parser):
    parser.addoption(
        "--kills",
        type=int,
        default=int(os.environ.get("ECC_ALIGN_KILLS", "4")),
        help="how often a batch is killed, each time at another moment (or ECC_ALIGN_KILLS)",
    )


def pytest_configure(config):
    # The process that only hands out the tests shows nothing.
    if config.getoption("dist", "no") == "no":
        config.stash[_SCREEN] = own_screen()


def pytest_unconfigure(config):
    if (screen := config.stash.get(_SCREEN, None)) is not None:
        screen.communicate()
