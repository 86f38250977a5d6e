"""`vidseq predict`: the classes of video files, or what happens when in a long one."""

import csv
import sys
from collections.abc import Iterator
from enum import StrEnum
from glob import has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidseq import paths
from vidseq.cli.json_lines import json_line
from vidseq.errors import VideoError, VidseqError
from vidseq.params import REFUSED

if TYPE_CHECKING:
    from vidseq.inference.video_model import Prediction, Timeline, VideoModel


class Format(StrEnum):
    """How predictions are printed."""

    TEXT = "text"
    CSV = "csv"
    JSONL = "jsonl"


def predict(
    videos: Annotated[list[str], typer.Argument(help="Video files, folders of them, globs; - reads a list of these.")],
    model: Annotated[Path, typer.Option(help="The folder of a trained model.")] = paths.MODELS / "rnn",
    output: Annotated[Format, typer.Option("--format", help="How to print predictions.")] = Format.TEXT,
    top: Annotated[int | None, typer.Option(min=1, help="Print the K most probable classes only.", metavar="K")] = None,
    refuse: Annotated[
        float, typer.Option(min=0, max=0.99, help="The part of clips of known classes that may be called unknown.")
    ] = REFUSED,
    timeline: Annotated[
        Path | None, typer.Option(help="Of one long video: write its segments to this file.", metavar="CSV")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="With --timeline: draw it.", metavar="PNG")] = None,
    window: Annotated[float | None, typer.Option(help="With --timeline: seconds of a window.")] = None,
    stride: Annotated[float | None, typer.Option(help="With --timeline: seconds from window to window.")] = None,
) -> None:
    """Print what each video shows: its most probable class, or unknown, and the probabilities of the classes.

    Exit status 1 if a video cannot be read; the others are predicted all the same.
    """
    if timeline is None and any(option is not None for option in (plot, window, stride)):
        raise typer.BadParameter("--plot, --window and --stride go with --timeline")
    if output is Format.CSV and top is not None:
        raise typer.BadParameter("csv has a column for each class: --top goes with text and jsonl")
    from vidseq.inference.video_model import VideoModel

    trained = VideoModel(model, refused=refuse)
    if not trained.runs_as_trained:
        print(f"note: the features are made by {trained.backbone[1]} here, other than in training", file=sys.stderr)
    files = list(find_videos(videos))
    if timeline is not None:
        if len(files) != 1:
            raise VidseqError(f"--timeline takes one video, not {len(files)}")
        try:
            found = trained.timeline(files[0], window, stride)
        except VideoError as error:
            raise VidseqError(f"{files[0]}: {error}") from error
        write_timeline(found, files[0], timeline, plot)
        return
    unreadable = 0
    if output is Format.CSV:
        csv.writer(sys.stdout, lineterminator="\n").writerow(["path", "label", *trained.classes])
    for file, prediction in zip(files, trained.predict_all(files), strict=True):
        if isinstance(prediction, VideoError):
            unreadable += 1
            print(f"error: {file}: {prediction}", file=sys.stderr)
        else:
            print_prediction(str(file), prediction, trained, output, top)
    if unreadable:
        sys.exit(1)


def find_videos(named: list[str]) -> Iterator[Path]:
    """Yield the files that are named: folders and globs in order of the names, and what standard input lists for -."""
    from vidseq.video.read import SUFFIXES, is_video

    for name in named:
        path = Path(name)
        if name == "-":
            yield from find_videos([line.rstrip("\n") for line in sys.stdin if line.strip()])
        elif path.is_dir():
            found = sorted(file for file in path.rglob("*") if is_video(file, path))
            if not found:
                raise VidseqError(f"{path} holds no video ({', '.join(sorted(SUFFIXES))})")
            yield from found
        elif has_magic(name) and not path.exists():
            try:
                matches = sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
            except ValueError as error:  # such as **.avi, before Python 3.13
                raise VidseqError(f"{name}: {error}") from error
            if not matches:
                raise VidseqError(f"{name} matches no file")
            yield from find_videos([str(match) for match in matches])
        else:
            yield path


def print_prediction(file: str, prediction: "Prediction", model: "VideoModel", output: Format, top: int | None) -> None:
    """Print one prediction, at once: who reads it may wait for it."""
    ranked = dict(list(prediction.probabilities.items())[:top])
    if output is Format.CSV:
        cells = [f"{prediction.probabilities[label]:.6f}" for label in model.classes]
        csv.writer(sys.stdout, lineterminator="\n").writerow([file, prediction.label, *cells])
        sys.stdout.flush()
    elif output is Format.JSONL:
        row = {"path": file, "label": prediction.label, "probabilities": ranked, "times": prediction.times}
        print(json_line(row), flush=True)
    else:
        listed = ", ".join(f"{label} {probability:.4f}" for label, probability in ranked.items())
        print(f"{file}: {listed if prediction.label in ranked else f'{prediction.label} ({listed})'}", flush=True)


def write_timeline(timeline: "Timeline", video: Path, out: Path, plot: Path | None) -> None:
    """Write and print the segments, and draw them if asked to."""
    from vidseq.files import atomic_write
    from vidseq.inference.plot import draw_timeline

    with atomic_write(out) as tmp, tmp.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["start", "end", "label", "probability"])
        for part in timeline.segments:
            writer.writerow([f"{part.start:.3f}", f"{part.end:.3f}", part.label, f"{part.probability:.4f}"])
    if plot is not None:
        draw_timeline(timeline, video, plot)
    for part in timeline.segments:
        print(f"{part.start:8.2f} {part.end:8.2f}  {part.label} {part.probability:.4f}")
