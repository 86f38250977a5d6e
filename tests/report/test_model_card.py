"""A card says what the run has measured, and is one that Hugging Face's reader reads."""

import shutil
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from vidseq.files import read_json, write_json
from vidseq.report.model_card import METRICS, model_card

MODELS = ["rnn", "rnn_causal", "transformer", "baseline"]


@pytest.fixture
def ran(repro, tmp_path, monkeypatch) -> Path:
    """The small files that the pipeline has left, to be changed."""
    monkeypatch.chdir(tmp_path)
    for name in ("metrics", "data/predictions", "model_cards"):
        shutil.copytree(repro.folder / name, name)
    shutil.copyfile(repro.folder / "data" / "clips.csv", "data/clips.csv")
    for name in MODELS:
        Path("models", name).mkdir(parents=True)
        shutil.copyfile(repro.folder / "models" / name / "model.json", f"models/{name}/model.json")
    return tmp_path


def test_the_pipeline_writes_a_card_of_each_model_with_its_metrics(ran):
    measured = read_json(ran / "metrics" / "evaluation.json")["models"]
    assert sorted(path.stem for path in (ran / "model_cards").iterdir()) == sorted(MODELS)
    for name in MODELS:
        card = ModelCard.load(ran / "model_cards" / f"{name}.md")
        assert {result.metric_type: result.metric_value for result in card.data.eval_results} == {
            metric: pytest.approx(measured[name][metric], abs=1e-4) for metric in METRICS
        }
        low, high = measured[name]["intervals"]["accuracy"]
        assert f"| accuracy | {measured[name]['accuracy']:.3f} | {low:.3f} to {high:.3f} |" in card.text
        assert card.data.license == "mit"
        assert "drawn" in card.text
        assert ("step by step on a stream" in card.text) == (name == "rnn_causal")


def test_limits_are_those_of_the_evaluation(ran, params):
    evaluation = read_json(ran / "metrics" / "evaluation.json")
    evaluation["comparisons"] = [
        {"first": "rnn", "second": "transformer", "accuracy_difference": 0.3, "interval": [0.1, 0.5]},
        {"first": "baseline", "second": "rnn", "accuracy_difference": 0.1, "interval": [-0.2, 0.4]},
        {"first": "baseline", "second": "transformer", "accuracy_difference": 0.1, "interval": None},
    ]
    for row in evaluation["models"]["rnn"]["per_class"].values():
        row["recall"] = 1.0
    evaluation["models"]["rnn"]["per_class"]["SquatTwice"]["recall"] = 0.5
    write_json(ran / "metrics" / "evaluation.json", evaluation)
    header = "clip,label,predicted\n"
    rows = ["a,SquatTwice,RaiseTwice", "b,SquatTwice,RaiseTwice", "c,RaiseTwice,RaiseTwice"]
    (ran / "data" / "predictions" / "rnn.csv").write_text(header + "\n".join(rows) + "\n")
    limits = str(model_card("rnn", params.data)).partition("## Limits found")[2]
    assert "SquatTwice is found in 2 of 4 clips" in limits
    assert limits.count("is found in") == 1
    assert "SquatTwice was taken for RaiseTwice 2 times" in limits
    assert "against `transformer`: +0.300 (0.100 to 0.500).\n" in limits
    assert "against `baseline`: -0.100 (-0.400 to 0.200): no difference is shown.\n" in limits


def test_clips_of_others_leave_the_licence_open(ran, params):
    card = model_card("rnn", params.data.model_copy(update={"source": "ucf101", "split": 2}))
    assert card.data.license == "other"
    assert "official split 2" in card.text
    assert "not stated here" in card.text


def test_a_class_with_a_bar_in_its_name_leaves_the_tables_whole(ran, params):
    for path in ("metrics/evaluation.json", "data/clips.csv", "data/predictions/rnn.csv"):
        text = (ran / path).read_text()
        (ran / path).write_text(text.replace("RaiseTwice", "A|B"))
    card = model_card("rnn", params.data)
    for line in card.text.splitlines():
        if line.startswith("| A"):
            assert line.replace("\\|", "").count("|") in (5, 7)
