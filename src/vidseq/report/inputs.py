"""All that the report is made of, read from the files that the stages left."""

import hashlib
import os
import platform
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pandas as pd
from ruamel.yaml import YAML
from safetensors import safe_open

from vidseq import paths
from vidseq.files import read_json
from vidseq.params import Params
from vidseq.prediction_tables import read_predictions

HEADS = ("rnn", "transformer")
TRAINED = ("rnn", "rnn_causal", "transformer")
MODELS = ("rnn", "transformer", "baseline")
ALL = (*TRAINED, "baseline")
PACKAGES = ("vidseq", "dvc", "numpy", "openvino", "pytorch-lightning", "scikit-learn", "timm", "torch", "typst")
OUTS = ("data/clips.csv", "data/frames.parquet", "data/features", "models/rnn", "models/transformer")


@dataclass(frozen=True)
class Inputs:
    """The params, the tables and the numbers of one run; `circumstances` are where and when it was, as far as known."""

    params: Params
    clips: pd.DataFrame
    classes: list[str]
    steps: pd.Series
    backbone: dict
    feature_dim: int
    evaluation: dict
    exploding: dict
    trained: dict[str, dict]
    counts: dict[str, dict]
    parts: dict[str, dict[str, int]]
    predictions: dict[str, pd.DataFrame]
    film_strips: dict
    plots: dict[str, pd.DataFrame]
    circumstances: dict


def read_inputs(params: Params) -> Inputs:
    """Read everything from the project in the working directory."""
    index = pd.read_csv(paths.FEATURES / "index.csv", dtype={"clip": str})
    clips = pd.read_csv(paths.CLIP_TABLE, dtype=str, keep_default_na=False)
    clips = clips[clips["clip"].isin(index["clip"])]
    classes = sorted(clips.label.unique())
    meta = read_json(paths.FEATURES / "meta.json")
    tables = ["alarm_cost", "early", "exploding", "precision_recall", "reliability"]
    tables += [f"{kind}_{head}" for kind in ("curves", "gradients") for head in HEADS]
    text = {"keep_default_na": False, "na_values": [""]}  # a class may be called None
    return Inputs(
        params=params,
        clips=clips,
        classes=classes,
        steps=index.steps,
        backbone=meta["backbone"],
        feature_dim=meta["dim"],
        evaluation=read_json(paths.METRICS / "evaluation.json"),
        exploding=read_json(paths.METRICS / "exploding.json"),
        trained={name: read_json(paths.METRICS / f"train_{name}.json") for name in TRAINED},
        counts={name: read_json(paths.METRICS / f"{name}.json") for name in ("sample_frames", "extract_features")},
        parts={name: parameter_counts(paths.MODELS / name / "model.safetensors") for name in HEADS},
        predictions={name: read_predictions(paths.PREDICTIONS / f"{name}.csv", classes)[0] for name in MODELS},
        film_strips=read_json(paths.FILM_STRIPS / "index.json"),
        plots={name: pd.read_csv(paths.PLOTS / f"{name}.csv", dtype={"class": str}, **text) for name in tables},
        circumstances=circumstances(),
    )


def parameter_counts(weights: Path) -> dict[str, int]:
    """Count the parameters of each part of a head: project, rnn or encoder, classify, ..."""
    counts: dict[str, int] = {}
    with safe_open(weights, "np") as file:
        for name in file.keys():  # noqa: SIM118 (safe_open is no mapping)
            if name.startswith("head."):
                size = 1
                for side in file.get_slice(name).get_shape():
                    size *= side
                part = name.split(".")[1]
                counts[part] = counts.get(part, 0) + size
    return counts


def circumstances() -> dict:
    """Return commit, digests of the outs, versions, hardware and recorded times; what is not known is left out."""
    known: dict = {"versions": {package: _version(package) for package in PACKAGES}}
    known["machine"] = {
        "system": platform.system(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }
    commit = _git("rev-parse", "HEAD")
    if commit:
        changed = _git("status", "--porcelain", "--", "src", "stages", "params.yaml", "dvc.yaml", "requirements.lock")
        known["commit"], known["changed"] = commit.strip(), bool(changed and changed.strip())
    lock = Path("dvc.lock")
    if lock.is_file():
        stages = YAML(typ="safe", pure=True).load(lock)["stages"]
        digests = {out["path"]: out["md5"] for stage in stages.values() for out in stage.get("outs", [])}
        table = hashlib.md5(paths.CLIP_TABLE.read_bytes(), usedforsecurity=False).hexdigest()
        if (
            digests.get(paths.CLIP_TABLE.as_posix()) == table
        ):  # or the stages ran by hand, and the lock is of another run
            known["digests"] = {path: digests[path] for path in OUTS if path in digests}
    times = paths.cache("times")
    known["seconds"] = {file.stem: read_json(file)["seconds"] for file in sorted((times / "stages").glob("*.json"))}
    known["seconds"].pop("report", None)  # it is still running
    if (times / "online.json").is_file():
        known["online"] = read_json(times / "online.json")
    return known


def _version(package: str) -> str | None:
    try:
        return version(package)
    except ModuleNotFoundError:
        return None


def _git(*command: str) -> str | None:
    try:
        done = subprocess.run(["git", *command], capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
