"""The Python interface, as a user's script calls it."""

import subprocess
import sys

import pandas as pd
import pytest

import vidseq
from vidseq.errors import VideoError, VidseqError
from vidseq.video.read import stream_frames


@pytest.fixture(scope="module")
def at_home(repro, converted):
    """A working directory whose cache has the converted backbone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(repro.folder)
        yield repro.folder


@pytest.fixture
def clip(at_home) -> str:
    return "data/clips/" + pd.read_csv("data/clips.csv").path[0]


def test_a_clip_is_predicted_as_by_the_pipeline(at_home):
    said = pd.read_csv("data/predictions/rnn.csv", index_col="clip")
    paths = pd.read_csv("data/clips.csv", index_col="clip").path
    model = vidseq.load_model("models/rnn")
    for clip in said.index[::9]:
        prediction = model.predict(f"data/clips/{paths[clip]}")
        assert prediction.probabilities == pytest.approx(said.loc[clip, model.classes].to_dict(), abs=1e-4)
        assert next(iter(prediction.probabilities)) == said.predicted[clip]
        assert prediction.label in (said.predicted[clip], "unknown")
        assert prediction.times == sorted(prediction.times)


def test_what_is_less_probable_than_the_threshold_is_unknown(clip):
    some, all_but_one, none = (vidseq.load_model("models/rnn", refused=refused) for refused in (0.3, 0.95, 0.0))
    largest = some.out_of_fold.probabilities().max(1)
    assert (largest < some.threshold).mean() <= 0.3 < (largest <= some.threshold).mean() + 1e-9
    prediction = none.predict(clip)
    assert prediction.label == next(iter(prediction.probabilities))
    refused = all_but_one.predict(clip)
    expected = "unknown" if max(refused.probabilities.values()) < all_but_one.threshold else prediction.label
    assert refused.label == expected


def test_a_stream_ends_with_what_is_said_of_the_clip(clip):
    for name in ("rnn", "rnn_causal", "transformer", "baseline"):
        model = vidseq.load_model(f"models/{name}")
        expected = model.predict(clip)
        predictions = list(model.stream(stream_frames(clip), window=30.0))
        last = predictions[len(expected.times) - 1]
        assert last.probabilities == pytest.approx(expected.probabilities, abs=1e-5)
        assert last.times == pytest.approx(expected.times)


def test_a_timeline_of_one_window_is_the_prediction_of_the_clip(clip):
    model = vidseq.load_model("models/transformer")
    expected, found = model.predict(clip), model.timeline(clip, window=30.0)
    for label, probability in expected.probabilities.items():
        assert found.probabilities[label] == pytest.approx([probability] * len(expected.times), abs=1e-5)
    assert [(part.start, part.end) for part in found.segments] == [(0.0, found.duration)]
    with pytest.raises(VidseqError, match=r"stride = 9 s: it must not be longer than the window, 2 s"):
        model.timeline(clip, window=2.0, stride=9.0)


def test_what_cannot_be_read_says_so(at_home, tmp_path):
    model = vidseq.load_model("models/rnn")
    with pytest.raises(VideoError, match="No such file"):
        model.predict(tmp_path / "none.mp4")
    with pytest.raises(VideoError, match="No such file"):
        model.timeline(tmp_path / "none.mp4")
    with pytest.raises(VidseqError, match="holds no trained model"):
        vidseq.load_model(tmp_path)
    with pytest.raises(VidseqError, match=r"refused = 1: it must be from 0 to below 1"):
        vidseq.load_model("models/rnn", refused=1)


def test_importing_vidseq_imports_little():
    code = "import sys, vidseq; print([m for m in ('torch', 'numpy', 'pandas', 'av', 'openvino') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        getattr(vidseq, "nothing")  # noqa: B009
