"""How many of the first layers int8 leaves in float, by cross-validation on the training clips of split 1.

For each choice the CNN is calibrated anew, all clips are encoded, and the models are cross-validated as they ship. Rows
go into a CSV (resumes), the table into docs/int8.md.
"""

import argparse
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import numpy as np
import pandas as pd

from benchmarks.ablation import COLUMNS, cross_validate
from benchmarks.clips import changed
from benchmarks.hardware import hardware
from benchmarks.heads import placeholders, training_clips
from vidseq.data.splits import FOLDS
from vidseq.extraction import quantize
from vidseq.params import load_params

FLOAT_LAYERS = (0, 1, 3, 6)
TEXT = """# int8: which layers stay in float

Written by `python -m benchmarks.int8 {folders}`
on {hardware} ({kernel}):
the {clips} training clips of split 1 of {classes} classes, encoded by the CNN in fp32 and in
int8 with so many of its first convolutions left in float. Cosine of the features to those in fp32, of frames and of
difference images, the lowest 1 %; accuracy / log loss of {folds}-fold cross-validation over groups, as in
[ablation.md](ablation.md), one seed.

| | cosine, frames | cosine, differences | {columns} |
|---|---:|---:|{rules}|
{rows}

`extraction/quantize.py` leaves {chosen} in float: where cross-validation does not tell the choices apart, the
fewest whose features are near those in fp32.
"""


def main() -> None:
    """Encode and cross-validate what is not in the results yet, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ucf101", type=Path, nargs="+", help="folders that hold videos/<Class>/ and splits/, the lists")
    parser.add_argument("--results", type=Path, default=Path("data/benchmark/int8.csv"))
    parser.add_argument("--out", type=Path, default=Path("docs"))
    arguments = parser.parse_args()
    params, folders = load_params(Path("params.yaml")), [folder.absolute() for folder in arguments.ucf101]
    clips, reference, config = training_clips(folders, params)
    int8, facts = changed(params, {"features.precision": "int8"}), {"clips": str(len(clips))}
    facts |= {"classes": str(clips.label.nunique()), "folders": placeholders(folders)}
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    done = set(pd.read_csv(arguments.results).layers) if arguments.results.exists() else set()
    for layers in (-1, *FLOAT_LAYERS):  # -1: all of them, fp32
        if layers in done:
            continue
        x = reference
        if layers >= 0:
            with TemporaryDirectory() as fresh, chdir(fresh), patch.object(quantize, "FLOAT_LAYERS", layers):
                _, x, config = training_clips(folders, int8)  # no cache key knows of the choice: nothing is cached
        row = {"layers": layers, "kernel": config["kernel"]} | cosines(x, reference)
        for name in COLUMNS:
            of_model = cross_validate(name, clips, x, config, params)
            row |= {f"{name} {metric}": value for metric, value in of_model.items()}
        print(row, flush=True)
        pd.DataFrame([row]).to_csv(arguments.results, mode="a", header=not arguments.results.exists(), index=False)
    table = pd.read_csv(arguments.results)
    text = TEXT.format(
        **facts, hardware=hardware(), kernel=table.kernel.dropna().iloc[0], folds=FOLDS, columns=" | ".join(COLUMNS),
        rules="|".join(["---:"] * len(COLUMNS)), rows=rows(table), chosen=quantize.FLOAT_LAYERS,
    )  # fmt: skip
    (arguments.out / "int8.md").write_text(text, encoding="utf-8")


def cosines(x: list[np.ndarray], reference: list[np.ndarray]) -> dict[str, float]:
    """Return the cosine of features (T, D) to the reference's that all but 1 % of the steps exceed, by image type."""
    found = {}
    for part, name in enumerate(("rgb", "diff")):
        halves = [[np.split(x_TD, 2, axis=1)[part] for x_TD in features] for features in (x, reference)]
        a_ND, b_ND = (np.concatenate(half).astype(np.float32) for half in halves)
        lengths_N = np.linalg.norm(a_ND, axis=1) * np.linalg.norm(b_ND, axis=1)
        found[name] = float(np.quantile((a_ND * b_ND).sum(1) / lengths_N.clip(1e-9), 0.01))
    return found


def rows(table: pd.DataFrame) -> str:
    """Return one row of the table for each choice."""
    lines = []
    for row in table.to_dict("records"):
        title = "fp32" if row["layers"] < 0 else f"int8, {row['layers']} in float"
        cells = [f"{row[f'{name} accuracy']:.3f} / {row[f'{name} log_loss']:.3f}" for name in COLUMNS]
        lines.append(f"| {title} | {row['rgb']:.3f} | {row['diff']:.3f} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
