import shutil

import numpy as np
import pandas as pd
from conftest import ROOT

from benchmarks import scale
from benchmarks.scale import draw_features, report, ucf101_clips
from vidseq import files

CLIPS = pd.DataFrame({"clip": ["a", "b", "c"], "label": ["A", "A", "B"], "group": ["g", "g", "h"]})


def test_drawn_features_keep_the_course_of_their_source_and_real_ones_are_as_they_are():
    rng = np.random.default_rng(0)
    real = [rng.random((steps, 6)).astype(np.float16) for steps in (4, 9)]
    first, second, third = draw_features(CLIPS, np.array([1, 0, 1]), np.array([False, True, True]), real, rng)
    np.testing.assert_array_equal(first, real[1])
    assert (second.shape, third.shape) == ((4, 6), (9, 6))
    assert second.dtype == np.float16
    assert not np.array_equal(second, real[0])
    low, high = (np.stack([getattr(x_TD, end)(0) for x_TD in real]) for end in ("min", "max"))
    assert (third >= low.min(0)).all()
    assert (third <= high.max(0)).all()


def test_few_clips_are_of_all_classes_and_groups_are_in_one_part(tmp_path):
    for part, groups in (("train", range(8, 26)), ("test", range(1, 8))):
        names = [f"{c}/v_{c}_g{g:02}_c{n:02}.avi 1" for c in "AB" for g in groups for n in range(1, 5)]
        (tmp_path / f"{part}list01.txt").write_text("\n".join(names))
    clips = ucf101_clips(tmp_path, 12)
    assert clips.label.value_counts().to_dict() == {"A": 6, "B": 6}
    assert set(clips.split) == {"train", "val", "test"}
    assert clips.group.nunique() == 12
    whole = ucf101_clips(tmp_path, 200)
    assert (whole.groupby("group").split.nunique() == 1).all()


def test_growth_is_from_the_fewest_clips_to_the_most():
    uses = {n: {"seconds": 1.0, "cpu": 0.5, "memory": 100e6 + 10e3 * n, "disk": 1e6} for n in (600, 1600)}
    page = report({n: {"real": 9, "uses": {"evaluate": use}} for n, use in uses.items()}, "<ucf101>")
    assert "| evaluate | 106 | 116 | +10.0 |" in page


def test_a_stage_that_is_measured_again_replaces_its_numbers_alone(repro, monkeypatch, tmp_path):
    monkeypatch.setattr(scale, "HOME", tmp_path)
    shutil.copytree(repro.folder, tmp_path / "600", symlinks=True)
    stages = [name for name in scale.read_stages(ROOT) if name != "download"]
    old = {name: {"seconds": -1.0, "cpu": -1.0, "memory": -1.0, "disk": -1.0, "busy": -1.0} for name in stages}
    files.write_json(tmp_path / "600.json", {"real": 9, "uses": old})
    options = ["ucf101", "--clips", "600", "--again", "model_cards", "--out", str(tmp_path / "scale.md")]
    monkeypatch.setattr("sys.argv", ["scale", *options])
    scale.main()
    uses = files.read_json(tmp_path / "600.json")["uses"]
    assert all(value > 0 for value in uses.pop("model_cards").values())
    assert uses == {name: old[name] for name in uses}
