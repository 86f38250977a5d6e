"""The Transformer head: an encoder over the frames, with positions and a padding mask (Vaswani et al., 2017)."""

import math

import torch
from torch import nn

from vidseq.models.layers import Projection, align_left, masked_max
from vidseq.params import ModelParams, TransformerParams

MAX_POSITIONS = 1024  # frames.max_frames allows no longer sequence


class TransformerHead(nn.Module):
    """`head(x_BTD, mask_BT) -> logits_BC`, `mask_BT` true where there is data, which is at the last steps."""

    def __init__(self, input_dim: int, classes: int, model: ModelParams, transformer: TransformerParams):
        super().__init__()
        self.pooling = transformer.pooling
        self.projection = Projection(input_dim, model)
        if transformer.positions == "sinusoidal":
            self.register_buffer("positions", sinusoidal(MAX_POSITIONS, model.dim), persistent=False)
        else:
            self.positions = nn.Parameter(0.02 * torch.randn(MAX_POSITIONS, model.dim))
        self.cls = nn.Parameter(torch.zeros(model.dim)) if self.pooling == "cls" else None
        layer = nn.TransformerEncoderLayer(
            model.dim, transformer.heads, 4 * model.dim, model.dropout, "gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, model.layers, nn.LayerNorm(model.dim), enable_nested_tensor=False)
        self.dropout = nn.Dropout(model.dropout)
        self.classifier = nn.Linear(model.dim, classes)

    def forward(self, x_BTD: torch.Tensor, mask_BT: torch.Tensor) -> torch.Tensor:
        """Attend over each sequence's data alone; positions count from its first step, not from the batch's."""
        x_BTD = self.projection(align_left(x_BTD, mask_BT)) + self.positions[: x_BTD.shape[1]]
        data_BT = torch.arange(x_BTD.shape[1], device=x_BTD.device) < mask_BT.sum(1, keepdim=True)
        if self.cls is not None:
            x_BTD = torch.cat([self.cls.expand(len(x_BTD), 1, -1), x_BTD], 1)
            data_BT = torch.cat([torch.ones_like(data_BT[:, :1]), data_BT], 1)
        h_BTD = self.encoder(x_BTD, src_key_padding_mask=~data_BT)
        pooled_BD = h_BTD[:, 0] if self.cls is not None else masked_max(h_BTD, data_BT)
        return self.classifier(self.dropout(pooled_BD))


def sinusoidal(positions: int, dim: int) -> torch.Tensor:
    """Return the positional encoding of Vaswani et al. (2017), section 3.5, as (positions, dim)."""
    steps_T1 = torch.arange(positions)[:, None]
    rates = torch.exp(-math.log(10_000) / dim * torch.arange(0, dim, 2))
    table_TD = torch.zeros(positions, dim)
    table_TD[:, 0::2] = torch.sin(steps_T1 * rates)
    table_TD[:, 1::2] = torch.cos(steps_T1 * rates[: dim // 2])
    return table_TD
