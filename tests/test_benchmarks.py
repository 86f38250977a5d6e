import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks import ablation, heads_report
from benchmarks.clips import changed
from benchmarks.heads import leaky, pad_right
from benchmarks.keras_heads import STEPS, CnnRnn, VideoTransformer, train_keras_head


@pytest.mark.parametrize("kind", [CnnRnn, VideoTransformer])
def test_the_examples_heads_train_and_ignore_what_stands_in_the_padding(kind):
    clips = [torch.randn(steps, 8) + label for steps, label in zip(range(3, 27), [0, 1] * 12, strict=True)]
    x_NTD, mask_NT = pad_right(clips)
    assert x_NTD.shape == (24, STEPS, 8)
    head = train_keras_head(kind, x_NTD, mask_NT, torch.tensor([0, 1] * 12), seed=0)
    with torch.inference_mode():
        logits_NC = head(x_NTD, mask_NT)
        assert logits_NC.shape == (24, 2)
        if kind is CnnRnn:  # the other one pools over padding too, as published
            garbage = torch.where(mask_NT[:, :, None], x_NTD, 100.0)
            torch.testing.assert_close(head(garbage, mask_NT), logits_NC)


def test_a_leaky_split_puts_siblings_on_both_sides():
    clips = pd.DataFrame({"group": np.repeat([f"g{n}" for n in range(20)], 6)})
    split = leaky(clips, 1, 0)
    assert (split.groupby("group").split.nunique() > 1).mean() > 0.9
    assert leaky(clips, 1, 0).equals(split)


def test_the_report_states_what_is_in_the_results(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    rows = [
        {"split": split, "model": model, "seed": seed, "clip": f"c{n}", "group": f"g{n // 5}", "label": "A"}
        | {view: "A" if rng.random() < chance else "B" for view in ("predicted", "shuffled", "reversed")}
        for model, chance in (("rnn", 0.9), ("transformer", 0.8), ("baseline", 0.7))
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
    assert f"| {mean:.3f} |" in next(line for line in text.splitlines() if line.startswith("| RNN |"))
    assert (tmp_path / "results.png").stat().st_size > 1000


def test_an_interval_over_groups_is_wider_where_siblings_fall_together():
    clips = pd.DataFrame({"split": 1, "group": np.repeat(range(20), 10)})
    together = heads_report.bootstrap(clips.assign(correct=np.repeat(np.arange(20) % 2 == 0, 10)))
    apart = heads_report.bootstrap(clips.assign(correct=np.arange(200) % 2 == 0))
    assert together.mean() == pytest.approx(0.5, abs=0.02)
    assert together.std() > 0.1
    assert apart.std() < 1e-9


def test_params_are_changed_key_by_key_and_checked(params):
    other = changed(params, {"train.seed": 5, "streams.show": ["frame"]})
    assert (other.train.seed, other.streams.show, other.model) == (5, ["frame"], params.model)
    with pytest.raises(ValueError, match="seed"):
        changed(params, {"train.seed": -1})


def test_cross_validation_predicts_every_clip_by_a_model_that_has_not_seen_its_group(params, monkeypatch):
    clips = pd.DataFrame({"label": ["A", "B"] * 10, "group": [f"g{n // 2}" for n in range(20)]})
    x = [torch.full((3, 4), float(n)) for n in range(20)]
    held_out = []

    class Model:
        classes = ("A", "B")

        def __init__(self, known: list[torch.Tensor]):
            self.known = {int(x_TD[0, 0]) for x_TD in known}

        def probabilities(self, new: list[torch.Tensor]) -> torch.Tensor:
            numbers = [int(x_TD[0, 0]) for x_TD in new]
            held_out.extend(numbers)
            assert not {n // 2 for n in numbers} & {n // 2 for n in self.known}
            return torch.tensor([[0.8, 0.2]] * len(new))  # right for half of them

    monkeypatch.setattr(ablation, "train_model", lambda _, known, *rest: (Model(known), None, None, None))
    row = ablation.cross_validate("rnn", clips, x, {}, params)
    assert sorted(held_out) == list(range(20))
    assert row["accuracy"] == 0.5
    assert row["log_loss"] == pytest.approx(-(np.log(0.8) + np.log(0.2)) / 2)


def test_the_ablation_table_has_a_row_a_variant(tmp_path):
    rows = [
        {
            "repeat": repeat,
            "variant": variant,
            "data": data,
            "head": head,
            "accuracy": level + 0.1 * repeat,
            "log_loss": 1.0,
        }
        for repeat in range(2)
        for variant in ablation.VARIANTS
        for data, level in (("ucf101", 0.5), ("demo", 0.7))
        for head in ("rnn", "transformer")
    ]
    ablation.write_table(pd.DataFrame(rows), {"ucf101": 42, "demo": 24}, tmp_path)
    text = (tmp_path / "ablation.md").read_text()
    assert "| without dropout | 0.550 / 1.000 | 0.550 / 1.000 | 0.750 / 1.000 | 0.750 / 1.000 |" in text
    assert text.count("0.550") == 2 * len(ablation.VARIANTS)
    assert "42 of split 1" in text
