import pytest
import torch

from vidseq.errors import VidseqError
from vidseq.heads import build_head
from vidseq.trained_model import TrainedModel, build_streams, load_model

SETTINGS = {
    "rnn": {"cell": "lstm", "bidirectional": False},
    "transformer": {"heads": 2, "positions": "learned", "pooling": "cls"},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_model_is_one_folder_without_pickle(tmp_path, name):
    model = {"layers": 2, "dim": 16, "dropout": 0.1}
    shown = {"show": ["frame", "motion_change"], "lag": 2, "components": 4}
    card = {
        "head": name,
        "classes": ["A", "B", "Γ"],
        "feature_dim": 8,
        "backbone": {"difference": 0.25, "images": ["frame", "motion"]},
        "settings": {"streams": shown, "model": model, name: SETTINGS[name]},
    }
    streams = build_streams(card)
    head = build_head(name, streams.dim, 3, card["settings"])
    clips = [torch.randn(steps, 8) for steps in (3, 1, 9, 4)]
    trained = TrainedModel(streams.fit(clips, seed=0), head, card)
    trained.save(tmp_path)
    assert sorted(f.name for f in tmp_path.iterdir()) == ["model.json", "model.safetensors"]

    loaded = load_model(tmp_path)
    assert loaded.classes == ["A", "B", "Γ"]
    p_NC = loaded.probabilities(clips, batch_size=3)
    torch.testing.assert_close(p_NC, trained.probabilities(clips))
    torch.testing.assert_close(p_NC.sum(1), torch.ones(4))
    for row, clip in enumerate(clips):  # company and padding change nothing
        torch.testing.assert_close(loaded.probabilities([clip])[0], p_NC[row], atol=1e-5, rtol=0)


def test_a_folder_without_a_model_says_so(tmp_path):
    with pytest.raises(VidseqError, match=r"holds no trained model \(model\.json is missing\)"):
        load_model(tmp_path)
