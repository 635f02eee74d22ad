"What stands beside the frames of a run: domains, curves, findings."
import json
import math

import numpy as np
import pytest
import torch

from fer_nb.backbones import LeNetsPP
from fer_nb.embeddings import Run, record, snapshot
from fer_nb.embeddings.beside import beside, frame_beside, note, restore, set_domains
from fer_nb.grl import Finding
from fer_nb.training import Batches, Objective, fit
from fer_nb.widgets import frame_block, run_blocks


def grown():
    "Two frames; the second has another curve and a finding"
    run = set_domains(Run([0, 1, 1]), {"lab": 1, "studio": 2})
    note(run, {"λ": .25})
    run.add(1, np.zeros((3, 2)), [0, 1, 1])
    note(run, {"proxy A": 2, "findings": [Finding("late", "n = 1", "sleep")]})
    run.add(2, np.zeros((3, 2)), [0, 1, 1])
    return run

def test_curves_have_nan_where_nothing_was_measured():
    run = grown()
    np.testing.assert_equal(run.curves, {"λ": [.25, math.nan], "proxy A": [math.nan, 2.]})
    note(run, {"findings": [Finding("late", "again", "sleep"), Finding("new", "x", "y")]})
    assert [(f["name"], f["frame"]) for f in run.findings] == [("late", 1), ("new", 2)]

def test_a_snapshot_has_the_curves_of_its_frames():
    run = grown()
    note(run, {"λ": 1., "findings": [Finding("new", "x", "y")]}) # its frame is not there yet
    kept = snapshot(run)
    assert len(kept.curves["λ"]) == 2 and [f["name"] for f in kept.findings] == ["late"]
    assert beside(run)["curves"]["λ"] == [.25, None] and len(beside(run)["findings"]) == 1

def test_files_and_messages(tmp_path):
    run = grown()
    run.save(tmp_path/"run.npz")
    again = Run.load(tmp_path/"run.npz")
    assert beside(again) == beside(run) == json.loads(json.dumps(beside(run)))
    assert again.domains.tolist() == [0, 1, 1] and again.domain_names == ["lab", "studio"]
    meta = run_blocks([run])[0][0]
    assert meta["domains"] == [0, 1, 1] and meta["domain_names"] == ["lab", "studio"] and "curves" not in meta
    assert frame_block(run, 1)[0]["curves"] == {"λ": None, "proxy A": 2.} and frame_block(run, 1)[0]["findings"] == run.findings
    assert "findings" not in frame_block(run, 0)[0] and run.meta(1)["curves"] == {"λ": [None], "proxy A": [2.]}

def test_a_run_without_says_nothing():
    run = Run([0, 1])
    run.add(0, np.zeros((2, 2)), [0, 1])
    assert beside(run) == frame_beside(run, 0) == {} and "domains" not in run.meta()

@pytest.mark.parametrize("domains", [{}, {"a": 2}, {"a": 4}, {"a": 1.5, "b": 1.5}, [3], {str(i): 1 for i in range(5)}])
def test_domains_must_add_up(domains):
    with pytest.raises(ValueError, match="^domains"): set_domains(Run([0, 1, 1]), domains)

@pytest.mark.parametrize("kept", [dict(domains=[0, 1, 1]), dict(domains=[0, 1], domain_names=["a", "b"]), dict(curves={"a": [1., 2., 3.]})])
def test_what_does_not_fit_is_refused(kept):
    run = grown()
    with pytest.raises(ValueError, match="expected"): restore(run, kept)

def test_the_recorder_looks_at_every_frame():
    g = torch.Generator().manual_seed(0)
    x, y = torch.randn(32, 1, 14, 14, generator=g), torch.arange(32) % 10
    seen = []
    def look(step, output):
        seen.append((step.n, tuple(output.embedding.shape)))
        return {"twice": 2 * step.n}
    torch.manual_seed(0)
    steps = fit(LeNetsPP(width=.25, in_size=14), Objective(), Batches(x, y, batch_size=16), 2)
    run = record(steps, (x, y), 2, domains={"a": 12, "b": 20}, look=look).finish()
    assert seen == [(1, (32, 2)), (2, (32, 2)), (4, (32, 2))] and run.curves == {"twice": [2., 4., 8.]}
    assert run.domains.sum() == 20 and run._last[0].n == 4
