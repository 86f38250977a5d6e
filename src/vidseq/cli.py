"""The command line: `vidseq --help`. What is slow to import is imported by the command that needs it."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from vidseq import paths
from vidseq.errors import VideoError, VidseqError

# plain help: rich alone would take twice the time of all the rest
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def vidseq() -> None:
    """Video classification with frozen CNN features. The pipeline itself is run by dvc repro."""


@app.command()
def predict(
    clips: Annotated[list[Path], typer.Argument(help="Video files.")],
    model: Annotated[Path, typer.Option(help="The folder of a trained model.")] = paths.MODELS / "rnn",
) -> None:
    """Print one line a clip: its classes and their probabilities, the likeliest first."""
    from vidseq.prediction import backbone_of, predict_clips
    from vidseq.trained_model import load_model

    trained = load_model(model)
    frozen, runtime = backbone_of(trained, paths.cache("models"))
    if frozen.identity(runtime, trained.card["backbone"]["difference"]) != trained.card["backbone"]:
        print(f"note: the features are made by {runtime} here, other than in training", file=sys.stderr)
    bad = 0
    for clip, result in zip(clips, predict_clips(clips, trained, frozen, runtime), strict=True):
        if isinstance(result, VideoError):
            bad += 1
            print(f"error: {clip}: {result}", file=sys.stderr)
        else:
            ranked = sorted(zip(result, trained.classes, strict=True), reverse=True)
            print(f"{clip}: {', '.join(f'{label} {chance:.4f}' for chance, label in ranked)}")
    if bad:
        sys.exit(1)


def main() -> None:
    """Run a command; an error that the user can mend ends in one line and exit status 1."""
    try:
        app()
    except VidseqError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
