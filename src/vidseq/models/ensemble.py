"""Heads of one kind, trained from different seeds, that answer together (Lakshminarayanan et al., 2017)."""

from collections.abc import Iterable
from math import log
from typing import Any

import torch
from torch import nn


class Ensemble(nn.Module):
    """`head(x_BTD, mask_BT) -> logits_BC`: the logarithms of the mean of the members' probabilities.

    They are divided by `temperature`, which is 1 until the ensemble is calibrated. It is `causal`, and has `step`, if
    its members are and have.
    """

    temperature: torch.Tensor

    def __init__(self, members: Iterable[nn.Module]):
        super().__init__()
        self.members = nn.ModuleList(members)
        self.register_buffer("temperature", torch.ones(()))

    @property
    def causal(self) -> bool:
        """Whether all members read forwards only."""
        return all(getattr(member, "causal", False) for member in self.members)

    def forward(self, x_BTD: torch.Tensor, mask_BT: torch.Tensor) -> torch.Tensor:
        """Average over the members."""
        return self._mean([member(x_BTD, mask_BT) for member in self.members])

    def step(self, states: list | None, x_TD: torch.Tensor) -> tuple[list, torch.Tensor]:
        """Return the logits (T, C) after each of the next steps of one sequence, and the members' states after them."""
        members: list[Any] = list(self.members)
        stepped = [
            member.step(state, x_TD) for member, state in zip(members, states or [None] * len(members), strict=True)
        ]
        return [state for state, _ in stepped], self._mean([logits_TC for _, logits_TC in stepped])

    def _mean(self, logits: list[torch.Tensor]) -> torch.Tensor:
        return (torch.stack(logits).log_softmax(-1).logsumexp(0) - log(len(logits))) / self.temperature
