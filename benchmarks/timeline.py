"""Timelines of a long video with known borders: test clips of different classes, joined.

Needs a project in which the pipeline has run. Writes docs/timeline.md, and with --plot a picture.
"""

import argparse
from collections.abc import Sequence
from contextlib import chdir
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np

from benchmarks.joined import in_turn, join
from vidseq import paths
from vidseq.data.clips import clip_files
from vidseq.data.features import clips_with_features
from vidseq.inference.plot import draw_timeline
from vidseq.inference.timeline import Segment
from vidseq.inference.video_model import Timeline, VideoModel
from vidseq.models import BASELINE, MODELS
from vidseq.params import UNKNOWN

HEADS = (*MODELS, BASELINE)
IOUS = (0.1, 0.25, 0.5)
WINDOWS = (0.5, 1.0)  # of the median clip of training
TEXT = """# Timelines of a long video

Written by `python -m benchmarks.timeline` in a project whose run was on {classes} classes ({names}): {clips} of its
test clips, their classes in turn, are joined to one video of {seconds:.0f} s, whose borders are known.

| model | window, s | steps right | of them unknown | F1 at IoU 0.1 | 0.25 | 0.5 |
|---|---:|---:|---:|---:|---:|---:|
{rows}

Windows begin every quarter of a window; the longer one is the default, the median clip of training. Steps right: of all
steps ({fps:g} per second), those whose label is that of the clip; the next column is the part of all steps that are
called unknown, where 5 % of the training clips are refused. F1: a segment is found if its label is right and its
overlap with the clip, as intersection over union, is at least so much (Lea et al., 2017); unknown segments count for
nothing.

The video took {took:.1f} s, {speed:.0f} times faster than it plays, with the first model and its default window.
"""


def main() -> None:
    """Join, run every model, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--project", type=Path, default=Path(), help="where models/ and data/ are")
    parser.add_argument("--out", type=Path, default=Path("docs"))
    parser.add_argument("--clips", type=int, default=45)
    parser.add_argument("--plot", type=Path, help="draw the first model's timeline into this PNG")
    arguments = parser.parse_args()
    out, plot = arguments.out.absolute(), arguments.plot and arguments.plot.absolute()
    out.mkdir(exist_ok=True)
    rows, took = [], 0.0
    with chdir(arguments.project), TemporaryDirectory() as folder:
        clips = clips_with_features()
        chosen = in_turn(clips[clips.split == "test"], arguments.clips)
        video = Path(folder) / "joined.mkv"
        borders = join(clip_files(chosen), video)
        labels = chosen.label.tolist()
        for name in HEADS:
            model = VideoModel(paths.MODELS / name)
            fps = model.model.config["frames"]["fps"]
            model.predict(video)  # so that the CNN is compiled
            for factor in WINDOWS:
                window = max(1, round(factor * model.model.window)) / fps
                began = perf_counter()
                found = model.timeline(video, window)
                took = took or (perf_counter() - began) * (factor == 1.0)
                rows.append(f"| {name} | {window:g} | {' | '.join(scores(found, labels, borders))} |")
                print(rows[-1], flush=True)
                if plot and name == HEADS[0] and factor == 1.0:
                    draw_timeline(found, video, plot)
    facts = {"classes": len(set(labels)), "names": ", ".join(sorted(set(labels))), "clips": len(labels), "fps": fps}
    facts |= {"seconds": borders[-1], "took": took, "speed": borders[-1] / took}
    (out / "timeline.md").write_text(TEXT.format(rows="\n".join(rows), **facts), encoding="utf-8")


def scores(found: Timeline, labels: list[str], borders: list[float]) -> list[str]:
    """Return the fractions of steps that are right and unknown, and the F1 at each IoU, for clips between borders."""
    true = [labels[np.searchsorted(borders[1:-1], time, side="right")] for time in found.times]
    named = [next(part.label for part in found.segments if time < part.end) for time in found.times]
    right, unknown = np.mean(np.equal(named, true)), np.mean([label == UNKNOWN for label in named])
    known = [part for part in found.segments if part.label != UNKNOWN]
    truth = [Segment(*span, label, 1.0) for label, span in zip(labels, pairwise(borders), strict=True)]
    return [f"{right:.3f}", f"{unknown:.3f}", *(f"{segmental_f1(known, truth, iou):.3f}" for iou in IOUS)]


def segmental_f1(found: Sequence[Segment], truth: Sequence[Segment], iou: float) -> float:
    """Return the F1 of segments, each of which finds at most one true one of its label (Lea et al., 2017)."""
    free, hits = list(truth), 0
    for part in found:
        overlaps = [(overlap(part, other), index) for index, other in enumerate(free) if other.label == part.label]
        best, index = max(overlaps, default=(0.0, -1))
        if best >= iou:
            hits += 1
            del free[index]
    return 2 * hits / (len(found) + len(truth))


def overlap(one: Segment, other: Segment) -> float:
    """Return the intersection of two segments over their union."""
    both = min(one.end, other.end) - max(one.start, other.start)
    return max(0.0, both) / (max(one.end, other.end) - min(one.start, other.start))


if __name__ == "__main__":
    main()
