import math

import numpy as np
import pandas as pd
import pytest

from vidseq.errors import VidseqError
from vidseq.inference import steps
from vidseq.inference.predict import BATCH_SIZE, backbone_of
from vidseq.inference.steps import file_features, plan_file
from vidseq.inference.timeline import Segment, in_steps, segments, timeline
from vidseq.models.trained_model import load_model
from vidseq.video.read import frame_timestamps, read_frames
from vidseq.video.write import write_video


@pytest.fixture(scope="module")
def model(repro):
    return load_model(repro.folder / "models" / "transformer")


@pytest.fixture(scope="module")
def encoder(model, converted) -> tuple:
    backbone, runtime = backbone_of(model, converted)
    return backbone.transform, backbone.engine(runtime, BATCH_SIZE)


@pytest.fixture(scope="module")
def long_video(repro, tmp_path_factory):
    """Five clips in one file."""
    path = tmp_path_factory.mktemp("long") / "long.mkv"
    clips = pd.read_csv(repro.folder / "data" / "clips.csv").path[:5]
    files = [repro.folder / "data" / "clips" / name for name in clips]
    write_video(path, (frame for file in files for frame in read_frames(file, frame_timestamps(file).tolist())), 25)
    return path


@pytest.mark.parametrize(("window", "stride"), [(8, 2), (5, 5), (7, 3), (1, 1), (1000, 7)])
def test_a_step_has_the_mean_of_the_windows_that_it_is_in(long_video, model, encoder, window, stride, monkeypatch):
    monkeypatch.setattr(steps, "STEPS_PER_JOB", 6)  # windows cross the borders of what is decoded at a time
    times, _ = plan_file(long_video, model)
    p_TC = timeline(long_video, times, model, *encoder, window, stride)
    monkeypatch.undo()
    [features_TD] = file_features(long_video, times, model, *encoder)
    assert len(features_TD) == len(times)
    total = len(times)
    starts = [*range(0, total - window + 1, stride)]
    if not starts or starts[-1] + window < total:
        starts.append(max(0, total - window))
    expected = [[] for _ in times]
    for start in starts:
        p_C = model.probabilities([features_TD[start : start + window]])[0]
        for step in range(start, min(start + window, total)):
            expected[step].append(p_C)
    np.testing.assert_allclose(p_TC, [np.mean(of_step, 0) for of_step in expected], atol=1e-6)


def test_each_frame_goes_through_the_cnn_once(long_video, model, encoder):
    transform, engine = encoder
    encoded = []

    def counting(images):
        return engine((encoded.append(tag) or (tag, image)) for tag, image in images)

    times, _ = plan_file(long_video, model)
    timeline(long_video, times, model, transform, counting, 8, 1)
    assert 0 < len(encoded) <= 2 * len(times)  # a frame and its difference image


def test_only_the_last_windows_are_held(model, monkeypatch):
    """Of a video without end, given in pieces, features are let go."""
    held = []

    def pieces(*_):
        for _ in range(0, 5000, 10):
            yield np.zeros((10, 2560), np.float16)

    class Watched(type(model)):
        def probabilities(self, windows):
            held.append(sum(x_TD.base.nbytes if x_TD.base is not None else x_TD.nbytes for x_TD in windows))
            return np.full((len(windows), 5), 0.2)

    monkeypatch.setattr("vidseq.inference.timeline.file_features", pieces)
    watched = Watched(model.preprocessing, model.head, model.config)
    p_TC = timeline(None, [float(step) for step in range(5000)], watched, None, None, 8, 4)
    assert len(p_TC) == 5000
    assert max(held) < 64 * 40 * 2560 * 2  # windows of a batch, each with at most the pieces that it touches


def test_segments_join_steps_of_one_label():
    p_TC = np.array([[0.9, 0.1], [0.7, 0.3], [0.55, 0.45], [0.2, 0.8], [0.1, 0.9]])
    found = segments(p_TC, ["A", "B"], fps=2.0, end=2.7, threshold=0.6, other="unknown")
    assert found == [
        Segment(0.0, 1.0, "A", pytest.approx(0.8)),
        Segment(1.0, 1.5, "unknown", pytest.approx(0.55)),
        Segment(1.5, 2.7, "B", pytest.approx(0.85)),
    ]


@pytest.mark.parametrize("seconds", [0, -3, math.nan, math.inf, 1e9])
def test_a_length_that_is_none_is_refused(model, seconds):
    with pytest.raises(VidseqError, match=r"window = .* s: it must be above 0 and at most"):
        in_steps(seconds, model, "window")


def test_a_stride_is_no_longer_than_a_window(long_video, model, encoder):
    with pytest.raises(ValueError, match="stride = 9: it must be from 1 to the window, 8 steps"):
        timeline(long_video, [0.0], model, *encoder, 8, 9)
