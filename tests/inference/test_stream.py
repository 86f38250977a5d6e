"""A causal model that is fed decoded frames one by one answers what it answers offline, on every prefix."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ffmpeg import ffmpeg

from vidseq.extraction.encode import Job, encode_clips, recorded_diff
from vidseq.inference.predict import BATCH_SIZE, backbone_of, predict_clips
from vidseq.inference.stream import stream_probabilities
from vidseq.models.trained_model import TrainedModel, load_model
from vidseq.params import FramesParams
from vidseq.video.read import stream_frames
from vidseq.video.sampling import plan_frames


@pytest.fixture(scope="module")
def causal(repro, converted) -> tuple:
    """The causal RNN that the pipeline has trained, and the backbone with what runs it."""
    model = load_model(repro.folder / "models" / "rnn_causal")
    backbone, runtime = backbone_of(model, converted)
    return model, backbone, backbone.engine(runtime, BATCH_SIZE)


def offline_features(path: Path, model: TrainedModel, backbone, engine) -> tuple[np.ndarray, np.ndarray]:
    """Return the timestamps and the features that prediction on the file computes."""
    times, _ = plan_frames(path, FramesParams(**model.config["frames"]))
    job = Job("clip", path, times.tolist(), diff=recorded_diff(model.config["features"]))
    ((_, features_TD),) = encode_clips([job], backbone.transform, engine)
    return times, features_TD


def check(path: Path, model: TrainedModel, backbone, engine) -> np.ndarray:
    times, features_TD = offline_features(path, model, backbone, engine)
    streamed = list(stream_probabilities(stream_frames(path), model, backbone.transform, engine))
    np.testing.assert_allclose([seconds for seconds, _ in streamed][: len(times)], times, atol=1e-6)
    for step in range(len(times)):
        expected_C = model.probabilities([features_TD[: step + 1]])[0]
        np.testing.assert_allclose(streamed[step][1], expected_C, atol=1e-5, rtol=0)
    return streamed[len(times) - 1][1]


def test_frame_by_frame_it_says_what_the_pipeline_says(repro, causal):
    model, backbone, engine = causal
    said = pd.read_csv(repro.folder / "data" / "predictions" / "rnn_causal.csv", index_col="clip")
    paths = pd.read_csv(repro.folder / "data" / "clips.csv", index_col="clip").path
    for clip in said.index[::7]:
        last_C = check(repro.folder / "data" / "clips" / paths[clip], model, backbone, engine)
        np.testing.assert_allclose(last_C, said.loc[clip, model.classes].to_numpy(float), atol=1e-4)


@pytest.mark.clips
def test_on_real_clips_too(ucf101, causal):
    for path in sorted((ucf101 / "videos").rglob("*.avi"))[::150]:
        check(path, *causal)


def test_of_a_crop_the_rest_of_the_frame_takes_no_part(repro, causal, converted, tmp_path):
    model, backbone, engine = causal
    table = pd.read_csv(repro.folder / "data" / "clips.csv")
    (tmp_path / "clip.avi").symlink_to((repro.folder / "data" / "clips" / table.path[0]).resolve())
    lossless = "-pix_fmt gbrp -c:v ffv1"
    ffmpeg(
        tmp_path, f"-i clip.avi {lossless} plain.mkv -vf format=gbrp,pad=2*iw:2*ih:iw/2:ih/2:red {lossless} framed.mkv"
    )
    plain, framed = tmp_path / "plain.mkv", tmp_path / "framed.mkv"
    frames = model.config["frames"] | {"crop": [0.25, 0.25, 0.5, 0.5]}
    cropped = replace(model, config=model.config | {"frames": frames})
    runtime = backbone_of(model, converted)[1]
    [expected_C], [p_C] = (predict_clips([a], b, backbone, runtime) for a, b in ((plain, model), (framed, cropped)))
    np.testing.assert_allclose(p_C, expected_C, atol=1e-6)
    assert np.abs(predict_clips([framed], model, backbone, runtime)[0] - expected_C).max() > 1e-3
    streams = [
        list(stream_probabilities(stream_frames(path), of_model, backbone.transform, engine))
        for path, of_model in ((plain, model), (framed, cropped))
    ]
    for (seconds, p_C), (same, expected_C) in zip(*streams, strict=True):
        assert seconds == same
        np.testing.assert_allclose(p_C, expected_C, atol=1e-6)


def test_later_frames_take_no_part(repro, causal):
    model, backbone, engine = causal
    path = repro.folder / "data" / "clips" / pd.read_csv(repro.folder / "data" / "clips.csv").path[0]
    frames = list(stream_frames(path))
    whole, first = (
        list(stream_probabilities(part, model, backbone.transform, engine)) for part in (frames, frames[:40])
    )
    assert 1 < len(first) < len(whole)
    for (seconds, p_C), (same, expected_C) in zip(first, whole, strict=False):
        assert seconds == same
        np.testing.assert_array_equal(p_C, expected_C)


def test_a_bidirectional_model_cannot(repro, causal):
    _, backbone, engine = causal
    model = load_model(repro.folder / "models" / "rnn")
    with pytest.raises(ValueError, match="only a causal model"):
        next(stream_probabilities(iter(()), model, backbone.transform, engine))
