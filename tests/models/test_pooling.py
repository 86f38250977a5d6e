import numpy as np
import torch

from vidseq.models.layers import pad_left
from vidseq.models.pooling import PoolingHead, pool_over_time


def test_mean_and_maximum_are_of_the_roots_of_the_data_alone():
    clips = [torch.tensor([[1.0, -25.0], [9.0, -1.0]]), torch.tensor([[-4.0, 49.0]])]
    assert pool_over_time(*pad_left(clips)).tolist() == [[2, -3, 3, -1], [-2, 7, -2, 7]]


def test_order_padding_and_company_change_nothing():
    torch.manual_seed(0)
    head = PoolingHead(6, 3, unit_length=True)
    clips = [torch.randn(steps, 6) for steps in (5, 1, 9)]
    logits_BC = head(*pad_left(clips))
    backwards = head(*pad_left([x_TD.flip(0) for x_TD in clips]))
    torch.testing.assert_close(backwards, logits_BC)
    for row, x_TD in enumerate(clips):
        torch.testing.assert_close(head(*pad_left([x_TD]))[0], logits_BC[row])


def test_unit_length_takes_the_scale_out():
    x_BTD, mask_BT = pad_left([torch.randn(4, 6)])
    head = PoolingHead(6, 3, unit_length=True)
    torch.testing.assert_close(head(7 * x_BTD, mask_BT), head(x_BTD, mask_BT))
    assert not np.allclose(*(PoolingHead(6, 3, False)(k * x_BTD, mask_BT).detach() for k in (1, 7)))
