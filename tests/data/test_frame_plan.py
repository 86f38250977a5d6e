import numpy as np

from vidseq.data.frame_plan import read_durations, read_frame_plan, write_frame_plan

PLANS = {"b": (np.array([0.0, 0.1 + 0.2, 1.0]), 1.04), "None": (np.array([0.0]), 0.04), "7": (np.array([1 / 3]), 0.4)}


def test_what_is_planned_is_read_to_the_last_bit(tmp_path):
    table = write_frame_plan(PLANS, tmp_path / "frames.parquet")
    assert list(table.columns) == ["clip", "step", "timestamp", "duration"]
    assert table.step.tolist() == [0, 1, 2, 0, 0]
    plan = read_frame_plan(tmp_path / "frames.parquet")
    assert plan == {clip: times.tolist() for clip, (times, _) in PLANS.items()}
    assert all(type(time) is float for times in plan.values() for time in times)  # as a cache key has them


def test_durations_are_by_clip(tmp_path):
    write_frame_plan(PLANS, tmp_path / "frames.parquet")
    durations = read_durations(tmp_path / "frames.parquet")
    assert durations[["7", "b", "None"]].tolist() == [0.4, 1.04, 0.04]
