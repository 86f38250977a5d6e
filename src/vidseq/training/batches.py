"""Which clips are in a batch together."""

from collections.abc import Iterator, Sequence
from math import ceil
from typing import TypeVar

import torch

from vidseq.models.layers import pad_left

Item = TypeVar("Item")
Example = tuple[torch.Tensor, int]  # inputs (T, D) of a clip, and its class
Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]  # x_BTD, mask_BT, y_B
BUCKET_BATCHES = 4  # batches among which sequences are sorted by length


class Batches:
    """Batches of all examples: in their order, or with `shuffle` in an order drawn each epoch from torch's seed.

    Shuffled, sequences of similar length are batched together within buckets of BUCKET_BATCHES batches: otherwise half
    of a batch would be padding.
    """

    def __init__(self, examples: Sequence[Example], batch_size: int, shuffle: bool):
        self.examples, self.batch_size, self.shuffle = examples, batch_size, shuffle

    def __len__(self) -> int:
        return ceil(len(self.examples) / self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        count = len(self.examples)
        drawn = [self.examples[index] for index in (torch.randperm(count).tolist() if self.shuffle else range(count))]
        if not self.shuffle:
            yield from map(collate, chunks(drawn, self.batch_size))
            return
        buckets = chunks(drawn, BUCKET_BATCHES * self.batch_size)
        batches = [batch for bucket in buckets for batch in chunks(sorted(bucket, key=_length), self.batch_size)]
        for index in torch.randperm(len(batches)).tolist():
            yield collate(batches[index])


def collate(examples: Sequence[Example]) -> Batch:
    """Make one batch (x_BTD, mask_BT, y_B) of inputs and their labels."""
    return *pad_left([x_TD for x_TD, _ in examples]), torch.tensor([label for _, label in examples])


def chunks(items: Sequence[Item], size: int) -> list[Sequence[Item]]:
    """Cut items into parts of `size`; the last may be shorter."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def _length(example: Example) -> int:
    return len(example[0])
