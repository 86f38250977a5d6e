"""From series of unequal length to batches: zero-padded at the first time steps, with the mask that says where."""

from collections.abc import Iterator, Sequence
from math import ceil

import torch
from torch.utils.data import Dataset

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]  # x_BTD, mask_BT, y_B
POOL = 4  # batches among which series are sorted by length


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


class RandomViews(Dataset):
    """Training clips, each time in one of its views: its series (T_i, D), or that of the same clip mirrored."""

    def __init__(self, views: list[list[torch.Tensor]], labels: list[int]):
        self.views, self.labels = views, labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        """Draw a view from torch's seed."""
        views = self.views[index]
        return views[int(torch.randint(len(views), ()))], self.labels[index]


class Batches:
    """Batches of all examples: as they come, or with `shuffle` in an order drawn anew each epoch from torch's seed.

    Shuffled, series of like length stand in one batch as far as pools of POOL batches allow: otherwise half of a batch
    would be padding.
    """

    def __init__(self, examples: Dataset | list[tuple[torch.Tensor, int]], batch_size: int, shuffle: bool):
        self.examples, self.batch_size, self.shuffle = examples, batch_size, shuffle

    def __len__(self) -> int:
        return ceil(len(self.examples) / self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        if not self.shuffle:
            yield from map(collate, cut(self.examples, self.batch_size))
            return
        drawn = [self.examples[index] for index in torch.randperm(len(self.examples)).tolist()]
        pools = cut(drawn, POOL * self.batch_size)
        batches = [batch for pool in pools for batch in cut(sorted(pool, key=_length), self.batch_size)]
        for index in torch.randperm(len(batches)).tolist():
            yield collate(batches[index])


def collate(examples: list[tuple[torch.Tensor, int]]) -> Batch:
    """Make one batch (x_BTD, mask_BT, y_B) of series and their labels."""
    return *pad_left([x_TD for x_TD, _ in examples]), torch.tensor([label for _, label in examples])


def cut(items: list, size: int) -> list[list]:
    """Cut a list into parts of `size`; the last may be shorter."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def _length(example: tuple[torch.Tensor, int]) -> int:
    return len(example[0])
