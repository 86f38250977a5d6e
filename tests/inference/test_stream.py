"""A model that is fed decoded frames one by one answers what it answers offline, of the stretch that the rule names."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ffmpeg import ffmpeg

from vidseq.errors import VidseqError
from vidseq.inference.predict import BATCH_SIZE, backbone_of, predict_clips
from vidseq.inference.steps import StepEncoder, file_features, plan_file
from vidseq.inference.stream import stream_probabilities
from vidseq.models.trained_model import TrainedModel, load_model
from vidseq.video.read import stream_frames

HEADS = ("rnn", "rnn_causal", "transformer", "baseline")


@pytest.fixture(scope="module")
def heads(repro) -> dict[str, TrainedModel]:
    """The models that the pipeline has trained."""
    return {name: load_model(repro.folder / "models" / name) for name in HEADS}


@pytest.fixture(scope="module")
def encoder(heads, converted) -> tuple:
    """The transform and the engine of the backbone that they were trained on."""
    backbone, runtime = backbone_of(heads["rnn"], converted)
    return backbone.transform, backbone.engine(runtime, BATCH_SIZE)


@pytest.fixture(scope="module")
def clip(repro) -> Path:
    return repro.folder / "data" / "clips" / pd.read_csv(repro.folder / "data" / "clips.csv").path[0]


def streamed_from(path: Path, model: TrainedModel, encoder: tuple, window: int | None = None) -> list[tuple]:
    return list(stream_probabilities(stream_frames(path), model, StepEncoder(model, *encoder), window))


def check(path: Path, model: TrainedModel, encoder: tuple, window: int | None) -> list[tuple[list[float], np.ndarray]]:
    """Compare each answer with what the model says of the features of the stretch that it names."""
    times, _ = plan_file(path, model)
    features_TD = np.concatenate(list(file_features(path, times, model, *encoder)))
    streamed = streamed_from(path, model, encoder, window)
    np.testing.assert_allclose([seen[-1] for seen, _ in streamed][: len(times)], times, atol=1e-6)
    for step, (seen, p_C) in enumerate(streamed[: len(times)]):
        np.testing.assert_allclose(seen, times[step + 1 - len(seen) : step + 1], atol=1e-6)
        expected_C = model.probabilities([features_TD[step + 1 - len(seen) : step + 1]])[0]
        np.testing.assert_allclose(p_C, expected_C, atol=1e-5, rtol=0)
    return streamed[: len(times)]


@pytest.mark.parametrize("head", HEADS)
def test_frame_by_frame_it_says_what_the_pipeline_says(repro, heads, encoder, head):
    said = pd.read_csv(repro.folder / "data" / "predictions" / f"{head}.csv", index_col="clip")
    paths = pd.read_csv(repro.folder / "data" / "clips.csv", index_col="clip").path
    for clip in said.index[::9]:
        answers = check(repro.folder / "data" / "clips" / paths[clip], heads[head], encoder, window=64)
        assert [len(seen) for seen, _ in answers] == list(range(1, len(answers) + 1))
        expected_C = said.loc[clip, heads[head].classes].to_numpy(float)
        np.testing.assert_allclose(answers[-1][1], expected_C, atol=1e-4)


@pytest.mark.clips
@pytest.mark.parametrize("head", HEADS)
def test_on_real_clips_too_with_a_window_that_forgets(ucf101, heads, encoder, head):
    for path in sorted((ucf101 / "videos").rglob("*.avi"))[::150]:
        answers = check(path, heads[head], encoder, window=6)
        assert max(len(seen) for seen, _ in answers) == 6


@pytest.mark.parametrize("head", HEADS)
def test_it_says_what_is_said_of_the_stretch_cut_to_a_file(heads, encoder, clip, head, tmp_path):
    """At 20 frames per second, steps fall on frames: so the cut has the same frames at the same places."""
    (tmp_path / "clip.avi").symlink_to(clip.resolve())
    ffmpeg(tmp_path, "-i clip.avi -r 20 -c:v ffv1 whole.mkv")
    model, window = heads[head], 4
    answers = streamed_from(tmp_path / "whole.mkv", model, encoder, window)
    for step in (1, 4, 6):
        seen, p_C = answers[step]
        begin, end = (step + 1 - len(seen)) / 2, (step + 1) / 2
        ffmpeg(tmp_path, f"-i whole.mkv -ss {begin} -to {end} -c:v ffv1 cut{step}.mkv")
        [(expected_C, times)] = predict_clips([tmp_path / f"cut{step}.mkv"], model, *encoder)
        assert len(times) == len(seen)
        np.testing.assert_allclose(p_C, expected_C, atol=1e-5, rtol=0)


def test_of_a_crop_the_rest_of_the_frame_takes_no_part(heads, encoder, clip, tmp_path):
    model = heads["rnn_causal"]
    (tmp_path / "clip.avi").symlink_to(clip.resolve())
    lossless = "-pix_fmt gbrp -c:v ffv1"
    ffmpeg(
        tmp_path, f"-i clip.avi {lossless} plain.mkv -vf format=gbrp,pad=2*iw:2*ih:iw/2:ih/2:red {lossless} framed.mkv"
    )
    plain, framed = tmp_path / "plain.mkv", tmp_path / "framed.mkv"
    frames = model.config["frames"] | {"crop": [0.25, 0.25, 0.5, 0.5]}
    cropped = replace(model, config=model.config | {"frames": frames})
    [(expected_C, _)], [(p_C, _)] = (predict_clips([a], b, *encoder) for a, b in ((plain, model), (framed, cropped)))
    np.testing.assert_allclose(p_C, expected_C, atol=1e-6)
    assert np.abs(next(predict_clips([framed], model, *encoder))[0] - expected_C).max() > 1e-3
    streams = [streamed_from(path, of_model, encoder) for path, of_model in ((plain, model), (framed, cropped))]
    for (seconds, p_C), (same, expected_C) in zip(*streams, strict=True):
        assert seconds == same
        np.testing.assert_allclose(p_C, expected_C, atol=1e-6)


@pytest.mark.parametrize("head", HEADS)
def test_later_frames_take_no_part(heads, encoder, clip, head):
    frames, model = list(stream_frames(clip)), heads[head]
    whole, first = (
        list(stream_probabilities(part, model, StepEncoder(model, *encoder))) for part in (frames, frames[:40])
    )
    assert 1 < len(first) < len(whole)
    for (seconds, p_C), (same, expected_C) in zip(first, whole, strict=False):
        assert seconds == same
        np.testing.assert_array_equal(p_C, expected_C)


def test_an_image_that_equals_the_last_one_is_not_encoded_again(heads, encoder, tmp_path):
    transform, engine = encoder
    encoded = []

    def counting(images):
        images = list(images)
        encoded.append(len(images))
        return engine(images)

    ffmpeg(tmp_path, "-f lavfi -i color=red:size=64x64:rate=10:duration=2,trim=end=2 -c:v ffv1 red.mkv")
    ffmpeg(tmp_path, "-f lavfi -i testsrc=size=64x64:rate=10:duration=2 -c:v ffv1 moves.mkv")
    for name, expected in (("red.mkv", [2, 0, 0, 0]), ("moves.mkv", [2, 2, 2, 2])):
        encoded.clear()
        answers = streamed_from(tmp_path / name, heads["rnn"], (transform, counting))
        assert len(answers) == 4
        assert encoded == expected


def test_frames_that_are_not_sampled_by_fps_are_refused(heads, encoder):
    config = heads["rnn"].config
    uniform = replace(heads["rnn"], config=config | {"frames": config["frames"] | {"strategy": "uniform"}})
    with pytest.raises(VidseqError, match="a stream is sampled by fps alone"):
        next(stream_probabilities(iter(()), uniform, StepEncoder(uniform, *encoder)))
