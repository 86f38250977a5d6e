"""A table over two long recordings, through `dvc repro`: the same as if the clips had been cut out."""

import re
from fractions import Fraction

import av
import numpy as np
import pandas as pd
from conftest import Project

from vidseq.data.features import load_features
from vidseq.sources import demo

LABELS = {"None": "RaiseTwice", "nan": "SquatTwice"}  # classes and groups may be called like missing values
GROUPS, RECORDINGS = ["NA", "null", "None", "nan", "g5", "g6"], 2


def write_lossless(path, frames) -> None:
    """Write YUV frames as FFV1."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=demo.FPS, width=320, height=240, pix_fmt="yuv420p")
        for number, frame in enumerate(frames):
            frame.pts, frame.time_base = number, Fraction(1, demo.FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def record(folder) -> pd.DataFrame:
    """Join demo clips to long recordings, cut them again without loss, and return the table of the clips."""
    rows = []
    for recording in range(RECORDINGS):
        frames, begin = [], 0
        for number, group in list(enumerate(GROUPS, 1))[recording::RECORDINGS]:
            for label, drawn in LABELS.items():
                images = demo.draw_clip(0, number, drawn, 1)
                frames += [av.VideoFrame.from_ndarray(image, "rgb24").reformat(format="yuv420p") for image in images]
                row = {"path": f"long{recording}.mkv", "start": begin / demo.FPS, "end": len(frames) / demo.FPS}
                rows.append(row | {"label": label, "group": group})
                begin = len(frames)
        write_lossless(folder / f"long{recording}.mkv", frames)
        with av.open(str(folder / f"long{recording}.mkv")) as container:
            decoded = list(container.decode(video=0))
        for row in rows[-len(LABELS) * len(GROUPS) // RECORDINGS :]:
            of_clip = decoded[round(row["start"] * demo.FPS) : round(row["end"] * demo.FPS)]
            write_lossless(folder / "cut" / row["label"] / f"{row['group']}_c1.mkv", of_clip)
    return pd.DataFrame(rows)


def features_by(project: Project) -> dict[tuple[str, str], np.ndarray]:
    clips = pd.read_csv(project.folder / "data" / "clips.csv", keep_default_na=False)
    features = load_features(clips["clip"], project.folder / "data" / "features")
    return {
        key: np.array(x_TD)
        for key, x_TD in zip(clips[["label", "group"]].itertuples(index=False, name=None), features, strict=True)
    }


def test_intervals_train_and_have_the_features_of_lossless_cuts(fresh_project):
    project = fresh_project()
    videos = project.folder.parent / "videos"
    record(videos).to_csv(videos / "clips.csv", index=False)
    project.env["PYTHONPATH"] = "src"
    said = project.run("python", "-m", "vidseq.cli.main", "check", "../videos/clips.csv", "--write")
    assert "groups: 6, by the column group" in said
    assert re.search(r"on 4 clips .*:\n  extraction about \d+ s, training of all heads about \d", said)
    log = project.run("dvc", "repro", "train_rnn")
    assert "rnn: best epoch" in log
    assert re.search(
        rf"hashing clips\W+ {RECORDINGS}/{RECORDINGS} ", log
    )  # a recording once, however many clips it has
    of_intervals = features_by(project)
    assert len(of_intervals) == len(LABELS) * len(GROUPS)

    project.run("python", "-m", "vidseq.cli.main", "check", "../videos/cut", "--write", "--group-pattern", "^(.+)_")
    project.run("dvc", "repro", "extract_features")
    of_cuts = features_by(project)
    assert of_cuts.keys() == of_intervals.keys()
    for key, x_TD in of_cuts.items():
        np.testing.assert_array_equal(of_intervals[key], x_TD)
