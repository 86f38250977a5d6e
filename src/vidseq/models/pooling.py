"""The pooling baseline: features pooled over time, and a linear classifier; order is ignored."""

import torch
from torch import nn

from vidseq.models.layers import masked_max, power_normalise


class PoolingHead(nn.Module):
    """`head(x_BTD, mask_BT) -> logits_BC` of features: mean and maximum over time, standardised, and a linear layer.

    With `unit_length`, each clip's standardised vector is scaled to length 1 first.
    """

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, input_dim: int, classes: int, unit_length: bool):
        super().__init__()
        self.unit_length = unit_length
        self.register_buffer("mean", torch.zeros(2 * input_dim))
        self.register_buffer("scale", torch.ones(2 * input_dim))
        self.classifier = nn.Linear(2 * input_dim, classes)

    def forward(self, x_BTD: torch.Tensor, mask_BT: torch.Tensor) -> torch.Tensor:
        """Pool each sequence's data alone and classify it."""
        z_BD = (pool_over_time(x_BTD, mask_BT) - self.mean) / self.scale
        return self.classifier(nn.functional.normalize(z_BD) if self.unit_length else z_BD)


def pool_over_time(x_BTD: torch.Tensor, mask_BT: torch.Tensor) -> torch.Tensor:
    """Return the mean and the maximum of the steps that hold data, power-normalised, side by side, (B, 2 D)."""
    x_BTD = power_normalise(x_BTD)
    mean_BD = (x_BTD * mask_BT[:, :, None]).sum(1) / mask_BT.sum(1, keepdim=True)
    return torch.cat([mean_BD, masked_max(x_BTD, mask_BT)], 1)
