"""Run a tiny pipeline to its end with settings drawn at random from all that params.yaml may hold.

`python -m benchmarks.params` prints one line per run and the settings of those that fail.
"""

import argparse
import random
import sys
import tempfile
import traceback
from contextlib import chdir, redirect_stderr, redirect_stdout
from importlib import import_module
from io import StringIO
from pathlib import Path
from time import monotonic
from typing import Any

from ruamel.yaml import YAML

from vidseq import paths
from vidseq.errors import VidseqError
from vidseq.models import MODELS
from vidseq.params import Params, load_params

BIG = 1e9
VALUES: dict[str, list[Any]] = {  # for each key, its ends and what lies between, as far as a tiny run can pay for it
    "data.source": ["demo"],
    "data.classes": [[]],
    "data.split": [1, 2, 3],
    "data.test_fraction": [1e-9, 0.25, 0.5, 0.999],
    "data.val_fraction": [1e-9, 0.2, 0.5, 0.999],
    "data.limit": [None, 1000],
    "data.seed": [0, 1, 2**32 - 1],
    "data.on_bad_clip": ["fail", "skip"],
    "data.on_duplicate": ["fail", "warn"],
    "data.demo.groups": [4, 5],
    "data.demo.clips": [1],
    "data.ucf101.videos": ["", "nowhere"],
    "data.ucf101.lists": ["", "nowhere"],
    "data.path": ["", "nowhere"],
    "data.split_lists": [None, "nowhere"],
    "data.group_pattern": ["", "(", "(g)"],
    "frames.strategy": ["fps", "uniform", "first"],
    "frames.fps": [1e-9, 0.5, 4, 1000.0, BIG],
    "frames.max_frames": [1, 2, 5],
    "frames.crop": [None, [0, 0, 1, 1], [0.25, 0.5, 0.5, 0.25]],
    "features.backbone": ["tf_efficientnet_lite0"],
    "features.diff_seconds": [None, 1e-9, 0.25, BIG],
    "features.diff_size": [32, 63, 160],
    "features.engine": ["auto", "torch", "openvino"],
    "features.precision": ["fp32"],
    "features.batch_size": [1, 7, 32],
    "features.executor": ["local"],
    "features.cache_gb": [1e-9, 20.0],
    "preprocessing.inputs": [["rgb"], ["rgb_delta", "rgb_delta"], ["rgb", "diff_deviation"], ["diff", "diff_delta"]],
    "preprocessing.lag": [1, 4, 2000],
    "preprocessing.pca_components": [1, 16, 300],
    "model.layers": [1, 2, 5],
    "model.dim": [4, 12, 32],
    "model.dropout": [0, 0.2, 0.999],
    "rnn.cell": ["gru", "lstm"],
    "rnn.bidirectional": [True, False],
    "transformer.heads": [1, 2, 4],
    "transformer.positions": ["sinusoidal", "learned"],
    "transformer.pooling": ["max", "cls"],
    "train.epochs": [1, 2],
    "train.patience": [1, 8],
    "train.refit": [True, False],
    "train.ensemble": [1, 2],
    "train.batch_size": [1, 5, 32],
    "train.class_weights": ["none", "balanced"],
    "train.lr": [1e-9, 0.002, 1.0, BIG],
    "train.gradient_clip_norm": [None, 1e-9, 1.0],
    "train.seed": [0, 2**32 - 1],
    "evaluate.shuffle_seed": [0, 2**32 - 1],
    "evaluate.bootstrap_seed": [0, 2**32 - 1],
    "evaluate.alarm.class": [None, "SquatTwice"],
    "evaluate.alarm.min_recall": [1e-9, 0.9, 1],
    "report.language": ["en", "el"],
    "report.title": ["", "#panic() *a*"],
    "report.author": ["", "A. Author"],
    "report.course": ["", "$x$"],
    "report.date": ["", "1 May"],
    "report.remarks": ["", "remarks.typ", "nowhere"],
    "report.frames": [True, False],
}
BEFORE, AFTER = ("download", "sample_frames", "extract_features"), ("evaluate", "explain", "report")
STAGES = (*BEFORE, *(f"train_head {name}" for name in MODELS), "train_baseline", "exploding_gradients", *AFTER)


def draw(rng: random.Random) -> dict:
    """Draw the content of a params.yaml; it can contradict itself."""
    content: dict = {}
    for key, values in VALUES.items():
        *sections, name = key.split(".")
        section = content
        for part in sections:
            section = section.setdefault(part, {})
        section[name] = rng.choice(values)
    return content


def draw_accepted(rng: random.Random) -> dict:
    """Draw until a params.yaml is accepted."""
    while True:
        content = draw(rng)
        try:
            Params.model_validate(content)
        except ValueError:
            continue
        return content


def run_pipeline(content: dict, folder: Path) -> None:
    """Run all stages in a new folder with such a params.yaml."""
    with chdir(folder):
        with paths.PARAMS.open("w") as file:
            YAML().dump(content, file)
        params = load_params(paths.PARAMS)
        for stage in STAGES:
            module, *arguments = stage.split()
            import_module(f"stages.{module}").main(params, *arguments)


def main(runs: int, seed: int) -> None:
    """Print how each run ended; exit status 1 if one did not come to its end."""
    failed = 0
    for number in range(seed, seed + runs):
        content, began, log = draw_accepted(random.Random(number)), monotonic(), StringIO()
        try:
            with tempfile.TemporaryDirectory() as folder, redirect_stdout(log), redirect_stderr(log):
                run_pipeline(content, Path(folder))
            outcome = "ran to its end"
        except VidseqError as error:
            outcome = f"refused: {error}"
        except Exception:
            failed += 1
            outcome = f"failed\n{content}\n{traceback.format_exc()}"
        print(f"seed {number}, {monotonic() - began:.0f} s: {outcome}", flush=True)
    sys.exit(failed > 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the first run")
    main(**vars(parser.parse_args()))
