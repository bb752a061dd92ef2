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
    parser.addoption(
        "--fuzz-minutes",
        type=float,
        default=0.0,
        help="how long the tests in tests/fuzz try odd input, all together; 0: one short round",
    )
    parser.addoption(
        "--fuzz-seed",
        type=int,
        default=0,
        help="seed of the first round of each test in tests/fuzz; further rounds count on",
    )


def pytest_configure(config):
    # The process that only hands out the tests shows nothing.
    if config.getoption("dist", "no") == "no":
        config.stash[_SCREEN] = own_screen()


def pytest_unconfigure(config):
    if (screen := config.stash.get(_SCREEN, None)) is not None:
        screen.communicate()
