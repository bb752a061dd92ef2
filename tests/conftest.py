"""Fixtures for all tests."""

from __future__ import annotations

import sys
from pathlib import Path

import hypothesis

sys.path.insert(0, str(Path(__file__).parent))

# The machine that runs the tests may be slow and shared: no deadline, and the same examples.
hypothesis.settings.register_profile("calm", deadline=None, derandomize=True, max_examples=40)
hypothesis.settings.load_profile("calm")
