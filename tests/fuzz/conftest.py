"""One campaign for each fuzz test."""

from __future__ import annotations

import pytest
from campaign import Campaign

_FUZZ_TESTS = pytest.StashKey()


@pytest.fixture
def campaign(request, capfd):
    """As long as ``--fuzz-minutes`` says, shared among the tests that were chosen."""
    minutes = request.config.getoption("--fuzz-minutes")
    share = 60 * minutes / request.config.stash[_FUZZ_TESTS]
    name = request.node.nodeid
    line_of_its_own = [""]

    def told(line):
        if minutes:
            with capfd.disabled():
                print(*line_of_its_own, line, sep="\n", flush=True)
            line_of_its_own.clear()

    run = Campaign(
        request.config.getoption("--fuzz-seed"), share, f"python -m pytest {name}", told
    )
    yield run
    told(f"{name}: {run.summary}")


def pytest_collection_modifyitems(config, items):
    config.stash[_FUZZ_TESTS] = max(1, sum("campaign" in item.fixturenames for item in items))
