"""Whether results hang on the codec: test clips encoded again at a low rate, predicted by the same models.

Needs a project in which the pipeline has run. Prints a table, which docs/results.md repeats.
"""

import argparse
import subprocess
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from imageio_ffmpeg import get_ffmpeg_exe

from vidseq import paths
from vidseq.data.clips import clip_files
from vidseq.data.features import clips_with_features
from vidseq.errors import VideoError
from vidseq.inference.video_model import VideoModel
from vidseq.models import BASELINE, MODELS

ENCODINGS = {"as they are": "", "H.264, CRF 28": "-c:v libx264 -crf 28", "H.264, CRF 38": "-c:v libx264 -crf 38"}


def main() -> None:
    """Encode, predict, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--project", type=Path, default=Path(), help="where models/ and data/ are")
    parser.add_argument("--suffix", default=".avi", help="take the test clips whose files end so")
    arguments = parser.parse_args()
    with chdir(arguments.project), TemporaryDirectory() as temporary:
        clips = clips_with_features()
        clips = clips[(clips.split == "test") & clips.path.str.endswith(arguments.suffix)]
        print(f"{len(clips)} test clips\n\n| | {' | '.join((*MODELS, BASELINE))} |\n|---|{'---:|' * (len(MODELS) + 1)}")
        models = [VideoModel(paths.MODELS / name, refused=0) for name in (*MODELS, BASELINE)]
        for title, encoding in ENCODINGS.items():
            files = clip_files(clips)
            if encoding:
                files = [
                    encoded(file, Path(temporary) / f"{number}.mp4", encoding) for number, file in enumerate(files)
                ]
            cells = [f"{accuracy(model, files, clips.label.to_numpy()):.3f}" for model in models]
            print(f"| {title} | {' | '.join(cells)} |", flush=True)


def encoded(file: Path, out: Path, encoding: str) -> Path:
    """Write a file again with other options of ffmpeg."""
    command = [get_ffmpeg_exe(), "-loglevel", "error", "-y", "-i", file, "-an", *encoding.split(), out]
    subprocess.run(command, check=True)
    return out


def accuracy(model: VideoModel, files: list[Path], labels_N: np.ndarray) -> float:
    """Return the fraction of the files that the model names rightly. Raises VideoError if one cannot be read."""
    named = []
    for prediction in model.predict_all(files):
        if isinstance(prediction, VideoError):
            raise prediction
        named.append(prediction.label)
    return float((np.array(named) == labels_N).mean())


if __name__ == "__main__":
    main()
