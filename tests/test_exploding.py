import pytest
import torch
from conftest import ROOT

from vidseq import exploding
from vidseq.params import load_params
from vidseq.sequences import Batches


@pytest.fixture(scope="module")
def runs():
    params = load_params(ROOT / "params.yaml").train
    generator = torch.Generator().manual_seed(0)
    clips = [(torch.randn(14, 400, generator=generator) + n % 2, n % 2) for n in range(64)]
    return {
        name: exploding.train(name, Batches(clips, 16, shuffle=True), 400, 2, params, seed=0) for name in exploding.RUNS
    }


def test_it_explodes_and_stops_with_one_line_that_names_step_norm_and_remedies(runs):
    run, verdict = runs["exploding"], exploding.verdict(runs["exploding"])
    assert verdict["exploded_at_step"] <= verdict["steps"]
    assert not verdict["loss_fell"]
    assert run["grad_norms"][-1] > exploding.EXPLODED
    for part in (
        f"at step {len(run['losses'])}",
        "gradient norm was",
        "train.lr (now 0.1)",
        "train.clip_norm (now off)",
    ):
        assert part in run["stopped"]
    assert "\n" not in run["stopped"]


@pytest.mark.parametrize("name", [name for name in exploding.RUNS if name != "exploding"])
def test_each_cure_alone_is_enough(runs, name):
    verdict = exploding.verdict(runs[name])
    assert verdict["stopped"] is None
    assert verdict["loss_fell"]
    assert verdict["steps"] >= exploding.STEPS


def test_cures_differ_from_the_sick_run_in_one_thing(runs):
    assert {name: len(change) for name, change in exploding.RUNS.items()} == {
        "exploding": 0, "clipping": 1, "lower_rate": 1, "orthogonal": 1, "gating": 1,
    }  # fmt: skip
    first = runs["exploding"]
    for name in ("clipping", "lower_rate"):  # until the first step they are the same run
        assert runs[name]["losses"][0] == first["losses"][0]
        assert runs[name]["grad_norms"][0] == first["grad_norms"][0]


def test_a_norm_that_is_no_number_counts_as_exploded_and_stays_out_of_the_table():
    run = {"grad_norms": [1.0, float("nan")], "losses": [2.0, 3.0], "stopped": "training diverged"}
    assert exploding.verdict(run)["exploded_at_step"] == 2
    assert exploding.table({"exploding": run}).grad_norm.isna().tolist() == [False, True]
    at_once = {"grad_norms": [], "losses": [], "stopped": "training diverged"}
    assert exploding.verdict(at_once)["first_loss"] is None
    assert not exploding.verdict(at_once)["loss_fell"]
    slow = {"grad_norms": [1.0, 2e3, 1.0], "losses": [2.0, 3.0, 4.0], "stopped": None}
    assert exploding.verdict(slow)["exploded_at_step"] == 2  # seen although the loss stays a number
    assert not exploding.verdict(slow)["loss_fell"]
