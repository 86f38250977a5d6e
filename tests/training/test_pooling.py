import numpy as np
import pytest

from vidseq.models.trained_model import load_model
from vidseq.training.pooling import train_pooling

FEATURE_CONFIG = {"name": "none", "weights": "5ebb", "transform": {}, "engine": "torch", "precision": "fp32"}
FEATURE_CONFIG |= {"device": "cpu", "kernel": None, "diff": None, "image_types": ["rgb"]}


def clips(classes: int = 3, groups: int = 6, seed: int = 0) -> tuple[list[np.ndarray], list[str], list[str]]:
    """Features of two channels on 2 x 2 cells; classes differ in their mean, groups too, as scenes do."""
    rng = np.random.default_rng(seed)
    scenes = rng.normal(0, 0.3, (groups, 8))
    x, labels, names = [], [], []
    for label in range(classes):
        for group in range(groups):
            for _ in range(3):
                x_TD = rng.normal(label, 0.5, (rng.integers(3, 9), 8)) + scenes[group]
                x.append(x_TD.astype(np.float16))
                labels.append("ABC"[label])
                names.append(f"g{group}")
    return x, labels, names


@pytest.mark.parametrize("classes", [2, 3])
def test_the_saved_model_is_the_fitted_pipeline(classes, params, tmp_path):
    x, labels, groups = clips(classes)
    training = train_pooling(x, labels, groups, params, FEATURE_CONFIG)
    training.model.save(tmp_path)
    p_NC = load_model(tmp_path).probabilities(x)
    np.testing.assert_array_equal(p_NC, training.model.probabilities(x))
    assert np.mean([training.model.classes[i] for i in p_NC.argmax(1)] == np.array(labels)) > 0.9
    new, new_labels, _ = clips(classes, seed=1)
    predicted = [training.model.classes[i] for i in training.model.probabilities(new).argmax(1)]
    assert np.mean(predicted == np.array(new_labels)) > 0.8
    backwards = training.model.probabilities([x_TD[::-1] for x_TD in x])
    np.testing.assert_allclose(backwards, p_NC, atol=1e-5)


def test_out_of_fold_logits_do_not_know_their_groups(params):
    x, labels, groups = clips()
    groups = [f"{label}{group}" for label, group in zip(labels, groups, strict=True)]
    labels[:3] = "CCC"  # the clips of one group are given another class: their own logits cannot follow
    out_of_fold = train_pooling(x, labels, groups, params, FEATURE_CONFIG).out_of_fold
    assert out_of_fold.logits_NC.shape == (54, 3)
    assert out_of_fold.y_N[:4].tolist() == [2, 2, 2, 0]
    assert (out_of_fold.logits_NC[:3].argmax(1) == 0).all()
