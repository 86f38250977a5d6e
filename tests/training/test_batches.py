import torch

from vidseq.training.batches import BUCKET_BATCHES, Batches, chunks


def test_shuffled_batches_hold_every_sequence_once_in_an_order_from_the_seed():
    clips = [(torch.full((1 + i % 3, 1), float(i)), i) for i in range(10)]

    def order(seed: int) -> list[int]:
        torch.manual_seed(seed)
        return [int(y) for _, _, y_B in Batches(clips, 4, shuffle=True) for y in y_B]

    assert sorted(order(0)) == list(range(10))
    assert order(0) == order(0) != order(1)
    assert len(Batches(clips, 4, shuffle=True)) == len(list(Batches(clips, 4, shuffle=True))) == 3
    for x_BTD, mask_BT, y_B in Batches(clips, 4, shuffle=True):
        assert x_BTD.sum((1, 2)).tolist() == (y_B * mask_BT.sum(1)).tolist()


def test_batches_that_are_not_shuffled_come_in_order():
    clips = [(torch.zeros(1 + i % 3, 1), i) for i in range(10)]
    batches = Batches(clips, 4, shuffle=False)
    assert [y_B.tolist() for _, _, y_B in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert len(batches) == 3


def test_little_of_a_batch_is_padding_and_batches_are_not_ordered_by_length():
    clips = [(torch.zeros(steps, 1), 0) for steps in range(1, 129)]
    assert len(clips) == BUCKET_BATCHES * 32
    torch.manual_seed(0)
    batches = list(Batches(clips, 32, shuffle=True))
    assert min(float(mask_BT.float().mean()) for _, mask_BT, _ in batches) > 0.5
    assert sum(mask_BT.sum() for _, mask_BT, _ in batches) / sum(mask_BT.numel() for _, mask_BT, _ in batches) > 0.75
    firsts = {next(iter(Batches(clips, 32, shuffle=True)))[1].shape[1] for _ in range(20)}
    assert firsts == {32, 64, 96, 128}


def test_chunks_hold_all_items_in_order():
    assert chunks([1, 2, 3, 4, 5], 2) == [[1, 2], [3, 4], [5]]
    assert chunks([], 2) == []
