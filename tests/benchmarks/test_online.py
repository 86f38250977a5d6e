import re

import numpy as np

from benchmarks import online
from benchmarks.online import decision_seconds


def test_the_time_of_a_decision_is_measured(make_model):
    features_TD = np.random.default_rng(0).normal(size=(20, 8)).astype(np.float16)
    seconds = decision_seconds(make_model("rnn"), make_model("rnn", bidirectional=False), features_TD, repeats=3)
    assert min(seconds) > 0


def test_the_table_is_of_the_longest_test_clip(project, monkeypatch, capsys):
    monkeypatch.chdir("/")
    monkeypatch.setattr("sys.argv", ["online", "--project", str(project)])
    online.main()
    text = capsys.readouterr().out
    assert text.startswith("## Online decisions\n")
    assert re.search(r"^\| RNN, run again over all 20 steps \| \d+\.\d\d \|$", text, re.MULTILINE)
    assert re.search(r"^\| causal RNN, one step of each .* \| \d+\.\d\d \|$", text, re.MULTILINE)
