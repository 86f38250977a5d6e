"""How much faster the extraction is than that of another checkout: both whole stages, in turns, on the same clips."""

import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.extraction_costs import ROOT, STAGE, timed
from vidseq import paths
from vidseq.errors import VidseqError
from vidseq.extraction.engines import choose_runtime

PRECISION = "precision: fp32"  # as params.yaml has it
SAMPLE = (sys.executable, "-m", "stages.sample_frames")


def table_of_checkouts(folder: Path, clips: pd.DataFrame, other: Path, count: int, repeats: int) -> str:
    """Time `python -m stages.extract_features` of `other` and of this checkout, each with its own params.yaml.

    Below `folder`, on `count` clips, spread over those of the project in the working directory.
    """
    commit = subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], cwd=other, text=True).strip()
    some = clips.iloc[np.unique(np.linspace(0, len(clips) - 1, count).astype(int))]
    ways = {f"commit {commit}, fp32": (other, "fp32"), "this, fp32": (ROOT, "fp32")}
    note = ""
    try:
        choose_runtime("openvino", "int8")
        ways["this, int8"] = ROOT, "int8"
    except VidseqError as error:
        note = f"\n\nint8 is not measured: {error}."
    for number, (checkout, precision) in enumerate(ways.values()):
        _prepare(folder / str(number), checkout, precision, some)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for round_ in range(repeats + 1):
        for number, (name, (checkout, _)) in enumerate(ways.items()):
            shutil.rmtree(folder / str(number) / ".cache" / "features", ignore_errors=True)
            took = timed(STAGE, folder / str(number), checkout)
            if round_:  # the first converts the CNN
                seconds[name].append(took)
    medians = {name: statistics.median(of_way) for name, of_way in seconds.items()}
    before = next(iter(medians.values()))
    rows = [
        f"| {name} | {took:.1f} | {len(some) / took:.2f} | **{before / took:.2f}** |" for name, took in medians.items()
    ]
    title = (
        f"## Against an earlier commit\n\nThe whole stage from an empty cache (the CNN is converted already), start-up "
        f"included, in turns on {len(some)} clips, each with the frames and images of its own `params.yaml`; medians."
    )
    return "\n".join([title, "", "| | s | clips/s | times |", "|---|---:|---:|---:|", *rows]) + note


def _prepare(folder: Path, checkout: Path, precision: str, clips: pd.DataFrame) -> None:
    """Make a project in `folder` with a checkout's code and params, and sample the clips' frames."""
    (folder / "data").mkdir(parents=True)
    (folder / ".cache").mkdir()
    for name in ("stages", "src"):
        (folder / name).symlink_to(checkout / name)
    text = (checkout / "params.yaml").read_text(encoding="utf-8")
    (folder / "params.yaml").write_text(text.replace(PRECISION, f"precision: {precision}"), encoding="utf-8")
    (folder / ".cache" / "clips").symlink_to(paths.cache("clips"))
    clips.to_csv(folder / paths.CLIP_TABLE, index=False)
    timed(SAMPLE, folder, checkout)
