import numpy as np
import pandas as pd
import pytest

from vidseq.errors import VidseqError
from vidseq.splits import check_splits, held_out, read_lists, with_test, with_validation

SEEDS = range(8)


def table(labels: list[str], groups: int, clips: int, shared: bool) -> pd.DataFrame:
    """A clip table whose groups span all classes (`shared`) or belong to one."""
    rows = [
        {"clip": f"{label}_g{group}_c{clip}", "label": label, "group": f"g{group}" if shared else f"{label}_g{group}"}
        for label in labels
        for group in range(groups)
        for clip in range(clips)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("seed", SEEDS)
def test_held_out_groups_are_whole_and_every_class_is_on_every_side(shared, seed):
    clips = with_test(table(["A", "B", "C"], 10, 4, shared), 0.25, seed)
    clips = with_validation(clips, 0.2, seed)
    check_splits(clips)
    assert (clips.groupby("group").split.nunique() == 1).all()
    shares = pd.crosstab(clips.label, clips.split, normalize="index")
    assert shares.test.between(0.2, 0.3).all()
    assert shares.val.between(0.1, 0.25).all()


def test_the_split_is_a_pure_function_of_its_arguments():
    clips = table(["A", "B"], 12, 3, shared=False)
    first, again = (held_out(clips.label, clips.group, 0.25, 5) for _ in range(2))
    pd.testing.assert_series_equal(first, again)
    assert any(not first.equals(held_out(clips.label, clips.group, 0.25, seed)) for seed in SEEDS)


def test_validation_is_carved_out_of_training_alone():
    clips = with_test(table(["A", "B"], 12, 3, shared=True), 0.25, 0)
    after = with_validation(clips, 0.2, 0)
    assert (after.split[clips.split == "test"] == "test").all()
    assert set(after.split[clips.split == "train"]) == {"train", "val"}


@pytest.mark.clips
@pytest.mark.parametrize("split", [1, 2, 3])
def test_no_group_of_the_official_lists_is_on_two_sides(ucf101, split):
    clips = read_lists(ucf101 / "splits", split)
    assert clips.label.nunique() == 101
    assert len(clips) == 13320
    clips["clip"] = clips.name
    clips["group"] = clips.name.str.extract(r"v_(.+_g\d+)_c", expand=False)
    for seed in SEEDS[:4]:
        check_splits(with_validation(clips, 0.2, seed))


@pytest.mark.clips
@pytest.mark.parametrize(("split", "train", "test"), [(1, 426, 167), (2, None, None), (3, None, None)])
def test_the_official_lists_hold_the_known_counts(ucf101, split, train, test):
    lists = read_lists(ucf101 / "splits", split)
    five = lists[lists.label.isin(["BodyWeightSquats", "GolfSwing", "JavelinThrow", "JumpingJack", "PushUps"])]
    assert len(five) == 593
    if train:
        assert dict(five.split.value_counts()) == {"train": train, "test": test}


def test_a_planted_leak_is_named():
    clips = with_validation(with_test(table(["A", "B"], 8, 3, shared=True), 0.25, 0), 0.2, 0)
    leaked = clips.copy()
    leaked.loc[leaked.index[leaked.split == "test"][0], "split"] = "train"
    with pytest.raises(VidseqError, match=r"group 'g\d' stands on two sides of the split \(test and train\)"):
        check_splits(leaked)


def test_a_class_that_is_missing_on_one_side_is_named():
    clips = with_validation(with_test(table(["A", "B"], 8, 3, shared=False), 0.25, 0), 0.2, 0)
    with pytest.raises(VidseqError, match="no clip of B in test"):
        check_splits(clips[~((clips.label == "B") & (clips.split == "test"))])


def test_a_class_of_one_group_cannot_be_divided():
    clips = pd.concat([table(["A"], 5, 2, shared=False), table(["B"], 1, 9, shared=False)], ignore_index=True)
    with pytest.raises(VidseqError, match="class 'B' has only one group"):
        held_out(clips.label, clips.group, 0.25, 0)


def test_one_class_alone_is_refused():
    clips = with_validation(with_test(table(["A"], 8, 2, shared=False), 0.25, 0), 0.2, 0)
    with pytest.raises(VidseqError, match="only one class"):
        check_splits(clips)


def test_lists_are_read_with_either_line_end_and_bad_ones_refused(tmp_path):
    (tmp_path / "trainlist01.txt").write_bytes(b"A/v_A_g02_c01.avi 1\r\nB/v B g02.avi 2\r\n\r\n")
    (tmp_path / "testlist01.txt").write_bytes(b"A/v_A_g01_c01.avi\n")
    lists = read_lists(tmp_path, 1)
    assert lists.name.tolist() == ["A/v_A_g02_c01.avi", "B/v B g02.avi", "A/v_A_g01_c01.avi"]
    assert lists.split.tolist() == ["train", "train", "test"]
    assert lists.label.tolist() == ["A", "B", "A"]
    with pytest.raises(VidseqError, match=r"trainlist02\.txt is missing"):
        read_lists(tmp_path, 2)
    (tmp_path / "testlist01.txt").write_text("A/v_A_g02_c01.avi\n")
    with pytest.raises(VidseqError, match="is listed twice"):
        read_lists(tmp_path, 1)
    (tmp_path / "testlist01.txt").write_text("v_A_g02_c01.avi\n")
    with pytest.raises(VidseqError, match="not of the form"):
        read_lists(tmp_path, 1)


def test_stratification_holds_for_unequal_classes():
    rng = np.random.default_rng(0)
    sizes = {"A": 40, "B": 9, "C": 120}
    clips = pd.DataFrame(
        [(label, f"{label}{rng.integers(12)}") for label, size in sizes.items() for _ in range(size)],
        columns=["label", "group"],
    )
    test = held_out(clips.label, clips.group, 0.25, 0)
    assert set(clips.label[test]) == set(sizes)
    assert not set(clips.group[test]) & set(clips.group[~test])
