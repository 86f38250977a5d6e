"""The files that a run of the pipeline leaves for the report, made of random numbers, for any names of classes."""

import numpy as np
import pandas as pd
import torch
from PIL import Image

from vidseq import alarm, early, paths
from vidseq.files import write_json
from vidseq.heads import build_head
from vidseq.metrics import classification_metrics, precision_recall_points, reliability_points
from vidseq.params import Params
from vidseq.pictures import contact_sheet, film_strip
from vidseq.prediction_tables import write_predictions
from vidseq.trained_model import TrainedModel, build_streams
from vidseq.uncertainty import compare

TRANSFORM = {
    "input_size": [3, 224, 224],
    "crop_pct": 0.875,
    "interpolation": "bicubic",
    "mean": [0.5],
    "std": [0.5],
}
BACKBONE = {"name": "cnn", "grid": 2, "difference": 0.25, "images": ["frame", "motion"], "transform": TRANSFORM}
MODELS = ("rnn", "rnn_causal", "transformer", "baseline")


def make(params: Params, classes: list[str], skill: float = 4.0, groups: int = 12) -> None:
    """Write everything into the working directory; `skill` is how much of the truth the models know."""
    rng = np.random.default_rng(0)
    classes = sorted(classes)
    clips = pd.DataFrame(
        [{"clip": f"{c}/κλιπ_{g}_{n}", "path": f"{g}_{n}.avi", "label": c, "group": f"g{g}", "split": side}
         for c in classes for g, side in enumerate(["test"] * groups + ["train"] * 3 + ["val"] * 2) for n in range(2)]
    )  # fmt: skip
    for folder in ("data/contact_sheets", "data/features", "data/predictions", "data/film_strips", "metrics", "plots"):
        paths.Path(folder).mkdir(parents=True)
    clips.to_csv(paths.CLIP_TABLE, index=False)
    starts = range(0, 10 * len(clips), 10)
    pd.DataFrame({"clip": clips["clip"], "start": starts, "steps": 10}).to_csv("data/features/index.csv", index=False)
    write_json(paths.FEATURES / "meta.json", {"dim": 8, "backbone": BACKBONE})
    frames = [np.full((60, 80, 3), 20 * i, np.uint8) for i in range(10)]
    for label in classes:
        contact_sheet([(label, frames)], paths.CONTACT_SHEETS / f"{label}.png")

    test = clips[clips.split == "test"]
    y = np.array([classes.index(label) for label in test.label])
    p, report, table = {}, {}, {name: [] for name in ("early", "alarm_cost", "precision_recall", "reliability")}
    for name in MODELS:
        p[name] = torch.tensor(rng.normal(0, 1, (len(y), len(classes)))).add(skill * torch.eye(len(classes))[y])
        p[name] = p[name].softmax(1).numpy()
        report[name] = classification_metrics(y, p[name], classes, test.group.to_numpy(), 0)
        report[name] |= {"accuracy_shuffled": report[name]["accuracy"] / 2} if name != "baseline" else {}
        write_predictions(test, p[name], classes, paths.PREDICTIONS / f"{name}.csv")
    right = {name: p_NC.argmax(1) == y for name, p_NC in p.items()}
    groups_N, seconds_N = test.group.to_numpy(), np.full(len(y), 3.0)
    pairs = (("rnn", "transformer"), ("rnn", "baseline"), ("transformer", "baseline"), ("rnn", "rnn_causal"))
    report["comparisons"] = {f"{a}_{b}": compare(right[a], right[b], groups_N, 0) for a, b in pairs}
    report["order"] = {name: compare(right[name], right["baseline"], groups_N, 0) for name in MODELS[:3]}
    report["alarm"] = {"class": classes[0], "min_recall": 0.9}
    report["test"] = {"clips": len(y), "groups": groups, "hours": float(seconds_N.sum() / 3600)}
    for name, p_NC in p.items():
        point = alarm.operating_point(y == 0, p_NC[:, 0], seconds_N, 0.3, groups_N, 0)
        report["alarm"][name] = {"threshold": 0.3} | point
        x = [torch.tensor(row)[None] for row in p_NC]
        rows = early.accuracy_by_fraction(lambda xs: torch.cat(xs).numpy(), x, y, groups_N, 0)
        table["early"] += [{"model": name} | row for row in rows]
        table["alarm_cost"] += [{"model": name} | row for row in alarm.cost_curve(y == 0, p_NC[:, 0], seconds_N)]
        table["precision_recall"] += [{"model": name} | row for row in precision_recall_points(y, p_NC, classes)]
        table["reliability"] += [{"model": name} | row for row in reliability_points(y, p_NC, classes)]
    write_json(paths.METRICS / "evaluation.json", report)
    for name, rows in table.items():
        pd.DataFrame(rows).to_csv(paths.PLOTS / f"{name}.csv", index=False)
    _training(params, classes)
    _frames(test, p, classes, frames)


def _training(params: Params, classes: list[str]) -> None:
    for head in MODELS[:3]:
        kind = head.removesuffix("_causal")
        settings = {part: getattr(params, part).model_dump() for part in ("streams", "model", kind)}
        card = {"head": kind, "classes": classes, "feature_dim": 8, "backbone": BACKBONE, "settings": settings}
        (paths.MODELS / head).mkdir(parents=True)
        streams = build_streams(card)
        TrainedModel(streams, build_head(kind, streams.dim, len(classes), settings), card).save(paths.MODELS / head)
        summary = {"epochs": 3, "best_epoch": 2, "val_loss": 0.5, "val_accuracy": 0.75, "grad_norm_max": 3.25}
        write_json(paths.METRICS / f"train_{head}.json", summary | {"parameters": 1})
        curves = {
            "epoch": [1, 2, 3],
            "train_loss": [2, 1, 0.5],
            "val_loss": [1, 0.5, 0.6],
            "val_accuracy": [0.2, 0.75, 0.7],
        }
        pd.DataFrame(curves).to_csv(paths.PLOTS / f"curves_{head}.csv", index=False)
        pd.DataFrame({"step": [1, 2], "grad_norm": [3.25, 1]}).to_csv(
            paths.PLOTS / f"gradients_{head}.csv", index=False
        )
    counts = {"clips": 1, "frames": 1, "skipped_clips": 1}
    for name in ("sample_frames", "extract_features", "download"):
        write_json(paths.METRICS / f"{name}.json", counts)
    verdict = {"steps": 2, "first_loss": 2.5, "last_loss": 1.5, "grad_norm_max": 4.5, "exploded_at_step": None,
               "stopped": None, "loss_fell": True}  # fmt: skip
    sick = verdict | {"exploded_at_step": 2, "stopped": "training diverged: # $x$ <b>", "loss_fell": False}
    runs = {"exploding": sick} | dict.fromkeys(("clipping", "lower_rate", "orthogonal", "gating"), verdict)
    settings = {"gain": 1.5, "rate": 0.1, "lower_rate": 0.001, "clip_norm": 1.0, "dim": 64, "exploded_above": 1000.0}
    write_json(paths.METRICS / "exploding.json", {"settings": settings, "runs": runs})
    rows = [{"run": name, "step": step, "grad_norm": 10.0**step, "loss": 2} for name in runs for step in (1, 2)]
    pd.DataFrame(rows).to_csv(paths.PLOTS / "exploding.csv", index=False)


def _frames(test: pd.DataFrame, p: dict, classes: list[str], frames: list[np.ndarray]) -> None:
    clip, label = test["clip"].iloc[0], test.label.iloc[0]
    values = np.linspace(0, 1, 10).tolist()
    explained = [{"clip": clip, "label": label, "probability": dict.fromkeys(MODELS[:3], values),
                  "occlusion": dict.fromkeys(("rnn", "transformer"), values)}]  # fmt: skip
    mistake = {"clip": clip, "label": label, "predicted": classes[1], "probability": 0.875}
    strips = {clip: {"file": "0.jpg", "steps": list(range(10)), "times": values}}
    index = {"explained": explained, "mistakes": {"rnn": [mistake], "transformer": []}, "strips": strips}
    write_json(paths.FILM_STRIPS / "index.json", index)
    film_strip(frames, paths.FILM_STRIPS / "0.jpg")
    assert Image.open(paths.FILM_STRIPS / "0.jpg").height == 90
