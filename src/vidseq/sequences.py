"""From series of unequal length to batches: zero-padded at the first time steps, with the mask that says where."""

from collections.abc import Sequence

import torch
from torch.utils.data import DataLoader, Dataset


def pad_left(sequences: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Stack series (T_i, D) to x (B, T, D), zeros in front, and mask (B, T), true where there is data."""
    longest = max(len(x_TD) for x_TD in sequences)
    x_BTD = torch.zeros(len(sequences), longest, sequences[0].shape[1])
    mask_BT = torch.zeros(len(sequences), longest, dtype=torch.bool)
    for row, x_TD in enumerate(sequences):
        x_BTD[row, longest - len(x_TD) :] = x_TD
        mask_BT[row, longest - len(x_TD) :] = True
    return x_BTD, mask_BT


def align_left(x_BTD: torch.Tensor, mask_BT: torch.Tensor) -> torch.Tensor:
    """Move the data of a left-padded batch to the front, so that step 0 is every series' first."""
    padding_B = (~mask_BT).sum(1, keepdim=True)
    steps_BT = (torch.arange(x_BTD.shape[1], device=x_BTD.device) + padding_B) % x_BTD.shape[1]
    return x_BTD.gather(1, steps_BT[:, :, None].expand_as(x_BTD))


def masked_max(x_BTD: torch.Tensor, mask_BT: torch.Tensor) -> torch.Tensor:
    """Max-pool over the time steps that hold data, to (B, D)."""
    return x_BTD.masked_fill(~mask_BT[:, :, None], -torch.inf).amax(1)


def shuffled_in_time(sequences: list[torch.Tensor], seed: int) -> list[torch.Tensor]:
    """Return the series (T_i, D) with their time steps in random order."""
    generator = torch.Generator().manual_seed(seed)
    return [x_TD[torch.randperm(len(x_TD), generator=generator)] for x_TD in sequences]


class RandomWindows(Dataset):
    """Training clips, each time a random part of at least `window` of the clip, in one of its views.

    `views` holds for each clip its series (T_i, D), and the same clip mirrored where that is known.
    """

    def __init__(self, views: list[list[torch.Tensor]], labels: list[int], window: float):
        self.views, self.labels, self.window = views, labels, window

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        """Draw a view and a window of it from torch's seed."""
        views = self.views[index]
        x_TD = views[int(torch.randint(len(views), ()))]
        share = self.window + (1 - self.window) * float(torch.rand(()))
        steps = max(1, round(share * len(x_TD)))
        start = int(torch.randint(len(x_TD) - steps + 1, ()))
        return x_TD[start : start + steps], self.labels[index]


def batches(examples: Dataset | list[tuple[torch.Tensor, int]], batch_size: int, shuffle: bool) -> DataLoader:
    """Return a loader of (x_BTD, mask_BT, y_B); with `shuffle` in an order drawn anew each epoch from torch's seed."""

    def collate(chosen: list[tuple[torch.Tensor, int]]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        return *pad_left([x_TD for x_TD, _ in chosen]), torch.tensor([label for _, label in chosen])

    return DataLoader(examples, batch_size, shuffle, collate_fn=collate)
