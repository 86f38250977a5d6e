import numpy as np
import pytest

from benchmarks import coverage


def test_the_table_has_every_cell(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["coverage", "--runs", "4", "--out", str(tmp_path)])
    coverage.main()
    text = (tmp_path / "intervals.md").read_text()
    cells = len(coverage.GROUPS) * len(coverage.CORRELATIONS) * (len(coverage.ACCURACIES) + len(coverage.PAIRS))
    assert text.count(" → ") == 1 + cells * len(coverage.SIZES)


@pytest.mark.parametrize("correlation", coverage.CORRELATIONS)
def test_clips_have_the_accuracy_and_the_correlation_that_the_table_names(correlation):
    rng = np.random.default_rng(0)
    rate_G = coverage.rate(0.9, correlation, rng.random(100_000))
    first_G, second_G = rng.random((2, 100_000)) < rate_G
    assert first_G.mean() == pytest.approx(0.9, abs=0.005)
    assert np.corrcoef(first_G, second_G)[0, 1] == pytest.approx(correlation, abs=0.02)


def test_an_interval_without_width_covers_the_truth_alone():
    covers, widths = coverage.measure(iter([(0.9, 1.0, None, [0.5, 1.0]), (0.9, 0.9, None, [0.95, 1.0])]))
    assert covers.tolist() == [0.5, 0.5]
    assert widths.tolist() == [0, pytest.approx(0.275)]
