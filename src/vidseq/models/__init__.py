"""The one table of models. A head maps a padded batch of inputs to logits: `head(x_BTD, mask_BT) -> logits_BC`."""

from typing import Any

from torch import nn

from vidseq.models.rnn import RnnHead
from vidseq.models.transformer import TransformerHead
from vidseq.params import ModelParams, Params, RnnParams, TransformerParams

HEADS: dict[str, tuple[type[nn.Module], type]] = {  # by the name of their section in params.yaml
    "rnn": (RnnHead, RnnParams),
    "transformer": (TransformerHead, TransformerParams),
}
MODELS: dict[str, tuple[str, dict[str, Any]]] = {  # head, and what of its section in params.yaml is overridden
    "rnn": ("rnn", {}),
    "rnn_causal": ("rnn", {"bidirectional": False}),
    "transformer": ("transformer", {}),
}
BASELINE = "baseline"  # the pooling baseline, which has no head
MAIN_MODELS = [name for name, (_, overrides) in MODELS.items() if not overrides]


def head_settings(name: str, params: Params) -> dict:
    """Return the settings of a model's head, overrides applied: {"model": {...}, <head>: {...}} as in params.yaml."""
    head, overrides = MODELS[name]
    return {"model": params.model.model_dump(), head: getattr(params, head).model_dump() | overrides}


def build_head(head: str, input_dim: int, classes: int, settings: dict) -> nn.Module:
    """Build a head, untrained, from its `head_settings`."""
    module, section = HEADS[head]
    return module(input_dim, classes, ModelParams(**settings["model"]), section(**settings[head]))
