import pytest
import torch

from vidseq.errors import VidseqError
from vidseq.heads import build_head
from vidseq.trained_model import TrainedModel, load_model

SETTINGS = {
    "rnn": {"cell": "lstm", "bidirectional": False},
    "transformer": {"heads": 2, "positions": "learned", "pooling": "cls"},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_model_is_one_folder_without_pickle(tmp_path, name):
    settings = {"model": {"layers": 2, "dim": 16, "dropout": 0.1}, name: SETTINGS[name]}
    card = {"head": name, "classes": ["A", "B", "Γ"], "feature_dim": 8, "settings": settings}
    model = TrainedModel(build_head(name, 8, 3, settings), card)
    model.save(tmp_path)
    assert sorted(f.name for f in tmp_path.iterdir()) == ["model.json", "model.safetensors"]

    loaded = load_model(tmp_path)
    assert loaded.classes == ["A", "B", "Γ"]
    clips = [torch.randn(steps, 8) for steps in (3, 1, 9, 4)]
    p_NC = loaded.probabilities(clips, batch_size=3)
    torch.testing.assert_close(p_NC, model.probabilities(clips))
    torch.testing.assert_close(p_NC.sum(1), torch.ones(4))


def test_a_folder_without_a_model_says_so(tmp_path):
    with pytest.raises(VidseqError, match=r"holds no trained model \(model\.json is missing\)"):
        load_model(tmp_path)
