from dataclasses import fields
from math import inf, nan

import pytest
import torch
from conftest import ROOT

from vidseq.params import load_params
from vidseq.training import exploding_gradients as exploding
from vidseq.training.batches import Batches
from vidseq.training.exploding_gradients import Run, Setting


@pytest.fixture(scope="module")
def runs():
    params = load_params(ROOT / "params.yaml").train
    generator = torch.Generator().manual_seed(0)
    clips = [(torch.randn(14, 400, generator=generator) + n % 2, n % 2) for n in range(64)]
    batches = Batches(clips, 16, shuffle=True)
    return {name: exploding.train(setting, batches, 400, 2, params) for name, setting in exploding.RUNS.items()}


def test_it_explodes_and_stops_with_one_line_that_names_step_norm_and_remedies(runs):
    run, verdict = runs["exploding"], exploding.verdict(runs["exploding"])
    assert verdict["exploded_at_step"] <= verdict["steps"]
    assert not verdict["loss_fell"]
    assert run.grad_norms[-1] > exploding.EXPLODED
    for part in (
        f"at step {len(run.losses)}",
        "gradient norm was",
        "train.lr (now 0.1)",
        "train.gradient_clip_norm (now off)",
    ):
        assert part in run.stopped
    assert "\n" not in run.stopped


@pytest.mark.parametrize("name", [name for name in exploding.RUNS if name != "exploding"])
def test_each_remedy_alone_is_enough(runs, name):
    verdict = exploding.verdict(runs[name])
    assert verdict["stopped"] is None
    assert verdict["loss_fell"]
    assert verdict["steps"] >= exploding.STEPS


def test_each_remedy_changes_one_thing(runs):
    def changes(setting: Setting) -> int:
        return sum(getattr(setting, f.name) != getattr(exploding.RUNS["exploding"], f.name) for f in fields(setting))

    assert {name: changes(setting) for name, setting in exploding.RUNS.items()} == {
        "exploding": 0, "clipping": 1, "lower_lr": 1, "orthogonal": 1, "gating": 1,
    }  # fmt: skip
    first = runs["exploding"]
    for name in ("clipping", "lower_lr"):  # until the first step they are the same run
        assert runs[name].losses[0] == first.losses[0]
        assert runs[name].grad_norms[0] == first.grad_norms[0]


def test_a_norm_of_nan_counts_as_exploded_and_is_left_out_of_the_table():
    run = Run([1.0, nan], [2.0, 3.0], "training diverged")
    assert exploding.verdict(run)["exploded_at_step"] == 2
    assert exploding.verdict(run)["grad_norm_max"] == 1.0
    assert exploding.table({"exploding": run}).grad_norm.isna().tolist() == [False, True]
    assert exploding.verdict(Run([inf], [1.0], "training diverged"))["grad_norm_max"] is None
    at_once = Run([], [], "training diverged")
    assert exploding.verdict(at_once)["first_loss"] is None
    assert not exploding.verdict(at_once)["loss_fell"]
    slow = Run([1.0, 2e3, 1.0], [2.0, 3.0, 4.0])
    assert exploding.verdict(slow)["exploded_at_step"] == 2  # seen although the loss stays finite
    assert not exploding.verdict(slow)["loss_fell"]
