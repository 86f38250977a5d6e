"""The recurrent head: a stack of GRU or LSTM layers and a maximum over time."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from vidseq.models.layers import Projection, align_left, masked_max
from vidseq.params import ModelParams, RnnParams

CELLS = {"gru": nn.GRU, "lstm": nn.LSTM}


class RnnHead(nn.Module):
    """`head(x_BTD, mask_BT) -> logits_BC`, `mask_BT` true where there is data, which is at the last steps."""

    def __init__(self, input_dim: int, classes: int, model: ModelParams, rnn: RnnParams):
        super().__init__()
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
