"""A model's card in Hugging Face's form: what it was trained on, how good it is, what it is for, and its limits."""

import csv
from collections import Counter
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData
from jinja2 import Environment, StrictUndefined

from vidseq import paths
from vidseq.files import read_json
from vidseq.params import DataParams

TEMPLATE = Path(__file__).with_name("model_card.md.j2")
METRICS = ("accuracy", "precision", "recall", "f1", "log_loss", "brier_score", "expected_calibration_error")
WORST = 3  # classes and confusions that are named
SPLITS = ("train", "val", "test")


def model_card(name: str, data: DataParams) -> ModelCard:
    """Return the card of a model of this run. It reads the run's files alone, and nothing is sent anywhere."""
    evaluation = read_json(paths.METRICS / "evaluation.json")
    config, measured = read_json(paths.MODELS / name / "model.json"), evaluation["models"][name]
    results = [
        EvalResult(
            task_type="video-classification",
            dataset_type=data.source,
            dataset_name=data.source,
            dataset_split="test",
            metric_type=metric,
            metric_value=round(measured[metric], 4),
        )
        for metric in METRICS
    ]
    metadata = ModelCardData(
        model_name=name,
        library_name="vidseq",
        license="mit" if data.source == "demo" else "other",
        pipeline_tag="video-classification",
        eval_results=results,
    )
    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters["cell"] = lambda text: str(text).replace("|", "\\|")
    text = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        name=name,
        data=data,
        config=config,
        measured=measured,
        metrics=METRICS,
        training=read_json(paths.METRICS / f"train_{name}.json"),
        test=evaluation["test"],
        clips=count_clips(),
        splits=SPLITS,
        alarm={key: evaluation["alarm"][key] for key in ("class", "min_recall")} | evaluation["alarm"]["models"][name],
        limits=find_limits(name, evaluation),
    )
    return ModelCard(f"---\n{metadata.to_yaml()}\n---\n\n{text}")


def count_clips() -> dict[str, dict[str, tuple[int, int]]]:
    """Return the number of clips and of groups, by class and part of the split, of the table of clips."""
    with paths.CLIP_TABLE.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    counts: dict[str, dict[str, tuple[int, int]]] = {}
    for label in sorted({row["label"] for row in rows}):
        groups = {
            split: [row["group"] for row in rows if (row["label"], row["split"]) == (label, split)] for split in SPLITS
        }
        counts[label] = {split: (len(of_split), len(set(of_split))) for split, of_split in groups.items()}
    return counts


def find_limits(name: str, evaluation: dict[str, Any]) -> dict[str, Any]:
    """Return what the evaluation has found of a model's limits.

    Keys: the classes that are found least (`worst`), the most frequent confusions (label, predicted, clips), whether it
    is shown to do better than each other model and than without the order of frames (differences with intervals).
    """
    per_class = evaluation["models"][name]["per_class"]
    worst = sorted(
        (label for label in per_class if per_class[label]["recall"] < 1), key=lambda c: per_class[c]["recall"]
    )
    with (paths.PREDICTIONS / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        mistakes = Counter(
            (row["label"], row["predicted"]) for row in csv.DictReader(file) if row["label"] != row["predicted"]
        )
    versus = []
    for row in evaluation["comparisons"]:
        if name in (row["first"], row["second"]):
            sign, other = (1, row["second"]) if name == row["first"] else (-1, row["first"])
            bounds = row["interval"] and sorted(sign * bound for bound in row["interval"])
            versus.append((other, sign * row["accuracy_difference"], bounds))
    return {
        "worst": [(label, per_class[label]) for label in worst[:WORST]],
        "confusions": [(*pair, count) for pair, count in mistakes.most_common(WORST)],
        "versus": versus,
        "order": (evaluation["order"][name]["accuracy_difference"], evaluation["order"][name]["interval"]),
    }
