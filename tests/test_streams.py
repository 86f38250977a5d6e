import torch

from vidseq.streams import Streams

FRAME = ["frame", "frame_change", "frame_distance"]


def clips(count: int = 30, dim: int = 12) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(4 + row % 9, dim, generator=generator) for row in range(count)]


def test_streams_are_the_frame_its_change_and_its_distance_from_the_mean():
    streams = Streams(2, ["frame"], FRAME, lag=2, components=2)
    streams.axes[:] = torch.eye(2)
    x_TD = torch.tensor([[0.0, 1.0], [4.0, 1.0], [16.0, 1.0], [4.0, 1.0]])
    frame, change, distance = streams(x_TD).split(2, 1)
    assert frame.tolist() == [[0, 1], [2, 1], [4, 1], [2, 1]]  # square roots
    assert change.tolist() == [[0, 0], [2, 0], [4, 0], [0, 0]]  # two steps back, or as far as there is
    assert distance.tolist() == [[2, 0], [0, 0], [2, 0], [0, 0]]


def test_what_stands_still_is_not_in_change_and_distance():
    streams = Streams(12, ["frame"], FRAME, lag=3, components=5).fit(clips(), seed=0)
    still = streams(torch.rand(1, 12).expand(6, 12))
    other = streams(torch.rand(1, 12).expand(6, 12))
    assert (still[:, :5] - other[:, :5]).abs().max() > 0.1
    torch.testing.assert_close(still[:, 5:], other[:, 5:])


def test_frames_and_difference_images_have_streams_of_their_own():
    streams = Streams(4, ["frame", "motion"], ["motion", "frame", "motion_change"], lag=1, components=2)
    streams.axes[:] = torch.eye(2)
    x_TD = torch.tensor([[1.0, 4.0, 9.0, 0.0], [1.0, 4.0, 4.0, 0.0]])
    assert streams(x_TD).tolist() == [[3, 0, 1, 2, 0, 0], [2, 0, 1, 2, 1, 0]]


def test_the_streams_that_are_wanted_are_shown_as_they_are_among_all():
    fitted = Streams(12, ["frame"], FRAME, lag=3, components=5).fit(clips(), seed=0)
    alone = Streams(12, ["frame"], ["frame_distance"], lag=3, components=5).fit(clips(), seed=0)
    torch.testing.assert_close(alone(clips()[0]), fitted(clips()[0])[:, 10:])


def test_components_are_orthogonal_sorted_and_on_one_scale():
    streams = Streams(12, ["frame"], FRAME, lag=3, components=5).fit(clips(), seed=0)
    for axes_DP in streams.axes:
        gram = axes_DP.T @ axes_DP
        torch.testing.assert_close(gram, gram[0, 0] * torch.eye(5), atol=1e-3 * float(gram[0, 0]), rtol=0)
    shown = torch.cat([streams(x_TD) for x_TD in clips()])[:, :5]
    assert shown[:, 0].std() > shown[:, -1].std()


def test_fitting_is_deterministic_and_leaves_the_seed_of_others_alone():
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    first = Streams(12, ["frame"], FRAME, lag=3, components=5).fit(clips(), seed=0)
    assert torch.equal(torch.rand(1), expected)
    again = Streams(12, ["frame"], FRAME, lag=3, components=5).fit(clips(), seed=0)
    assert all(torch.equal(a, b) for a, b in zip(first.buffers(), again.buffers(), strict=True))


def test_few_clips_and_features_that_never_move_are_no_trouble():
    still = [torch.cat([x_TD, torch.ones(len(x_TD), 3)], 1) for x_TD in clips(2, 4)]
    streams = Streams(7, ["frame"], FRAME, lag=3, components=64).fit(still, seed=0)
    assert streams(still[0]).shape == (4, 3 * 64)
    assert streams(still[0]).isfinite().all()
    short = Streams(7, ["frame"], FRAME, lag=3, components=2).fit([x_TD[:1] for x_TD in still], seed=0)
    assert short(still[0]).isfinite().all()
