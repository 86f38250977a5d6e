"""The heads: each maps a padded batch of features to logits, `head(x_BTD, mask_BT) -> logits_BC`."""

from torch import nn

from vidseq.heads.rnn import RnnHead
from vidseq.heads.transformer import TransformerHead
from vidseq.params import ModelParams, RnnParams, TransformerParams

HEADS = {"rnn": (RnnHead, RnnParams), "transformer": (TransformerHead, TransformerParams)}


def build_head(name: str, feature_dim: int, classes: int, settings: dict) -> nn.Module:
    """Build a head from its settings as params.yaml has them: {"model": {...}, <name>: {...}}."""
    head, section = HEADS[name]
    return head(feature_dim, classes, ModelParams(**settings["model"]), section(**settings[name]))
