import numpy as np
import pandas as pd

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


def test_one_seed_of_pooling_is_compared_with_every_seed_of_a_head():
    rows = pd.DataFrame(
        {"split": 1, "seed": [0, 0, 1, 1], "group": "g", "clip": ["a", "b"] * 2, "correct": [1, 1, 0, 1.0]}
    )
    head, pooling = (
        heads_report.of_splits(part, "correct") for part in (rows, rows[rows.seed == 0].assign(correct=0.0))
    )
    difference = heads_report.differences(head, pooling)[1]
    assert difference.to_numpy().tolist() == [[1, 1], [0, 1]]
    assert heads_report.differences(head, head)[1].to_numpy().tolist() == [[0, 0], [0, 0]]


def test_the_mean_counts_each_split_alike_however_many_seeds_it_has():
    one = pd.DataFrame(
        {"split": 1, "seed": [0, 0, 1, 1], "group": ["g", "h"] * 2, "clip": ["a", "b"] * 2, "correct": 1.0}
    )
    two = pd.DataFrame({"split": 2, "seed": 0, "group": ["i", "j"], "clip": ["c", "d"], "correct": 0.0})
    assert heads_report.mean(heads_report.of_splits(pd.concat([one, two]), "correct")) == 0.5


def test_splits_are_drawn_independently():
    def width(splits):
        of_split = pd.DataFrame({"seed": 0, "group": np.arange(400) // 5, "clip": np.arange(400)})
        of_split["correct"] = (of_split.group % 2).astype(float)
        rows = pd.concat([of_split.assign(split=split) for split in splits])
        low, high = heads_report.interval(heads_report.mean_draws(heads_report.of_splits(rows, "correct")))
        return high - low

    assert width([1, 2]) < 0.8 * width([1])  # 0.71 of it
