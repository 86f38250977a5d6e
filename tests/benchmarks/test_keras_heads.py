import numpy as np
import pytest
import torch

from benchmarks.heads import pad_right
from benchmarks.keras_heads import STEPS, CnnRnn, VideoTransformer, train_keras_head


@pytest.mark.parametrize("head_class", [CnnRnn, VideoTransformer])
def test_the_examples_heads_train_and_ignore_the_content_of_padding(head_class):
    rng = np.random.default_rng(0)
    clips = [rng.normal(label, size=(steps, 8)) for steps, label in zip(range(3, 27), [0, 1] * 12, strict=True)]
    x_NTD, mask_NT = pad_right(clips)
    assert x_NTD.shape == (24, STEPS, 8)
    head = train_keras_head(head_class, x_NTD, mask_NT, torch.tensor([0, 1] * 12), seed=0)
    with torch.inference_mode():
        logits_NC = head(x_NTD, mask_NT)
        assert logits_NC.shape == (24, 2)
        if head_class is CnnRnn:  # the other one pools over padding too, as published
            garbage = torch.where(mask_NT[:, :, None], x_NTD, 100.0)
            torch.testing.assert_close(head(garbage, mask_NT), logits_NC)
