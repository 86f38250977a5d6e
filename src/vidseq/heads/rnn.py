"""The recurrent head: a stack of GRU or LSTM layers and a max over time."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from vidseq.heads.projection import Projection
from vidseq.params import ModelParams, RnnParams
from vidseq.sequences import align_left, masked_max

CELLS = {"gru": nn.GRU, "lstm": nn.LSTM}


class RnnHead(nn.Module):
    """`head(x_BTD, mask_BT) -> logits_BC`, `mask_BT` true where there is data, which stands at the last steps."""

    def __init__(self, feature_dim: int, classes: int, model: ModelParams, rnn: RnnParams):
        super().__init__()
        self.project = Projection(feature_dim, model)
        between = model.dropout if model.layers > 1 else 0.0
        self.rnn = CELLS[rnn.cell](
            model.dim, model.dim, model.layers, batch_first=True, dropout=between, bidirectional=rnn.bidirectional
        )
        self.dropout = nn.Dropout(model.dropout)
        self.classify = nn.Linear(model.dim * (2 if rnn.bidirectional else 1), classes)

    def forward(self, x_BTD: torch.Tensor, mask_BT: torch.Tensor) -> torch.Tensor:
        """Run over each series' data alone: packed, so that no state ever passes through padding."""
        lengths_B = mask_BT.sum(1)
        x_BTD = self.project(align_left(x_BTD, mask_BT))
        packed = pack_padded_sequence(x_BTD, lengths_B.cpu(), batch_first=True, enforce_sorted=False)
        h_BTD, _ = pad_packed_sequence(self.rnn(packed)[0], batch_first=True)
        data_BT = torch.arange(h_BTD.shape[1], device=h_BTD.device) < lengths_B[:, None]
        return self.classify(self.dropout(masked_max(h_BTD, data_BT)))
