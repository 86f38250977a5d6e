import numpy as np
import pytest
from safetensors.numpy import save_file

from vidseq.errors import VidseqError
from vidseq.models.thresholds import (
    FILE,
    OutOfFold,
    calibrate,
    choose_known_threshold,
    choose_threshold,
    fit_temperature,
    probabilities,
)


def scores(scale: float = 1.0) -> OutOfFold:
    rng = np.random.default_rng(0)
    y_N = np.arange(200) % 4
    logits_NC = rng.normal(0, 1, (200, 4)) + 2 * np.eye(4)[y_N]
    return OutOfFold((scale * logits_NC).astype(np.float32), y_N)


@pytest.mark.parametrize("scale", [1.0, 30.0])  # the scores of sure models are all but 1
@pytest.mark.parametrize("min_recall", [0.05, 0.5, 0.9, 1.0])
def test_the_threshold_is_the_highest_that_reaches_the_recall(scale, min_recall):
    out_of_fold = scores(scale)
    threshold = choose_threshold(out_of_fold, 1, min_recall)
    found = out_of_fold.probabilities()[out_of_fold.y_N == 1, 1]
    assert (found >= threshold).mean() >= min_recall
    higher = found[found > threshold].min(initial=np.inf)
    assert (found >= higher).mean() < min_recall


def test_what_is_saved_is_read_in_full_precision(tmp_path):
    out_of_fold = scores(30.0)
    out_of_fold.save(tmp_path)
    read = OutOfFold.load(tmp_path, 4)
    np.testing.assert_array_equal(read.logits_NC, out_of_fold.logits_NC)
    np.testing.assert_array_equal(read.y_N, out_of_fold.y_N)
    assert choose_threshold(read, 2, 0.9) == choose_threshold(out_of_fold, 2, 0.9)


def test_probabilities_near_one_stay_apart():
    p_NC = probabilities(np.array([[20.0, 0.0], [25.0, 0.0]], np.float32))
    assert 1 > p_NC[1, 0] > p_NC[0, 0] > 1 - 1e-8
    np.testing.assert_allclose(p_NC.sum(1), 1)


@pytest.mark.parametrize("scale", [0.3, 1.0, 5.0])
def test_the_temperature_undoes_a_scale(scale):
    rng = np.random.default_rng(0)
    logits_NC = rng.normal(0, 2, (4000, 3))
    y_N = np.array([rng.choice(3, p=p_C) for p_C in probabilities(logits_NC)])
    assert fit_temperature(scale * logits_NC, y_N) == pytest.approx(scale, rel=0.1)


def test_no_number_of_right_answers_makes_a_model_certain():
    y_N = np.arange(60) % 3
    logits_NC = np.eye(3)[y_N] * 30.0
    p_N = probabilities(logits_NC / fit_temperature(logits_NC, y_N)).max(1)
    assert (p_N < 1 - 1 / 200).all()


def test_each_folds_temperature_is_of_the_other_folds():
    sound, shouting = scores(), scores(20.0)
    logits_NC = np.concatenate([sound.logits_NC, shouting.logits_NC])
    y_N, fold_N = np.concatenate([sound.y_N, shouting.y_N]), np.repeat([0, 1], 200)
    out_of_fold, temperature = calibrate(logits_NC, y_N, fold_N)
    ratios = logits_NC / out_of_fold.logits_NC
    np.testing.assert_allclose(ratios[:200], fit_temperature(shouting.logits_NC, shouting.y_N), rtol=1e-5)
    np.testing.assert_allclose(ratios[200:], fit_temperature(sound.logits_NC, sound.y_N), rtol=1e-5)
    assert temperature == fit_temperature(logits_NC, y_N)


def test_a_damaged_file_is_one_line(tmp_path):
    def refused(message: str) -> None:
        with pytest.raises(VidseqError, match=message) as caught:
            OutOfFold.load(tmp_path, 2)
        assert "\n" not in str(caught.value)
        assert str(tmp_path) in str(caught.value)

    refused("out_of_fold.safetensors is missing")
    scores().save(tmp_path)
    content = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(content[:-9])
    refused("cannot be read")
    save_file({"logits": np.zeros((2, 2))}, tmp_path / FILE)
    refused("'y' is missing")
    save_file({"logits": np.zeros((2, 2)), "y": np.array([0, 2])}, tmp_path / FILE)
    refused("no out-of-fold logits of clips of 2 classes")


@pytest.mark.parametrize("refused", [0.0, 0.05, 0.5, 0.995])
def test_at_most_so_many_known_clips_are_refused(refused):
    out_of_fold = scores()
    largest = out_of_fold.probabilities().max(1)
    threshold = choose_known_threshold(out_of_fold, refused)
    assert (largest < threshold).mean() <= refused
    assert (largest <= threshold).mean() > refused
