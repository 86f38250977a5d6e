"""`vidseq predict`: the classes of video files."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from vidseq import paths
from vidseq.errors import VideoError


def predict(
    clips: Annotated[list[Path], typer.Argument(help="Video files.")],
    model: Annotated[Path, typer.Option(help="The folder of a trained model.")] = paths.MODELS / "rnn",
) -> None:
    """Print one line per clip: its classes and their probabilities, the most probable first."""
    from vidseq.extraction.encode import recorded_diff
    from vidseq.inference.predict import backbone_of, predict_clips
    from vidseq.models.trained_model import load_model

    trained = load_model(model)
    backbone, runtime = backbone_of(trained, paths.cache("models"))
    trained_on = trained.config["features"]
    if backbone.feature_config(runtime, recorded_diff(trained_on)) != trained_on:
        print(f"note: the features are made by {runtime} here, other than in training", file=sys.stderr)
    unreadable = 0
    for clip, result in zip(clips, predict_clips(clips, trained, backbone, runtime), strict=True):
        if isinstance(result, VideoError):
            unreadable += 1
            print(f"error: {clip}: {result}", file=sys.stderr)
        else:
            ranked = sorted(zip(result, trained.classes, strict=True), reverse=True)
            print(f"{clip}: {', '.join(f'{label} {probability:.4f}' for probability, label in ranked)}")
    if unreadable:
        sys.exit(1)
