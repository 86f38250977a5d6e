import pytest
import torch

from vidseq.models import BASELINE, HEADS, MAIN_MODELS, MODELS, build_head, head_settings
from vidseq.models.layers import pad_left
from vidseq.params import Params


def test_the_table_has_the_main_models_and_a_causal_rnn():
    assert MAIN_MODELS == ["rnn", "transformer"]
    assert list(MODELS) == ["rnn", "rnn_causal", "transformer"]
    assert BASELINE not in MODELS
    assert {head for head, _ in MODELS.values()} <= set(HEADS) <= set(Params.model_fields)


@pytest.mark.parametrize("name", MODELS)
def test_settings_are_those_of_params_with_the_overrides_of_the_table(name, params):
    head, overrides = MODELS[name]
    settings = head_settings(name, params)
    assert settings == {"model": params.model.model_dump(), head: getattr(params, head).model_dump() | overrides}
    module = build_head(head, 6, 3, settings)
    assert isinstance(module, HEADS[head][0])
    assert module(*pad_left([torch.randn(4, 6), torch.randn(2, 6)])).shape == (2, 3)


def test_rnn_causal_is_the_rnn_in_one_direction(params):
    heads = {}
    for name in ("rnn", "rnn_causal"):
        head, _ = MODELS[name]
        heads[name] = build_head(head, 6, 3, head_settings(name, params)).rnn
    assert params.rnn.bidirectional
    assert heads["rnn"].bidirectional
    assert not heads["rnn_causal"].bidirectional
    assert heads["rnn"].num_layers == heads["rnn_causal"].num_layers
