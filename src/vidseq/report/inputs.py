"""All that the report is made of, read from the files that the stages left."""

import hashlib
import os
import platform
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from math import prod
from pathlib import Path

import pandas as pd
from ruamel.yaml import YAML
from safetensors import safe_open

from vidseq import paths
from vidseq.data.features import clips_with_features, read_index
from vidseq.data.predictions import read_predictions
from vidseq.files import read_json
from vidseq.models import BASELINE, MAIN_MODELS, MODELS
from vidseq.models.trained_model import read_config
from vidseq.params import Params

PACKAGES = ("vidseq", "dvc", "numpy", "openvino", "pytorch-lightning", "scikit-learn", "timm", "torch", "typst")
FIRST_MEMBER = "head.members.0."  # of an ensemble


@dataclass(frozen=True)
class Inputs:
    """The params, the tables and the numbers of one run.

    `main`, `compared` (with the baseline) and `measured` (all) name models; `configs`, `parts` (parameters by part of
    the head) and `trained` are of the main ones; `environment` is where the run was, as far as known.
    """

    params: Params
    main: list[str]
    compared: list[str]
    measured: list[str]
    clips: pd.DataFrame
    classes: list[str]
    lengths: pd.Series
    feature_config: dict
    feature_dim: int
    evaluation: dict
    exploding_gradients: dict
    trained: dict[str, dict]
    counts: dict[str, dict]
    configs: dict[str, dict]
    parts: dict[str, dict[str, int]]
    predictions: dict[str, pd.DataFrame]
    film_strips: dict
    plots: dict[str, pd.DataFrame]
    environment: dict


def read_inputs(params: Params) -> Inputs:
    """Read everything from the project in the working directory."""
    clips = clips_with_features()
    classes = sorted(clips.label.unique())
    meta = read_json(paths.FEATURES / "meta.json")
    compared = [*MAIN_MODELS, BASELINE]
    tables = ["alarm_cost", "early", "exploding_gradients", "precision_recall", "reliability"]
    tables += [f"{kind}_{name}" for kind in ("curves", "gradients") for name in MAIN_MODELS]
    text = {"keep_default_na": False, "na_values": [""]}  # a class may be called None
    return Inputs(
        params=params,
        main=[*MAIN_MODELS],
        compared=compared,
        measured=[*MODELS, BASELINE],
        clips=clips,
        classes=classes,
        lengths=read_index().length,
        feature_config=meta["features"],
        feature_dim=meta["dim"],
        evaluation=read_json(paths.METRICS / "evaluation.json"),
        exploding_gradients=read_json(paths.METRICS / "exploding_gradients.json"),
        trained={
            name: read_json(paths.METRICS / f"train_{name}.json")
            | {"temperature": read_temperature(paths.MODELS / name / "model.safetensors")}
            for name in MAIN_MODELS
        },
        counts={name: read_json(paths.METRICS / f"{name}.json") for name in ("sample_frames", "extract_features")},
        configs={name: read_config(paths.MODELS / name) for name in MAIN_MODELS},
        parts={name: parameter_counts(paths.MODELS / name / "model.safetensors") for name in MAIN_MODELS},
        predictions={name: read_predictions(paths.PREDICTIONS / f"{name}.csv", classes)[0] for name in compared},
        film_strips=read_json(paths.FILM_STRIPS / "index.json"),
        plots={name: pd.read_csv(paths.PLOTS / f"{name}.csv", dtype={"class": str}, **text) for name in tables},
        environment=environment(),
    )


def parameter_counts(weights: Path) -> dict[str, int]:
    """Count the parameters of each part of a head, the first of its ensemble: projection, rnn or encoder, ..."""
    counts: dict[str, int] = {}
    with safe_open(weights, "np") as file:
        for name in file.keys():  # noqa: SIM118 (safe_open is no mapping)
            if name.startswith(FIRST_MEMBER):
                part = name.removeprefix(FIRST_MEMBER).split(".")[0]
                counts[part] = counts.get(part, 0) + prod(file.get_slice(name).get_shape())
    return {part: counts[part] for part in sorted(counts, key=part_order)}


def read_temperature(weights: Path) -> float:
    """Return what the logits of an ensemble are divided by."""
    with safe_open(weights, "np") as file:
        return float(file.get_tensor("head.temperature"))


def part_order(part: str) -> tuple:
    """Return what the parts of a head are sorted by: the projection first, the classifier last."""
    return part == "classifier", part != "projection", part


def environment() -> dict:
    """Return commit, digests of the outs, versions and hardware; what is not known is left out."""
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
        if digests.get(paths.CLIP_TABLE.as_posix()) == table:  # or the lock is of another run than these files
            outs = [paths.CLIP_TABLE, paths.FRAME_PLAN, paths.FEATURES, *(paths.MODELS / name for name in MODELS)]
            shown = [out.as_posix() for out in outs]
            known["digests"] = {path: digests[path] for path in shown if path in digests}
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
