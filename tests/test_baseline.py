import torch

from vidseq.baseline import fit_baseline, mean_over_time


def test_it_knows_what_was_seen_and_not_in_which_order():
    torch.manual_seed(0)
    y = [n % 2 for n in range(40)]
    appearance = [torch.randn(6, 4) + 3 * label for label in y]
    rise = [(torch.arange(6.0)[:, None] - 2.5) * (1 if label else -1) + 0.1 * torch.randn(6, 4) for label in y]
    for clips, low, high in ((appearance, 0.95, 1.0), (rise, 0.0, 0.75)):
        accuracy = fit_baseline(clips[:20], y[:20]).score(mean_over_time(clips[20:]), y[20:])
        assert low <= accuracy <= high
    backwards = [x_TD.flip(0) for x_TD in appearance]
    torch.testing.assert_close(mean_over_time(backwards), mean_over_time(appearance))
