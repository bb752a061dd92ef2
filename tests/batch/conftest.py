"""The dataset of the batch tests, which no test may change."""

from __future__ import annotations

import pytest
from dataset import add_broken, digests, make_good

from here import pool_or_here
from napari_ecc_align import Batch
from napari_ecc_align._batch.run import run_plan
from napari_ecc_align._batch.settings import BatchSettings


@pytest.fixture(autouse=True)
def one_worker_is_here(monkeypatch):
    """Let this process be the one worker of a run that asks for no more."""
    monkeypatch.setattr(run_plan, "Pool", pool_or_here)


@pytest.fixture(scope="session")
def good(tmp_path_factory):
    """Four pages without faults; one of them is aligned already."""
    return make_good(tmp_path_factory.mktemp("good"))


@pytest.fixture(scope="session")
def good_digests(good):
    return digests(good.root)


@pytest.fixture(autouse=True)
def inputs_stay_as_they_are(good, good_digests):
    """After every test, each input is there with its bytes, and nothing beside them."""
    yield
    assert digests(good.root) == good_digests


@pytest.fixture(scope="session")
def broken(tmp_path_factory):
    """Pages of every broken kind, and the reason that each must be given."""
    root = tmp_path_factory.mktemp("broken")
    dataset = make_good(root, count=2)
    reasons = add_broken(root)
    before = digests(root)
    yield dataset, reasons
    assert digests(root) == before


@pytest.fixture(scope="session")
def finished(good, tmp_path_factory):
    """The output folder of a whole run; not to be changed."""
    out = tmp_path_factory.mktemp("finished") / "out"
    list(Batch.plan(**good.folders, out=out).run(workers=2))
    before = digests(out)
    yield out
    assert digests(out) == before


@pytest.fixture
def plan(good, tmp_path):
    """A plan for the good pages, with an output folder of the test's own."""

    def planned(where=(), **settings):
        return Batch.plan(
            **good.folders, out=tmp_path / "out", where=where, settings=BatchSettings(**settings)
        )

    return planned
