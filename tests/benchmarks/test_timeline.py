import pytest

from benchmarks.timeline import scores, segmental_f1
from vidseq.inference.timeline import Segment
from vidseq.inference.video_model import Timeline

TRUTH = [Segment(0, 4, "A", 1.0), Segment(4, 8, "B", 1.0)]


def test_a_true_segment_is_found_once_and_by_its_label():
    assert segmental_f1(TRUTH, TRUTH, 0.5) == 1
    halves = [Segment(0, 2, "A", 1.0), Segment(2, 4, "A", 1.0), Segment(4, 8, "A", 1.0)]
    assert segmental_f1(halves, TRUTH, 0.5) == pytest.approx(2 / 5)
    assert segmental_f1(halves, TRUTH, 0.51) == 0
    assert segmental_f1([], TRUTH, 0.1) == 0


def test_steps_are_compared_with_the_clip_that_they_are_in():
    found = Timeline(8.0, [Segment(0, 5, "A", 1.0), Segment(5, 8, "unknown", 0.4)], [0.5, 4.5, 5.5, 7.5], {})
    assert scores(found, ["A", "B"], [0.0, 4.0, 8.0]) == ["0.250", "0.500", "0.667", "0.667", "0.667"]
