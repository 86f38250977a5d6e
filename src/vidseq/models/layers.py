"""What heads share: one thread, padding at the first steps with its mask, pooling, the projection to their width."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from vidseq.params import ModelParams


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute in one thread: heads are too small to share, and beside the CNN a second thread spins in its way."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def pad_left(sequences: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Stack sequences (T_i, D) to x (B, T, D), zeros in front, and mask (B, T), true where there is data."""
    longest = max(len(x_TD) for x_TD in sequences)
    x_BTD = torch.zeros(len(sequences), longest, sequences[0].shape[1])
    mask_BT = torch.zeros(len(sequences), longest, dtype=torch.bool)
    for row, x_TD in enumerate(sequences):
        x_BTD[row, longest - len(x_TD) :] = x_TD
        mask_BT[row, longest - len(x_TD) :] = True
    return x_BTD, mask_BT


def align_left(x_BTD: torch.Tensor, mask_BT: torch.Tensor) -> torch.Tensor:
    """Move the data of a left-padded batch to the front, so that step 0 is the first of every sequence."""
    padding_B = (~mask_BT).sum(1, keepdim=True)
    steps_BT = (torch.arange(x_BTD.shape[1], device=x_BTD.device) + padding_B) % x_BTD.shape[1]
    return x_BTD.gather(1, steps_BT[:, :, None].expand_as(x_BTD))


def power_normalise(x: torch.Tensor) -> torch.Tensor:
    """Return the square roots, signs kept, which tames the largest values (Perronnin et al., 2010)."""
    return x.sign() * x.abs().sqrt()


def masked_max(x_BTD: torch.Tensor, mask_BT: torch.Tensor) -> torch.Tensor:
    """Max-pool over the time steps that hold data, to (B, D)."""
    return x_BTD.masked_fill(~mask_BT[:, :, None], -torch.inf).amax(1)


class Projection(nn.Module):
    """Project the inputs of each step to the head's width: (..., input_dim) to (..., dim)."""

    def __init__(self, input_dim: int, model: ModelParams):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Dropout(model.dropout),
            nn.Linear(input_dim, model.dim),
            nn.LayerNorm(model.dim),
            nn.GELU(),
            nn.Dropout(model.dropout),
        )

    def forward(self, x_BTD: torch.Tensor) -> torch.Tensor:
        """Apply the same layers to every time step."""
        return self.layers(x_BTD)
