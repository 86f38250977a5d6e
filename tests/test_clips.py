import pandas as pd
import pytest

from vidseq.clips import drop_bad
from vidseq.errors import VidseqError

CLIPS = pd.DataFrame(
    [(f"{label}{side}{n}", label, f"{label}{side}{n}", side)
     for label in "AB" for side in ("train", "val", "test") for n in range(2)],
    columns=["clip", "label", "group", "split"],
)  # fmt: skip


def test_fail_lists_every_bad_clip_with_its_reason():
    with pytest.raises(VidseqError, match=r"2 of 12 clips cannot be read.*on_bad_clip=skip") as caught:
        drop_bad(CLIPS, {"Btest1": "no frames", "Atrain0": "cut off"}, "fail")
    assert str(caught.value).splitlines()[1:] == ["  Atrain0: cut off", "  Btest1: no frames"]


def test_skip_leaves_them_out_and_names_them(capsys):
    good = drop_bad(CLIPS, {"Btest1": "no frames"}, "skip")
    assert len(good) == 11
    assert "Btest1" not in set(good["clip"])
    assert "Btest1: no frames" in capsys.readouterr().out


def test_skip_stops_where_a_side_or_a_class_would_be_empty():
    with pytest.raises(VidseqError, match="no clip of B in val"):
        drop_bad(CLIPS, {"Bval0": "bad", "Bval1": "bad"}, "skip")
    with pytest.raises(VidseqError, match="no clip of A can be read"):
        drop_bad(CLIPS, dict.fromkeys(CLIPS["clip"][CLIPS.label == "A"], "bad"), "skip")


def test_nothing_bad_changes_nothing():
    assert drop_bad(CLIPS, {}, "fail") is CLIPS
