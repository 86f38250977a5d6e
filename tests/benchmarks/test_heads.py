import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks.clips import changed
from benchmarks.heads import AS_KERAS, leaky, pad_right, run
from benchmarks.keras_heads import STEPS


def test_a_leaky_split_has_most_groups_in_training_and_test():
    clips = pd.DataFrame({"group": np.repeat([f"g{n}" for n in range(20)], 6)})
    split = leaky(clips, 1, 0)
    assert (split.groupby("group").split.nunique() > 1).mean() > 0.9
    assert leaky(clips, 1, 0).equals(split)


def test_padding_is_at_the_end_and_long_clips_are_cut():
    x_NTD, mask_NT = pad_right([np.ones((3, 2), np.float16), np.ones((30, 2), np.float16)])
    assert (x_NTD.dtype, x_NTD.shape) == (torch.float32, (2, STEPS, 2))
    assert mask_NT.sum(1).tolist() == [3, STEPS]
    assert torch.equal(x_NTD[..., 0], mask_NT.float())


def test_the_examples_take_single_frames_from_the_start(params):
    keras = changed(params, AS_KERAS)
    assert (keras.features.diff_seconds, keras.frames.strategy) == (None, "first")


@pytest.mark.parametrize("model", ["baseline", "rnn", "rnn_leaky", "keras_cnn_rnn"])
def test_every_kind_of_model_predicts_the_test_clips(params, model):
    """One class goes up, the other down: order decides, and what is blind to order predicts all views alike."""
    rng = np.random.default_rng(0)
    label = np.arange(40) % 2
    steps_T1 = np.linspace(-1, 1, 8)[:, None]
    x = [np.float16((1 - 2 * y) * steps_T1 + 0.1 * rng.normal(size=(8, 4))) for y in label]
    clips = pd.DataFrame({"clip": [f"c{n}" for n in range(40)], "group": np.arange(40) // 2})
    clips = clips.assign(label=np.array(["up", "down"])[label], split=["train"] * 20 + ["val"] * 8 + ["test"] * 12)
    changes = {"preprocessing.inputs": ["rgb"], "preprocessing.pca_components": 4, "model.layers": 1, "train.epochs": 8}
    params = changed(params, changes)
    feature_config = {"image_types": ["rgb"]}
    rows, p_NC, out_of_fold = run(model, clips, x, params, feature_config)
    assert p_NC.shape == (12, 2)
    assert (out_of_fold is None) == model.startswith("keras")
    assert list(rows["clip"]) == [f"c{n}" for n in range(28, 40)]
    assert set(rows[["predicted", "shuffled", "reversed"]].to_numpy().flat) <= {"up", "down"}
    if model == "baseline":
        assert rows.predicted.equals(rows.shuffled)
        assert rows.predicted.equals(rows.reversed)
