import numpy as np

from vidseq.data.frame_plan import ClipPlan, read_durations, read_frame_plan, read_starts, write_frame_plan

PLANS = {
    "b": ClipPlan(np.array([0.0, 0.1 + 0.2, 1.0]), 1.04),
    "None": ClipPlan(np.array([0.0]), 0.04),
    "7": ClipPlan(np.array([1 / 3]), 0.4, start=0.1 + 0.2),
}


def test_what_is_planned_is_read_to_the_last_bit(tmp_path):
    table = write_frame_plan(PLANS, tmp_path / "frames.parquet")
    assert list(table.columns) == ["clip", "step", "timestamp", "duration", "start"]
    assert table.step.tolist() == [0, 1, 2, 0, 0]
    plan = read_frame_plan(tmp_path / "frames.parquet")
    assert plan == {clip: of_clip.times.tolist() for clip, of_clip in PLANS.items()}
    assert all(type(time) is float for times in plan.values() for time in times)  # as a cache key has them


def test_durations_are_by_clip(tmp_path):
    write_frame_plan(PLANS, tmp_path / "frames.parquet")
    durations = read_durations(tmp_path / "frames.parquet")
    assert durations[["7", "b", "None"]].tolist() == [0.4, 1.04, 0.04]


def test_starts_are_by_clip_to_the_last_bit(tmp_path):
    write_frame_plan(PLANS, tmp_path / "frames.parquet")
    assert read_starts(tmp_path / "frames.parquet") == {"b": 0.0, "None": 0.0, "7": 0.1 + 0.2}
