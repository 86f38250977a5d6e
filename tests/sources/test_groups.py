import pandas as pd
import pytest

from vidseq.errors import VidseqError
from vidseq.sources.groups import RULES, find_rule, groups_by


def table(*names: str) -> pd.DataFrame:
    """Two classes of clips with these names."""
    rows = [(f"{label}/{name.format(label=label)}", label) for label in ("Run", "Walk") for name in names]
    return pd.DataFrame(rows, columns=["clip", "label"])


@pytest.mark.parametrize(
    ("name", "rule", "group"),
    [
        ("v_{{label}}_g{group:02d}_c{clip:02d}", "UCF101's names", "Run_g00"),
        ("scene{group}/{clip}", "sub-folders", "scene0"),
        ("anna {group} - {clip}", "a common prefix", "anna 0 -"),
        ("cam_{group}_{clip:03d}", "a common prefix", "cam_0"),
        ("p{group}_{{label}}{clip}_{clip}", "a common first part", "p0"),
        ("{group}{clip}", None, None),
        ("clip_{group}{clip}", None, None),  # one group a class would not do
    ],
)
def test_the_surest_rule_that_fits_is_found(name, rule, group):
    clips = table(*(name.format(group=group, clip=clip) for group in range(4) for clip in range(3)))
    assert find_rule(clips) == rule
    if rule:
        assert groups_by(clips["clip"], RULES[rule]).iloc[0] == group


def test_a_rule_must_fit_all_clips_and_leave_three_groups_in_each_class():
    names = [f"s{group}_{clip}" for group in range(3) for clip in range(2)]
    assert find_rule(table(*names)) == "a common prefix"
    assert find_rule(table(*names, "alone")) is None
    assert find_rule(table(*names[:4])) is None


def test_a_pattern_without_a_group_is_refused():
    with pytest.raises(VidseqError, match=r"data\.group_pattern: .* should capture the group's name"):
        groups_by(table("a")["clip"], "a+")
