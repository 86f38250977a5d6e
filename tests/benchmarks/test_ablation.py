from itertools import product
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from benchmarks import ablation
from benchmarks.clips import changed
from vidseq.training import recipe


@pytest.mark.parametrize("changes", ablation.VARIANTS.values(), ids=ablation.VARIANTS)
def test_every_variant_is_a_change_that_params_allow(params, changes):
    one_head = changed(params, ablation.ONE_HEAD)
    assert (changed(one_head, changes) == one_head) == (not changes)


def test_the_first_row_is_the_recipe_as_it_ships(params):
    assert changed(params, next(iter(ablation.VARIANTS.values()))) == params


def test_cross_validation_predicts_every_clip_by_a_model_that_has_not_seen_its_group(params, monkeypatch):
    clips = pd.DataFrame({"label": ["A", "B"] * 10, "group": [f"g{n // 2}" for n in range(20)]})
    x = [np.full((3, 4), n, np.float16) for n in range(20)]
    held_out = []

    class Model:
        classes = ("A", "B")

        def __init__(self, known: list[np.ndarray]):
            self.known = {int(x_TD[0, 0]) for x_TD in known}

        def logits(self, new: list[np.ndarray]) -> np.ndarray:
            numbers = [int(x_TD[0, 0]) for x_TD in new]
            held_out.extend(numbers)
            assert not {n // 2 for n in numbers} & {n // 2 for n in self.known}
            return np.log([[0.8, 0.2]] * len(new))  # right for half of them

    monkeypatch.setattr(recipe, "train_model", lambda _, known, *rest, **title: SimpleNamespace(model=Model(known)))
    row = ablation.cross_validate("rnn", clips, x, {}, params)
    assert sorted(held_out) == list(range(20))
    assert row["accuracy"] == 0.5
    assert row["log_loss"] == pytest.approx(np.log(2), abs=1e-3)  # the temperature has taken all confidence away


def test_the_baseline_is_cross_validated_too(params):
    rng = np.random.default_rng(0)
    clips = pd.DataFrame({"label": ["A", "B"] * 15, "group": [f"g{n // 2}" for n in range(30)]})
    x = [rng.normal(n % 2, 0.1, (3, 4)).astype(np.float16) for n in range(30)]
    config = {"name": "cnn", "weights": "5ebb", "transform": {}, "diff": None, "image_types": ["rgb"]}
    assert ablation.cross_validate("baseline", clips, x, config, params)["accuracy"] == 1.0


def test_the_ablation_table_has_a_row_per_variant(tmp_path):
    cells = product(range(2), ablation.VARIANTS, {"ucf101": 0.5, "demo": 0.7}.items(), ablation.COLUMNS)
    rows = [
        dict(zip(ablation.KEYS, (seed, variant, data, head), strict=True))
        | {"accuracy": level + 0.1 * seed, "log_loss": 1.0}
        for seed, variant, (data, level), head in cells
        if head != "baseline" or variant == "the recipe, one head"
    ]
    facts = {"folders": "<ucf101>", "classes": "9", "seeds": "2", "ucf101": 42, "demo": 24}
    ablation.write_table(pd.DataFrame(rows), facts, tmp_path)
    text = (tmp_path / "ablation.md").read_text()
    of_ucf, of_demo = "0.550 / 1.000", "0.750 / 1.000"
    assert f"| without dropout | {of_ucf} | {of_ucf} |  | {of_demo} | {of_demo} |  |" in text
    assert f"| the recipe, one head | {of_ucf} | {of_ucf} | {of_ucf} |" in text
    assert "42 of split 1 of 9 classes" in text
