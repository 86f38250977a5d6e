from functools import partial

import numpy as np

from benchmarks.clips import changed
from benchmarks.training import profile, rows
from vidseq.training.recipe import train_model


def test_every_part_of_a_training_takes_time(params):
    """The parts are told by names that Lightning gives to its actions."""
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(steps, 16)).astype(np.float16) for steps in range(3, 15)]
    changes = {"preprocessing.pca_components": 4, "train.epochs": 1}
    config = {"image_types": ["rgb", "diff"]}
    val_N = np.arange(12) < 4
    seconds = profile(partial(train_model, "rnn", x, ["A", "B"] * 6, val_N, changed(params, changes), config))
    *parts, total = seconds.values()
    assert min(parts) > 0
    assert sum(parts) == total or abs(sum(parts) - total) < 1e-6


def test_the_tables_have_the_medians_of_the_runs():
    def run(seconds: float) -> dict[str, float]:
        return {"forward and loss": seconds, "backward": 2 * seconds, "all": 4 * seconds}

    runs = {
        ("rnn", "of similar length"): [run(1), run(2), run(9)],
        ("rnn", "as drawn"): [run(3)],
        ("transformer", "of similar length"): [run(4)],
        ("transformer", "as drawn"): [run(5)],
    }
    tables = rows(runs)
    assert tables["rows"].splitlines() == [
        "| forward and loss | 2.0 | 4.0 |",
        "| backward | 4.0 | 8.0 |",
        "| all | 8.0 | 16.0 |",
    ]
    assert tables["buckets"].splitlines() == ["| of similar length | 6.0 | 12.0 |", "| as drawn | 9.0 | 15.0 |"]
