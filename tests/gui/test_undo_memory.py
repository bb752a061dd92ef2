"""What undo keeps is bounded, in runs and in memory."""

from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_ecc_align._gui.results import history
from napari_ecc_align._gui.results.history import History, Looks, Renewed


def run(number):
    return SimpleNamespace(number=number, task=SimpleNamespace(layer_ids=None), results=number)


def renewed(megabytes):
    image = np.zeros((megabytes, 2**20), np.uint8)
    return Renewed(Looks("id", image, {}, 0, taken_out=SimpleNamespace()), None)


@pytest.mark.parametrize(("megabytes", "kept"), [(0, 20), (1, 5), (9, 2)])
def test_the_oldest_runs_go_when_there_are_many_or_their_layers_are_large(
    monkeypatch, megabytes, kept
):
    monkeypatch.setattr(history, "MOST_BYTES", 4 * 2**20)
    runs = History(ViewerModel())
    for number in range(30):
        runs.begin(run(number))
        runs.add(renewed(megabytes))
    assert [step.run.number for step in runs._done] == [*range(30 - kept, 30)]
    assert runs.can_undo
