import torch

from vidseq.sequences import POOL, Batches, RandomViews, align_left, masked_max, pad_left


def test_padding_is_zero_and_stands_at_the_first_steps():
    x_BTD, mask_BT = pad_left([torch.ones(2, 3), torch.ones(4, 3)])
    assert x_BTD[:, :, 0].tolist() == [[0, 0, 1, 1], [1, 1, 1, 1]]
    assert mask_BT.tolist() == [[False, False, True, True], [True, True, True, True]]


def test_align_left_moves_the_data_to_the_front():
    x_BTD, mask_BT = pad_left([torch.tensor([[1.0], [2.0]]), torch.tensor([[3.0], [4.0], [5.0]])])
    assert align_left(x_BTD, mask_BT)[:, :2, 0].tolist() == [[1, 2], [3, 4]]


def test_masked_max_never_sees_the_padding():
    x_BTD, mask_BT = pad_left([torch.full((1, 2), -5.0), torch.full((3, 2), -1.0)])
    assert masked_max(x_BTD, mask_BT).tolist() == [[-5, -5], [-1, -1]]


def test_shuffled_batches_hold_every_series_once_in_an_order_from_the_seed():
    clips = [(torch.full((1 + i % 3, 1), float(i)), i) for i in range(10)]

    def order(seed: int) -> list[int]:
        torch.manual_seed(seed)
        return [int(y) for _, _, y_B in Batches(clips, 4, shuffle=True) for y in y_B]

    assert sorted(order(0)) == list(range(10))
    assert order(0) == order(0) != order(1)
    assert len(Batches(clips, 4, shuffle=True)) == len(list(Batches(clips, 4, shuffle=True))) == 3
    for x_BTD, mask_BT, y_B in Batches(clips, 4, shuffle=True):
        assert x_BTD.sum((1, 2)).tolist() == (y_B * mask_BT.sum(1)).tolist()


def test_little_of_a_batch_is_padding_and_batches_do_not_come_by_length():
    clips = [(torch.zeros(steps, 1), 0) for steps in range(1, 129)]
    assert len(clips) == POOL * 32
    torch.manual_seed(0)
    batches = list(Batches(clips, 32, shuffle=True))
    assert min(float(mask_BT.float().mean()) for _, mask_BT, _ in batches) > 0.5
    assert sum(mask_BT.sum() for _, mask_BT, _ in batches) / sum(mask_BT.numel() for _, mask_BT, _ in batches) > 0.75
    firsts = {next(iter(Batches(clips, 32, shuffle=True)))[1].shape[1] for _ in range(20)}
    assert firsts == {32, 64, 96, 128}


def test_a_clip_is_drawn_in_any_of_its_views():
    clip = torch.arange(20.0)[:, None]
    views = RandomViews([[clip, clip + 100], [clip + 200]], [3, 4])
    drawn = [views[0] for _ in range(50)]
    assert {label for _, label in drawn} == {3}
    assert {float(x_TD[0]) for x_TD, _ in drawn} == {0.0, 100.0}
    assert torch.equal(views[1][0], clip + 200)
