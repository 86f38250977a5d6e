"""A causal model on a stream in which the class changes: how long until its label follows.

Test clips of different classes are joined to one video, which is streamed through models/rnn_causal of a project in
which the pipeline has run. Writes docs/online.md and docs/online.png.
"""

import argparse
from collections.abc import Iterator
from contextlib import chdir
from itertools import pairwise
from math import inf
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from vidseq import paths
from vidseq.data.clips import clip_files
from vidseq.data.features import clips_with_features
from vidseq.inference.predict import BATCH_SIZE, backbone_of
from vidseq.inference.steps import StepEncoder, file_features, plan_file
from vidseq.inference.stream import stream_probabilities
from vidseq.models.trained_model import TrainedModel, load_model
from vidseq.video.read import frame_timestamps, read_frames, stream_frames
from vidseq.video.write import write_video

CLIPS, FPS = 12, 25
FACTORS = (2, 1, 0.5)  # windows: of twice the model's own, its own, and half of it
TEXT = """# How long a label takes to follow a change

Written by `python -m benchmarks.joined`: {clips} test clips, {seconds:.0f} s in all, are joined to one video, their
classes in turn ({classes}).

Its decoded frames go one by one through `rnn_causal`, {fps:g} steps per second. A label has followed a change when it
is first that of the new clip, before that clip ends; a change that is not followed counts as infinitely late in the
median. Right: the part of all steps whose label is that of the clip.

| | changes followed | median delay, steps | median delay, s | right |
|---|---:|---:|---:|---:|
{rows}

- **Stream**: two states half a window apart, the older one answers from its last half to whole window; two steps of
  the RNN per answer.
- **Windows**: the last steps, as many as the window has, run again for every answer.
- **Never forgets**: one state since the start of the video.

The second window is the model's default, the median clip of training. A window that is long beside the events cannot
follow them.

![Probabilities over time](online.png)

Probabilities over time, with windows of {window} steps. The bands show the class of the clip.
"""


def main() -> None:
    """Join, stream and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--project", type=Path, default=Path(), help="where models/ and data/ are")
    parser.add_argument("--out", type=Path, default=Path("docs"))
    arguments = parser.parse_args()
    out = arguments.out.absolute()
    with chdir(arguments.project), TemporaryDirectory() as folder:
        model = load_model(paths.MODELS / "rnn_causal")
        clips = clips_with_features()
        chosen = in_turn(clips[clips.split == "test"], CLIPS)
        video = Path(folder) / "joined.avi"
        borders = join(clip_files(chosen), video)
        times, answers = predict(video, model)
    write(out, model.classes, chosen.label.tolist(), borders, times, answers, model.config["frames"])


def in_turn(clips: pd.DataFrame, wanted: int) -> pd.DataFrame:
    """Return up to so many clips, their classes in turn, each class's clips spread over its groups."""
    of_class = [
        members.iloc[np.unique(np.linspace(0, len(members) - 1, -(-wanted // clips.label.nunique())).astype(int))]
        for _, members in clips.groupby("label")
    ]
    rounds = [members.iloc[[number]] for number in range(wanted) for members in of_class if number < len(members)]
    return pd.concat(rounds[:wanted])


def join(files: list[Path], video: Path) -> list[float]:
    """Write the clips as one video; return where each begins and where the last ends (s)."""
    counts: list[int] = []

    def frames() -> Iterator[np.ndarray]:
        for file in files:
            times = np.arange(0, frame_timestamps(file)[-1], 1 / FPS).tolist()
            counts.append(len(times))
            yield from read_frames(file, times)

    write_video(video, frames(), FPS)
    return [0.0, *(np.cumsum(counts) / FPS).tolist()]


def predict(video: Path, model: TrainedModel) -> tuple[np.ndarray, dict[tuple[str, int], np.ndarray]]:
    """Return the times of the steps (s, (T,)) and, by way and window, the probabilities after each (T, C)."""
    backbone, runtime = backbone_of(model, paths.cache("models"))
    engine = backbone.engine(runtime, BATCH_SIZE)
    encode = StepEncoder(model, backbone.transform, engine)
    streamed = list(stream_probabilities(stream_frames(video), model, encode))
    times, _ = plan_file(video, model)
    x_TD = np.concatenate(list(file_features(video, times, model, backbone.transform, engine)))
    answers: dict[tuple[str, int], np.ndarray] = {}
    for factor in FACTORS:
        window = 2 * max(1, round(factor * model.window / 2))
        stream = model.stream(window)
        windows = [x_TD[max(0, step + 1 - window) : step + 1] for step in range(len(x_TD))]
        answers["stream", window] = np.array([stream.push(x_D) for x_D in x_TD])
        answers["windows", window] = model.probabilities(windows)
    stream = model.stream(2 * len(x_TD))
    answers["never forgets", 0] = np.array([stream.push(x_D) for x_D in x_TD])
    from_frames = np.array([p_C for _, p_C in streamed])[: len(x_TD)]
    np.testing.assert_allclose(answers["stream", model.window], from_frames, atol=1e-5)
    return np.array(times), answers


def delays(times: np.ndarray, named: list[str], labels: list[str], borders: list[float]) -> list[tuple[float, float]]:
    """Return after how many steps, and seconds, the named class is that of each clip after the first."""
    found = []
    for label, (begin, end) in list(zip(labels, pairwise(borders), strict=True))[1:]:
        steps = np.flatnonzero((times >= begin) & (times < end))
        right = [step for step in steps if named[step] == label]
        found.append((right[0] - steps[0] + 1, times[right[0]] - begin) if right else (inf, inf))
    return found


def write(
    out: Path, classes: list[str], labels: list[str], borders: list[float], times: np.ndarray,
    answers: dict[tuple[str, int], np.ndarray], frames: dict,
) -> None:  # fmt: skip
    """Write docs/online.md and docs/online.png."""
    true = [labels[np.searchsorted(borders, time, side="right") - 1] for time in times]
    rows = []
    for (way, window), p_TC in answers.items():
        named = [classes[index] for index in p_TC.argmax(1)]
        late = delays(times, named, labels, borders)
        followed = sum(steps < inf for steps, _ in late)
        cells = [f"{followed} of {len(late)}", f"{median(steps for steps, _ in late):g}"]
        cells += [f"{median(seconds for _, seconds in late):.2f}", f"{np.mean(np.equal(named, true)):.3f}"]
        rows.append(f"| {way}{f', {window} steps' if window else ''} | {' | '.join(cells)} |")
    shown = list(answers)[2:4] + list(answers)[-1:]  # the model's own window
    figure = Figure(figsize=(12, 6), dpi=110, layout="constrained")
    axes = figure.subplots(len(shown), 1, sharex=True)
    for axis, (way, window) in zip(axes, shown, strict=True):
        for index, name in enumerate(classes):
            axis.plot(times, answers[way, window][:, index], f"C{index}", label=name)
        for label, (begin, end) in zip(labels, pairwise(borders), strict=True):
            axis.axvspan(begin, end, color=f"C{classes.index(label)}", alpha=0.15, lw=0)
        axis.set(title=f"{way}{f', {window} steps' if window else ''}", ylabel="probability", xlim=(0, borders[-1]))
    axes[-1].set_xlabel("s")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(classes))
    out.mkdir(exist_ok=True)
    figure.savefig(out / "online.png")
    about = {"clips": len(labels), "classes": ", ".join(classes), "seconds": borders[-1], "fps": frames["fps"]}
    (out / "online.md").write_text(TEXT.format(rows="\n".join(rows), window=shown[0][1], **about), encoding="utf-8")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
