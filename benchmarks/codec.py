"""Whether results hang on the codec: test clips encoded again at a low rate, predicted by the same models.

Needs a project in which the pipeline has run. Writes docs/codec.md.
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

NAMES = (*MODELS, BASELINE)
TEXT = """# Does a result hang on the codec?

Written by `python -m benchmarks.codec` in a project whose run was on UCF101 clips: the accuracy of the same models on
{clips} test clips that are published as AVI (MPEG-4), as they are and encoded again by ffmpeg.

| | {models} |
|---|{rules}
{rows}

A larger CRF is a lower rate: 23 is FFmpeg's default, 28 visibly softer, 38 blocky. What a model has not seen in
training costs it accuracy: train on clips as they will come.
"""
ENCODINGS = {"as they are": "", "H.264, CRF 28": "-c:v libx264 -crf 28", "H.264, CRF 38": "-c:v libx264 -crf 38"}


def main() -> None:
    """Encode, predict, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--project", type=Path, default=Path(), help="where models/ and data/ are")
    parser.add_argument("--suffix", default=".avi", help="take the test clips whose files end so")
    parser.add_argument("--out", type=Path, default=Path("docs"))
    arguments = parser.parse_args()
    out = arguments.out.absolute()
    with chdir(arguments.project), TemporaryDirectory() as temporary:
        clips = clips_with_features()
        clips = clips[(clips.split == "test") & clips.path.str.endswith(arguments.suffix)]
        models = [VideoModel(paths.MODELS / name, refused=0) for name in NAMES]
        rows = []
        for title, encoding in ENCODINGS.items():
            files = clip_files(clips)
            if encoding:
                outs = [Path(temporary) / f"{number}.mp4" for number in range(len(files))]
                files = [encoded(file, out, encoding) for file, out in zip(files, outs, strict=True)]
            cells = [f"{accuracy(model, files, clips.label.to_numpy()):.3f}" for model in models]
            rows.append(f"| {title} | {' | '.join(cells)} |")
            print(rows[-1], flush=True)
    out.mkdir(exist_ok=True)
    facts = {"clips": len(clips), "models": " | ".join(NAMES), "rules": "---:|" * len(NAMES), "rows": "\n".join(rows)}
    (out / "codec.md").write_text(TEXT.format(**facts), encoding="utf-8")


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
