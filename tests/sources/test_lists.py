import pytest

from vidseq.data.splits import check_splits, with_validation
from vidseq.errors import VidseqError
from vidseq.sources.lists import read_lists


@pytest.mark.clips
@pytest.mark.parametrize("split", [1, 2, 3])
def test_no_group_of_the_official_lists_is_in_two_splits(ucf101, split):
    clips = read_lists(ucf101 / "splits", split)
    assert clips.label.nunique() == 101
    assert len(clips) == 13320
    clips["clip"] = clips.name
    clips["group"] = clips.name.str.extract(r"v_(.+_g\d+)_c", expand=False)
    for seed in range(4):
        check_splits(with_validation(clips, 0.2, seed))


@pytest.mark.clips
@pytest.mark.parametrize(("split", "train", "test"), [(1, 426, 167), (2, None, None), (3, None, None)])
def test_the_official_lists_hold_the_known_counts(ucf101, split, train, test):
    lists = read_lists(ucf101 / "splits", split)
    five = lists[lists.label.isin(["BodyWeightSquats", "GolfSwing", "JavelinThrow", "JumpingJack", "PushUps"])]
    assert len(five) == 593
    if train:
        assert dict(five.split.value_counts()) == {"train": train, "test": test}


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


OUTSIDE = [
    "../v.avi",
    "A/../../v.avi",
    "A/..",
    "./v.avi",
    "/etc/v.avi",
    "A//v.avi",
    "A/b/v.avi",
    "C:/v.avi",
    r"A\..\v.avi/x",
]


@pytest.mark.parametrize("name", [*OUTSIDE, "A/v\0.avi"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path, name):
    (tmp_path / "trainlist01.txt").write_text("A/v_A_g02_c01.avi 1\n")
    (tmp_path / "testlist01.txt").write_text(f"{name}\n")
    with pytest.raises(VidseqError, match="not of the form <Class>/<file>") as caught:
        read_lists(tmp_path, 1)
    assert "\n" not in str(caught.value)


def test_names_that_only_look_odd_are_read(tmp_path):
    names = ["..A/..v.avi", "A B: C/v...avi", "Ενέργεια/κλιπ.avi", "=1+1/a<b>&\"c'$(touch x).avi"]
    for part in ("train", "test"):
        (tmp_path / f"{part}list01.txt").write_text("".join(f"{name}{part}\n" for name in names))
    assert read_lists(tmp_path, 1).name.tolist() == [f"{name}{part}" for part in ("train", "test") for name in names]


def test_a_list_that_is_no_text_ends_in_one_line(tmp_path):
    for part in ("train", "test"):
        (tmp_path / f"{part}list01.txt").write_bytes(b"A/\xff\xfe.avi")
    with pytest.raises(VidseqError, match=r"trainlist01\.txt is not text"):
        read_lists(tmp_path, 1)
