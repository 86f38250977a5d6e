"""The files that a run of the pipeline leaves for the report, made of random numbers, for any names of classes."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn

from vidseq import paths
from vidseq.data.predictions import write_predictions
from vidseq.evaluation.alarm import Alarm
from vidseq.evaluation.bootstrap import GroupBootstrap, compare
from vidseq.evaluation.early import FRACTIONS, accuracy_by_fraction, online_cost
from vidseq.evaluation.metrics import classification_metrics, precision_recall_points, reliability_points
from vidseq.files import write_json
from vidseq.models import BASELINE, HEADS, MAIN_MODELS, MODELS, build_head, head_settings
from vidseq.models.ensemble import Ensemble
from vidseq.models.trained_model import TrainedModel, build_preprocessing
from vidseq.params import ModelParams, Params, Section
from vidseq.video.sheets import contact_sheet, film_strip

TRANSFORM = {"input_size": [3, 224, 224], "crop_pct": 0.875, "interpolation": "bicubic", "mean": [0.5], "std": [0.5]}
FEATURE_CONFIG = {
    "name": "cnn",
    "weights": "5ebb",
    "transform": TRANSFORM,
    "engine": "torch",
    "precision": "fp32",
    "device": "cpu",
    "kernel": None,
    "diff": {"seconds": 0.25, "size": 160},
    "image_types": ["rgb", "diff"],
}


class MeanParams(Section):
    """The settings of a head that someone adds."""

    bins: int


class MeanHead(nn.Module):
    """A head of which the report knows nothing: neither its name nor that of its layer."""

    def __init__(self, input_dim: int, classes: int, model: ModelParams, mean: MeanParams):
        super().__init__()
        self.summing_up = nn.Linear(input_dim, classes)

    def forward(self, x_BTD: torch.Tensor, mask_BT: torch.Tensor) -> torch.Tensor:
        return self.summing_up((x_BTD * mask_BT[:, :, None]).mean(1))


@contextmanager
def added_head(name: str, params: Params) -> Iterator[Params]:
    """Add a head to the table of models, and yield the params with its section."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(HEADS, name, (MeanHead, MeanParams))
        patch.setitem(MODELS, name, (name, {}))
        MAIN_MODELS.append(name)
        try:
            yield params.model_copy(update={name: MeanParams(bins=7)})
        finally:
            MAIN_MODELS.remove(name)


def make(params: Params, classes: list[str], skill: float = 4.0, groups: int = 12) -> None:
    """Write everything into the working directory; `skill` is how much of the truth the models know."""
    rng = np.random.default_rng(0)
    classes = sorted(classes)
    clips = pd.DataFrame(
        [{"clip": f"{c}/κλιπ_{g}_{n}", "path": f"{g}_{n}.avi", "label": c, "group": f"g{g}", "split": split}
         for c in classes for g, split in enumerate(["test"] * groups + ["train"] * 3 + ["val"] * 2) for n in range(2)]
    )  # fmt: skip
    for folder in ("data/contact_sheets", "data/features", "data/predictions", "data/film_strips", "metrics", "plots"):
        paths.Path(folder).mkdir(parents=True)
    clips.assign(start="", end="").to_csv(paths.CLIP_TABLE, index=False)
    starts = range(0, 10 * len(clips), 10)
    pd.DataFrame({"clip": clips["clip"], "start": starts, "length": 10}).to_csv("data/features/index.csv", index=False)
    write_json(paths.FEATURES / "meta.json", {"dim": 8, "features": FEATURE_CONFIG})
    frames = [np.full((60, 80, 3), 20 * i, np.uint8) for i in range(10)]
    for label in classes:
        contact_sheet([(label, frames)], paths.CONTACT_SHEETS / f"{label}.png")

    test = clips[clips.split == "test"]
    y = np.array([classes.index(label) for label in test.label])
    seconds_N, bootstrap = np.full(len(y), 3.0), GroupBootstrap(test.group.to_numpy(), 0)
    metrics, alarms, right = {}, {}, {}
    tables = {name: [] for name in ("early", "alarm_cost", "precision_recall", "reliability")}
    for name in (*MODELS, BASELINE):
        p_NC = torch.tensor(rng.normal(0, 1, (len(y), len(classes)))).add(skill * torch.eye(len(classes))[y])
        p_NC = p_NC.softmax(1).numpy()
        metrics[name] = classification_metrics(y, p_NC, classes, bootstrap)
        metrics[name]["accuracy_shuffled"] = metrics[name]["accuracy_half_rate"] = metrics[name]["accuracy"] / 2
        write_predictions(test, p_NC, classes, paths.PREDICTIONS / f"{name}.csv")
        right[name] = p_NC.argmax(1) == y
        alarm = Alarm(y == 0, p_NC[:, 0], seconds_N)
        alarms[name] = {"threshold": 0.3} | alarm.operating_point(0.3, bootstrap)
        rows = {
            "early": accuracy_by_fraction(dict.fromkeys(FRACTIONS, p_NC), y, bootstrap),
            "alarm_cost": alarm.cost_curve(),
            "precision_recall": precision_recall_points(y, p_NC, classes),
            "reliability": reliability_points(y, p_NC, classes),
        }
        for table in tables:
            tables[table] += [{"model": name} | row for row in rows[table]]
    pairs = combinations(right, 2)
    evaluation = {
        "models": metrics,
        "comparisons": [{"first": a, "second": b} | compare(right[a], right[b], bootstrap) for a, b in pairs],
        "order": {name: compare(right[name], right[BASELINE], bootstrap) for name in right},
        "half_rate": {name: compare(right[name], right[name], bootstrap) for name in right},
        "alarm": {"class": classes[0], "min_recall": 0.9, "models": alarms},
        "online": online_cost([np.zeros((10, 8))], 2),
        "test": {"clips": len(y), "groups": groups, "hours": float(seconds_N.sum() / 3600)},
    }
    write_json(paths.METRICS / "evaluation.json", evaluation)
    for name, rows in tables.items():
        pd.DataFrame(rows).to_csv(paths.PLOTS / f"{name}.csv", index=False)
    _training(params, classes)
    _frames(test, classes, frames)


def _training(params: Params, classes: list[str]) -> None:
    for name, (head, _) in MODELS.items():
        settings = {"preprocessing": params.preprocessing.model_dump()} | head_settings(name, params)
        config = {
            "head": head,
            "ensemble": 1,
            "classes": classes,
            "feature_dim": 8,
            "median_steps": 8,
            "features": FEATURE_CONFIG,
            "settings": settings,
        }
        config |= {"frames": params.frames.model_dump(), "versions": {"torch": "2"}}
        (paths.MODELS / name).mkdir(parents=True)
        preprocessing = build_preprocessing(config)
        module = build_head(head, preprocessing.dim, len(classes), settings)
        TrainedModel(preprocessing, Ensemble([module]), config).save(paths.MODELS / name)
        summary = {"val_loss": 0.5, "val_accuracy": 0.75, "parameters": 1}
        write_json(paths.METRICS / f"train_{name}.json", summary)
        curves = {
            "epoch": [1, 2, 3],
            "train_loss": [2, 1, 0.5],
            "val_loss": [1, 0.5, 0.6],
            "val_accuracy": [0.2, 0.75, 0.7],
        }
        pd.DataFrame(curves).to_csv(paths.PLOTS / f"curves_{name}.csv", index=False)
        gradients = pd.DataFrame({"step": [1, 2], "grad_norm": [3.25, 1]})
        gradients.to_csv(paths.PLOTS / f"gradients_{name}.csv", index=False)
    counts = {"clips": 1, "frames": 1, "skipped_clips": 1}
    for name in ("sample_frames", "extract_features", "download"):
        write_json(paths.METRICS / f"{name}.json", counts)
    healthy = {"steps": 2, "first_loss": 2.5, "last_loss": 1.5, "grad_norm_max": 4.5, "exploded_at_step": None,
               "stopped": None, "loss_fell": True}  # fmt: skip
    exploded = healthy | {"exploded_at_step": 2, "stopped": "training diverged: # $x$ <b>", "loss_fell": False}
    runs = {"exploding": exploded} | dict.fromkeys(("clipping", "lower_lr", "orthogonal", "gating"), healthy)
    settings = {"gain": 1.5, "lr": 0.1, "lower_lr": 0.001, "clip_norm": 1.0, "dim": 64, "exploded_above": 1000.0}
    write_json(paths.METRICS / "exploding_gradients.json", {"settings": settings, "runs": runs})
    rows = [{"run": name, "step": step, "grad_norm": 10.0**step, "loss": 2} for name in runs for step in (1, 2)]
    pd.DataFrame(rows).to_csv(paths.PLOTS / "exploding_gradients.csv", index=False)


def _frames(test: pd.DataFrame, classes: list[str], frames: list[np.ndarray]) -> None:
    clip, label = test["clip"].iloc[0], test.label.iloc[0]
    values = np.linspace(0, 1, 10).tolist()
    explained = [{"clip": clip, "label": label, "probability": dict.fromkeys(MODELS, values),
                  "occlusion": dict.fromkeys(MAIN_MODELS, values)}]  # fmt: skip
    mistake = {"clip": clip, "label": label, "predicted": classes[1], "probability": 0.875}
    strips = {clip: {"file": "0.jpg", "steps": list(range(10)), "times": values}}
    mistakes = {name: [] for name in MAIN_MODELS[1:]} | {MAIN_MODELS[0]: [mistake]}
    index = {"explained": explained, "mistakes": mistakes, "strips": strips}
    write_json(paths.FILM_STRIPS / "index.json", index)
    film_strip(frames).save(paths.FILM_STRIPS / "0.jpg")
    assert Image.open(paths.FILM_STRIPS / "0.jpg").height == 90
