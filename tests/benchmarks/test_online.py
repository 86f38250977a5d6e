import re

import numpy as np
import pytest

from benchmarks import online
from benchmarks.online import CausalStream, decision_seconds


def test_the_time_of_a_decision_is_measured(make_model):
    features_TD = np.random.default_rng(0).normal(size=(20, 8)).astype(np.float16)
    seconds = decision_seconds(make_model("rnn"), make_model("rnn", bidirectional=False), features_TD, repeats=3)
    assert min(seconds) > 0


def test_a_causal_rnn_gives_step_by_step_what_it_gives_for_the_whole(make_model):
    """What makes one step of it a fair measure of an online decision."""
    causal = make_model("rnn", bidirectional=False)
    features_TD = np.random.default_rng(0).normal(size=(7, 8)).astype(np.float16)
    stream = CausalStream(causal)
    for step in range(7):
        p_C = stream.decide(features_TD[step : step + 1])
        np.testing.assert_allclose(p_C, causal.probabilities([features_TD[: step + 1]])[0], atol=1e-6)


@pytest.mark.parametrize("model", [("rnn", True), ("transformer", False)])
def test_no_other_head_can_go_step_by_step(make_model, model):
    with pytest.raises(ValueError, match="causal"):
        CausalStream(make_model(*model))


def test_the_table_is_of_the_longest_test_clip(project, monkeypatch, capsys):
    monkeypatch.chdir("/")
    monkeypatch.setattr("sys.argv", ["online", "--project", str(project)])
    online.main()
    text = capsys.readouterr().out
    assert text.startswith("## Online decisions\n")
    assert re.search(r"^\| RNN, run again over all 20 steps \| \d+\.\d\d \|$", text, re.MULTILINE)
    assert re.search(r"^\| causal RNN, one step, .* \| \d+\.\d\d \|$", text, re.MULTILINE)
