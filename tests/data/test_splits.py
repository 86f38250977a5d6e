import numpy as np
import pandas as pd
import pytest

from vidseq.data.splits import check_splits, held_out, limit_groups, with_test, with_validation
from vidseq.errors import VidseqError

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
def test_held_out_groups_are_whole_and_every_class_is_in_every_split(shared, seed):
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


def test_validation_is_taken_from_training_alone():
    clips = with_test(table(["A", "B"], 12, 3, shared=True), 0.25, 0)
    after = with_validation(clips, 0.2, 0)
    assert (after.split[clips.split == "test"] == "test").all()
    assert set(after.split[clips.split == "train"]) == {"train", "val"}


def test_a_planted_leak_is_named():
    clips = with_validation(with_test(table(["A", "B"], 8, 3, shared=True), 0.25, 0), 0.2, 0)
    leaked = clips.copy()
    leaked.loc[leaked.index[leaked.split == "test"][0], "split"] = "train"
    with pytest.raises(VidseqError, match=r"group 'g\d' is in two parts of the split \(test and train\)"):
        check_splits(leaked)


def test_the_name_of_the_answer_for_no_class_is_taken():
    clips = with_validation(with_test(table(["A", "unknown"], 8, 3, shared=False), 0.25, 0), 0.2, 0)
    with pytest.raises(VidseqError, match="a class is called 'unknown'"):
        check_splits(clips)


def test_a_class_that_is_missing_in_one_split_is_named():
    clips = with_validation(with_test(table(["A", "B"], 8, 3, shared=False), 0.25, 0), 0.2, 0)
    with pytest.raises(VidseqError, match="no clip of B in test"):
        check_splits(clips[~((clips.label == "B") & (clips.split == "test"))])


def test_a_class_of_one_group_cannot_be_divided():
    clips = pd.concat([table(["A"], 5, 2, shared=False), table(["B"], 1, 9, shared=False)], ignore_index=True)
    with pytest.raises(
        VidseqError, match=r"class 'B' has only one group .* as have 1 of 2 classes: each class needs three"
    ):
        held_out(clips.label, clips.group, 0.25, 0)


def test_one_class_alone_is_refused():
    clips = with_validation(with_test(table(["A"], 8, 2, shared=False), 0.25, 0), 0.2, 0)
    with pytest.raises(VidseqError, match="only one class"):
        check_splits(clips)


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


@pytest.mark.parametrize("fraction", [0.05, 0.1, 0.3, 0.35, 0.4, 0.6, 0.9])
def test_a_fraction_is_met_as_nearly_as_whole_groups_allow(fraction):
    clips = table(["A", "B", "C"], 20, 3, shared=False)
    shares = held_out(clips.label, clips.group, fraction, 0).groupby(clips.label).mean()
    assert shares.tolist() == pytest.approx([fraction] * 3)


def test_unequal_groups_meet_the_fraction_too():
    sizes = [1, 1, 1, 97, 30, 20, 10]  # of the groups of each class: 40 of 160 are a quarter
    rows = [(label, f"{label}{n}") for label in "AB" for n, size in enumerate(sizes) for _ in range(size)]
    clips = pd.DataFrame(rows, columns=["label", "group"])
    for seed in SEEDS:
        shares = held_out(clips.label, clips.group, 0.25, seed).groupby(clips.label).mean()
        assert shares.between(0.18, 0.32).all()


def test_two_hundred_classes_are_divided():
    clips = table([f"c{n:03d}" for n in range(200)], 4, 1, shared=False)
    clips = with_validation(with_test(clips, 0.25, 0), 0.2, 0)
    check_splits(clips)
    assert (pd.crosstab(clips.label, clips.split) == [1, 2, 1]).all(axis=None)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("limit", [1, 4, 6, 99])
def test_a_limit_keeps_whole_groups_until_each_class_has_enough_in_each_split(shared, limit):
    clips = with_validation(with_test(table(["A", "B"], 12, 3, shared), 0.25, 0), 0.2, 0)
    kept = limit_groups(clips, limit, 0)
    whole = clips[clips.group.isin(kept.group)]
    pd.testing.assert_frame_equal(kept, whole)
    counts, had = (table.groupby(["label", "split"]).size() for table in (kept, clips))
    assert (counts == np.minimum(had, 3 * -(-limit // 3))).all()
    if limit == 1:
        assert any(set(kept["clip"]) != set(limit_groups(clips, 1, seed)["clip"]) for seed in SEEDS)
