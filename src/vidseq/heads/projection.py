"""What both heads do to a frame's feature before they look at time."""

import torch
from torch import nn


class Projection(nn.Module):
    """Normalise each frame's feature vector and project it to the head's width: (..., feature_dim) to (..., dim)."""

    def __init__(self, feature_dim: int, dim: int, dropout: float):
        super().__init__()
        self.layers = nn.Sequential(nn.LayerNorm(feature_dim), nn.Dropout(dropout), nn.Linear(feature_dim, dim))

    def forward(self, x_BTD: torch.Tensor) -> torch.Tensor:
        """Apply the same layers to every time step."""
        return self.layers(x_BTD)
