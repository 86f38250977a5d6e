import numpy as np
import pandas as pd
import pytest

from benchmarks import heads_report


def test_the_report_states_what_is_in_the_results(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    rows = [
        {
            "split": split,
            "model": model,
            "seed": seed,
            "clip": f"c{n}",
            "group": f"g{n // 5}",
            "label": "A",
            "p_true": 0.5,
        }
        | {view: "A" if rng.random() < accuracy else "B" for view in ("predicted", "shuffled", "reversed")}
        for model, accuracy in (("rnn", 0.9), ("rnn_causal", 0.85), ("transformer", 0.8), ("baseline", 0.7))
        for split in (1, 2, 3)
        for seed in range(2)
        for n in range(60)
    ]
    results = pd.DataFrame(rows)
    results.to_csv(tmp_path / "heads.csv", index=False)
    command = ["heads_report", "--results", str(tmp_path / "heads.csv"), "--out", str(tmp_path)]
    monkeypatch.setattr("sys.argv", command)
    heads_report.main()
    text = (tmp_path / "results.md").read_text()
    mean = (results[results.model == "rnn"].predicted == "A").mean()
    row = next(line for line in text.splitlines() if line.startswith("| RNN |"))
    assert f"| {mean:.3f} |" in row
    assert row.endswith(f"| {np.log(2):.3f} |")  # the log loss
    accuracy = (results.predicted == "A").groupby(results.model).mean()
    difference = f"{accuracy['rnn'] - accuracy['baseline']:+.3f}"
    assert difference in next(line for line in text.splitlines() if line.startswith("| RNN – pooling baseline |"))
    assert (tmp_path / "results_1.png").stat().st_size > 1000


def test_an_interval_over_groups_is_wider_where_their_clips_are_correlated():
    clips = pd.DataFrame({"split": 1, "group": np.repeat(range(20), 10)})
    correlated = heads_report.bootstrap(clips.assign(correct=np.repeat(np.arange(20) % 2 == 0, 10)))
    independent = heads_report.bootstrap(clips.assign(correct=np.arange(200) % 2 == 0))
    assert correlated.mean() == pytest.approx(0.5, abs=0.02)
    assert correlated.std() > 0.1
    assert independent.std() < 1e-9


def test_splits_are_drawn_independently():
    one = pd.DataFrame({"split": 1, "group": np.repeat(range(20), 10), "correct": np.repeat(np.arange(20) < 10, 10)})
    two = pd.concat([one, one.assign(split=2)])
    assert heads_report.bootstrap(two).std() < 0.8 * heads_report.bootstrap(one).std()  # 0.71 of it
