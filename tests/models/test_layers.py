import torch

from vidseq.models.layers import Projection, align_left, masked_max, pad_left
from vidseq.params import ModelParams


def test_padding_is_zero_and_at_the_first_steps():
    x_BTD, mask_BT = pad_left([torch.ones(2, 3), torch.ones(4, 3)])
    assert x_BTD[:, :, 0].tolist() == [[0, 0, 1, 1], [1, 1, 1, 1]]
    assert mask_BT.tolist() == [[False, False, True, True], [True, True, True, True]]


def test_align_left_moves_the_data_to_the_front():
    x_BTD, mask_BT = pad_left([torch.tensor([[1.0], [2.0]]), torch.tensor([[3.0], [4.0], [5.0]])])
    assert align_left(x_BTD, mask_BT)[:, :2, 0].tolist() == [[1, 2], [3, 4]]


def test_masked_max_never_sees_the_padding():
    x_BTD, mask_BT = pad_left([torch.full((1, 2), -5.0), torch.full((3, 2), -1.0)])
    assert masked_max(x_BTD, mask_BT).tolist() == [[-5, -5], [-1, -1]]


def test_the_projection_treats_every_step_alike():
    projection = Projection(5, ModelParams(layers=1, dim=8, dropout=0.5)).eval()
    x_BTD = torch.randn(2, 3, 5)
    h_BTD = projection(x_BTD)
    assert h_BTD.shape == (2, 3, 8)
    torch.testing.assert_close(projection(x_BTD[1, 2]), h_BTD[1, 2])
