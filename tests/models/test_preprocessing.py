import numpy as np
import pytest
import torch

from vidseq.models.preprocessing import Preprocessing, by_image_type, to_tensor

RGB = ["rgb", "rgb_delta", "rgb_deviation"]


def clips(count: int = 30, dim: int = 12) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(4 + row % 9, dim, generator=generator) for row in range(count)]


def test_inputs_are_the_feature_its_change_and_its_deviation_from_the_mean_so_far():
    preprocessing = Preprocessing(2, ["rgb"], RGB, lag=2, pca_components=2)
    preprocessing.axes[:] = torch.eye(2)
    x_TD = torch.tensor([[0.0, 1.0], [4.0, 1.0], [16.0, 1.0], [4.0, 1.0]])
    rgb, delta, deviation = preprocessing(x_TD).split(2, 1)
    assert rgb.tolist() == [[0, 1], [2, 1], [4, 1], [2, 1]]  # square roots
    assert delta.tolist() == [[0, 0], [2, 0], [4, 0], [0, 0]]  # two steps back, or as far as there is
    assert deviation.tolist() == [[0, 0], [1, 0], [2, 0], [0, 0]]  # the means so far are 0, 1, 2, 2


def test_what_does_not_move_is_neither_in_delta_nor_in_deviation():
    preprocessing = Preprocessing(12, ["rgb"], RGB, lag=3, pca_components=5).fit(clips(), seed=0)
    still = preprocessing(torch.rand(1, 12).expand(6, 12))
    other = preprocessing(torch.rand(1, 12).expand(6, 12))
    assert (still[:, :5] - other[:, :5]).abs().max() > 0.1
    torch.testing.assert_close(still[:, 5:], other[:, 5:])


def test_each_image_type_has_inputs_of_its_own():
    preprocessing = Preprocessing(4, ["rgb", "diff"], ["diff", "rgb", "diff_delta"], lag=1, pca_components=2)
    preprocessing.axes[:] = torch.eye(2)
    x_TD = torch.tensor([[1.0, 4.0, 9.0, 0.0], [1.0, 4.0, 4.0, 0.0]])
    assert preprocessing(x_TD).tolist() == [[3, 0, 1, 2, 0, 0], [2, 0, 1, 2, 1, 0]]


def test_an_input_does_not_depend_on_which_others_there_are():
    fitted = Preprocessing(12, ["rgb"], RGB, lag=3, pca_components=5).fit(clips(), seed=0)
    alone = Preprocessing(12, ["rgb"], ["rgb_deviation"], lag=3, pca_components=5).fit(clips(), seed=0)
    torch.testing.assert_close(alone(clips()[0]), fitted(clips()[0])[:, 10:])


def test_inputs_do_not_depend_on_what_comes_later():
    names = [f"{image}{change}" for image in ("rgb", "diff") for change in ("", "_delta", "_deviation")]
    x_TD = torch.rand(15, 12)
    preprocessing = Preprocessing(12, ["rgb", "diff"], names, lag=3, pca_components=5).fit(clips(), seed=0)
    whole = preprocessing(x_TD)
    for steps in range(1, 15):
        torch.testing.assert_close(preprocessing(x_TD[:steps]), whole[:steps], atol=1e-5, rtol=0)


@pytest.mark.parametrize("lag", [1, 4, 40])
@pytest.mark.parametrize("piece", [1, 4, 7])
def test_in_whatever_pieces_a_clip_comes_its_inputs_are_those_of_the_whole(lag, piece):
    preprocessing = Preprocessing(12, ["rgb"], RGB, lag=lag, pca_components=5).fit(clips(), seed=0)
    x_TD, state, inputs = torch.rand(15, 12), None, []
    for piece_TD in x_TD.split(piece):
        state, of_piece = preprocessing.step(state, piece_TD)
        inputs.append(of_piece)
    torch.testing.assert_close(torch.cat(inputs), preprocessing(x_TD), atol=1e-5, rtol=0)


def test_components_are_orthogonal_sorted_and_on_one_scale():
    preprocessing = Preprocessing(12, ["rgb"], RGB, lag=3, pca_components=5).fit(clips(), seed=0)
    for axes_DP in preprocessing.axes:
        gram = axes_DP.T @ axes_DP
        torch.testing.assert_close(gram, gram[0, 0] * torch.eye(5), atol=1e-3 * float(gram[0, 0]), rtol=0)
    inputs = torch.cat([preprocessing(x_TD) for x_TD in clips()])[:, :5]
    assert inputs[:, 0].std() > inputs[:, -1].std()


def test_fitting_is_deterministic_and_leaves_the_seed_of_others_alone():
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    first = Preprocessing(12, ["rgb"], RGB, lag=3, pca_components=5).fit(clips(), seed=0)
    assert torch.equal(torch.rand(1), expected)
    again = Preprocessing(12, ["rgb"], RGB, lag=3, pca_components=5).fit(clips(), seed=0)
    assert all(torch.equal(a, b) for a, b in zip(first.buffers(), again.buffers(), strict=True))


def test_few_clips_and_constant_features_give_finite_inputs():
    still = [torch.cat([x_TD, torch.ones(len(x_TD), 3)], 1) for x_TD in clips(2, 4)]
    preprocessing = Preprocessing(7, ["rgb"], RGB, lag=3, pca_components=64).fit(still, seed=0)
    assert preprocessing(still[0]).shape == (4, 3 * 64)
    assert preprocessing(still[0]).isfinite().all()
    short = Preprocessing(7, ["rgb"], RGB, lag=3, pca_components=2).fit([x_TD[:1] for x_TD in still], seed=0)
    assert short(still[0]).isfinite().all()


def test_packed_features_are_computed_with_as_float32():
    packed = np.ones((3, 2), np.float16)
    packed.flags.writeable = False  # as a view of the file is
    x_TD = to_tensor(packed)
    assert x_TD.dtype == torch.float32
    assert x_TD.tolist() == [[1, 1]] * 3


def test_features_are_split_by_image_type():
    by_type = by_image_type(torch.arange(8.0).view(2, 4), ["rgb", "diff"])
    assert {name: x_TD.tolist() for name, x_TD in by_type.items()} == {
        "rgb": [[0, 1], [4, 5]],
        "diff": [[2, 3], [6, 7]],
    }
