"""The heads of two well-known Keras examples, reimplemented from their published description, for comparison.

"Video Classification with a CNN-RNN Architecture" and "... with Transformers" (keras.io, S. Paul, 2021): they take
the first 20 frames, globally pooled features, and for validation the tail of a list that is sorted by class.
"""

import torch
from torch import nn
from torch.nn.functional import cross_entropy

STEPS = 20


class CnnRnn(nn.Module):
    """GRU 16, GRU 8, dropout 0.4, dense 8 with ReLU."""

    epochs, validation_fraction = 10, 0.3

    def __init__(self, feature_dim: int, classes: int):
        super().__init__()
        self.first, self.second = nn.GRU(feature_dim, 16, batch_first=True), nn.GRU(16, 8, batch_first=True)
        self.classifier = nn.Sequential(nn.Dropout(0.4), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, classes))

    def forward(self, x_BTD: torch.Tensor, mask_BT: torch.Tensor) -> torch.Tensor:
        """Classify the state at each sequence's last step; padding comes after it, as in the example."""
        h_BTD = self.second(self.first(x_BTD)[0])[0]
        return self.classifier(h_BTD[torch.arange(len(x_BTD)), mask_BT.sum(1) - 1])


class VideoTransformer(nn.Module):
    """Learned positions, one encoder layer with one attention head and a feed-forward width of 4, max over time."""

    epochs, validation_fraction = 5, 0.15

    def __init__(self, feature_dim: int, classes: int):
        super().__init__()
        self.positions = nn.Parameter(torch.empty(STEPS, feature_dim).uniform_(-0.05, 0.05))
        self.attention = nn.MultiheadAttention(feature_dim, 1, dropout=0.3, batch_first=True)
        self.feed_forward = nn.Sequential(nn.Linear(feature_dim, 4), nn.GELU(), nn.Linear(4, feature_dim))
        self.norms = nn.ModuleList([nn.LayerNorm(feature_dim), nn.LayerNorm(feature_dim)])
        self.classifier = nn.Sequential(nn.Dropout(0.5), nn.Linear(feature_dim, classes))

    def forward(self, x_BTD: torch.Tensor, mask_BT: torch.Tensor) -> torch.Tensor:
        """Attend to the data alone; the max-pool runs over all steps, as in the example."""
        x_BTD = x_BTD + self.positions
        x_BTD = self.norms[0](x_BTD + self.attention(x_BTD, x_BTD, x_BTD, key_padding_mask=~mask_BT)[0])
        return self.classifier(self.norms[1](x_BTD + self.feed_forward(x_BTD)).amax(1))


def train_keras_head(
    head_class: type[CnnRnn] | type[VideoTransformer],
    x_NTD: torch.Tensor,
    mask_NT: torch.Tensor,
    y_N: torch.Tensor,
    seed: int,
) -> nn.Module:
    """Train as the examples do: Adam at 1e-3, batches of 32, the weights of the lowest loss on the list's tail."""
    torch.set_num_threads(1)  # as for our own heads
    torch.manual_seed(seed)
    head = head_class(x_NTD.shape[2], int(y_N.max()) + 1)
    known = round(len(y_N) * (1 - head.validation_fraction))
    optimizer = torch.optim.Adam(head.parameters(), 1e-3, eps=1e-7)
    best, weights = float("inf"), {}
    for _ in range(head.epochs):
        head.train()
        for rows in torch.randperm(known).split(32):
            optimizer.zero_grad()
            cross_entropy(head(x_NTD[rows], mask_NT[rows]), y_N[rows]).backward()
            optimizer.step()
        head.eval()
        with torch.inference_mode():
            loss = cross_entropy(head(x_NTD[known:], mask_NT[known:]), y_N[known:]).item()
        if loss < best:
            best, weights = loss, {name: tensor.clone() for name, tensor in head.state_dict().items()}
    head.load_state_dict(weights)
    return head.eval()
