from math import inf

import numpy as np
import pandas as pd

from benchmarks.joined import delays, in_turn, join
from vidseq.video.read import frame_timestamps, read_frames


def test_classes_are_in_turn_and_clips_of_several_groups():
    clips = pd.DataFrame({"label": list("ABC") * 20, "group": np.arange(60) // 6})
    chosen = in_turn(clips, 12)
    assert chosen.label.tolist() == list("ABC") * 4
    assert chosen[chosen.label == "A"].group.nunique() == 4


def test_clips_are_joined_at_known_borders(make_video, tmp_path):
    files = [make_video("a.avi", 50, 25), make_video("b.avi", 20, 10)]
    begin, border, end = join(files, tmp_path / "joined.avi")
    assert (begin, border) == (0, 1.96)
    assert len(frame_timestamps(tmp_path / "joined.avi")) == round(25 * end)
    before, after = (frame.mean() for frame in read_frames(tmp_path / "joined.avi", [border - 0.04, border]))
    assert before > 150
    assert after < 10


def test_a_delay_is_that_of_the_first_right_label_within_the_clip():
    times = np.arange(12) / 4
    named = ["A", "A", "A", "A", "A", "A", "B", "A", "A", "A", "A", "A"]
    assert delays(times, named, ["A", "B", "C"], [0.0, 1.0, 2.0, 3.0]) == [(3, 0.5), (inf, inf)]
