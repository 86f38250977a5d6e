"""What both heads do to a frame's feature before they look at time."""

import torch
from torch import nn

from vidseq.params import ModelParams


class Projection(nn.Module):
    """Project each frame's feature vector to the head's width: (..., feature_dim) to (..., dim)."""

    def __init__(self, feature_dim: int, model: ModelParams):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Dropout(model.dropout),
            nn.Linear(feature_dim, model.dim),
            nn.LayerNorm(model.dim),
            nn.GELU(),
            nn.Dropout(model.dropout),
        )

    def forward(self, x_BTD: torch.Tensor) -> torch.Tensor:
        """Apply the same layers to every time step."""
        return self.layers(x_BTD)
