"""The recurrent head: a stack of GRU or LSTM layers and a maximum over time."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from vidseq.models.layers import Projection, align_left, masked_max
from vidseq.params import ModelParams, RnnParams

CELLS = {"gru": nn.GRU, "lstm": nn.LSTM}


@dataclass(frozen=True)
class RnnState:
    """What the logits of the next steps depend on."""

    hidden: torch.Tensor | tuple[torch.Tensor, torch.Tensor]  # as nn.GRU and nn.LSTM have it
    max_1D: torch.Tensor  # of the last layer's outputs so far


class RnnHead(nn.Module):
    """`head(x_BTD, mask_BT) -> logits_BC`, `mask_BT` true where there is data, which is at the last steps.

    It is `causal` if it reads forwards only; then `step` reads a sequence as it comes.
    """

    def __init__(self, input_dim: int, classes: int, model: ModelParams, rnn: RnnParams):
        super().__init__()
        self.causal = not rnn.bidirectional
        self.projection = Projection(input_dim, model)
        between = model.dropout if model.layers > 1 else 0.0
        self.rnn = CELLS[rnn.cell](
            model.dim, model.dim, model.layers, batch_first=True, dropout=between, bidirectional=rnn.bidirectional
        )
        self.dropout = nn.Dropout(model.dropout)
        self.classifier = nn.Linear(model.dim * (2 if rnn.bidirectional else 1), classes)

    def forward(self, x_BTD: torch.Tensor, mask_BT: torch.Tensor) -> torch.Tensor:
        """Run over each sequence's data alone: packed, so that no state ever passes through padding."""
        lengths_B = mask_BT.sum(1)
        x_BTD = self.projection(align_left(x_BTD, mask_BT))
        packed = pack_padded_sequence(x_BTD, lengths_B.cpu(), batch_first=True, enforce_sorted=False)
        h_BTD, _ = pad_packed_sequence(self.rnn(packed)[0], batch_first=True)
        data_BT = torch.arange(h_BTD.shape[1], device=h_BTD.device) < lengths_B[:, None]
        return self.classifier(self.dropout(masked_max(h_BTD, data_BT)))

    def step(self, state: RnnState | None, x_TD: torch.Tensor) -> tuple[RnnState, torch.Tensor]:
        """Return the logits (T, C) after each of the next steps of one sequence, and the state after them.

        `state` is None at the beginning. In whatever pieces a sequence comes, the logits after its last step are those
        of the whole. Raises ValueError if the head is bidirectional.
        """
        if not self.causal:
            raise ValueError("a bidirectional RNN cannot go step by step: its backward direction begins at the end")
        h_TD, hidden = self.rnn(self.projection(x_TD), state and state.hidden)
        max_TD = h_TD if state is None else torch.cat([state.max_1D, h_TD])
        max_TD = max_TD.cummax(0).values[-len(x_TD) :]
        return RnnState(hidden, max_TD[-1:]), self.classifier(self.dropout(max_TD))
