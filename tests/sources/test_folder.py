import shutil

import pytest

from vidseq import sources
from vidseq.data.clips import store_clips
from vidseq.errors import VidseqError
from vidseq.sources import folder


def options(params, path, **changes):
    return params.data.model_copy(update={"source": "folder", "path": str(path), **changes})


def fill(root, labels=("Run", "Walk"), groups=6, clips=2, name="v_{label}_g{group:02d}_c{clip:02d}.MP4"):
    """Empty files: this source looks at names alone."""
    for label in labels:
        (root / label).mkdir(parents=True)
        for group in range(1, groups + 1):
            for clip in range(1, clips + 1):
                (root / label / name.format(label=label, group=group, clip=clip)).touch()
    return root


def test_videos_are_linked_and_split_by_the_group_in_their_name(tmp_path, params):
    root = fill(tmp_path / "videos")
    (root / "Run" / "notes.txt").touch()
    (root / ".hidden").mkdir()
    clips = sources.prepare(options(params, root), tmp_path / "clips")
    assert len(clips) == 2 * 6 * 2
    assert set(clips.columns) == {"clip", "path", "start", "end", "label", "group", "split"}
    assert "Run_g03" in set(clips.group)
    assert (clips.groupby("group").split.nunique() == 1).all()
    for path in clips.path:
        assert (tmp_path / "clips" / path).samefile(root / path)
        assert (tmp_path / "clips" / path).is_symlink()


def test_what_is_no_video_is_left_out(tmp_path, params):
    root = fill(tmp_path / "videos")
    (root / "Run" / "._v_Run_g01_c01.MP4").write_text("macOS")
    (root / "Run" / "folder.mp4").mkdir()
    (root / "Run" / ".cache").mkdir()
    (root / "Run" / ".cache" / "thumb.mp4").touch()
    assert len(folder.find(options(params, root))) == 2 * 6 * 2


@pytest.mark.parametrize("on_bad_clip", ["fail", "skip"])
def test_a_link_to_nowhere_is_a_bad_clip_among_others(tmp_path, params, monkeypatch, on_bad_clip, capsys):
    monkeypatch.chdir(tmp_path)
    root = fill(tmp_path / "videos")
    (root / "Run" / "v_Run_g01_c09.mp4").symlink_to(tmp_path / "gone.mp4")
    found = sources.prepare(options(params, root), tmp_path / "clips")
    if on_bad_clip == "skip":
        assert len(store_clips(found, tmp_path / "clips", "skip")) == 2 * 6 * 2
        assert "v_Run_g01_c09: No such file or directory" in capsys.readouterr().out
    else:
        with pytest.raises(VidseqError, match=r"1 of 25 clips cannot be read(.|\n)*v_Run_g01_c09: No such file"):
            store_clips(found, tmp_path / "clips", "fail")


def test_a_folder_within_a_class_can_be_a_group(tmp_path, params):
    root = fill(tmp_path / "videos", labels=(), groups=0)
    for label in ("Run", "Walk"):
        for scene in range(4):
            (root / label / f"scene{scene}").mkdir(parents=True)
            (root / label / f"scene{scene}" / "1.mp4").touch()
    clips = sources.prepare(options(params, root, group_pattern="^(.+)/"), tmp_path / "clips")
    assert set(clips.group) == {f"scene{scene}" for scene in range(4)}
    assert "Run/scene0/1" in set(clips["clip"])


def test_a_limit_links_no_more_than_it_keeps(tmp_path, params, capsys):
    root = fill(tmp_path / "videos", groups=8, clips=3)
    clips = sources.prepare(options(params, root, limit=3), tmp_path / "clips")
    assert (clips.groupby(["label", "split"]).size() == 3).all()
    assert len(list((tmp_path / "clips").rglob("*.MP4"))) == len(clips) == 18
    assert "18 of 48 clips: data.limit = 3" in capsys.readouterr().out


def test_another_pattern_finds_other_groups(tmp_path, params):
    root = fill(tmp_path / "videos", name="{clip}_person{group}.mp4")
    clips = sources.prepare(options(params, root, group_pattern=r"_(person\d+)$"), tmp_path / "clips")
    assert set(clips.group) == {f"person{n}" for n in range(1, 7)}  # a person in both classes stays in one split
    assert (clips.groupby("group").split.nunique() == 1).all()


def test_without_groups_each_file_is_its_own_group_and_the_log_warns_of_leakage(tmp_path, params, capsys):
    root = fill(tmp_path / "videos", name="{group}{clip}.mkv")
    clips = sources.prepare(options(params, root), tmp_path / "clips")
    assert clips.group.is_unique
    assert "24 of 24 file names have no group" in (said := capsys.readouterr().out)
    assert "leakage from training to test cannot be excluded" in said
    assert set(clips["clip"]) >= {"Run/11", "Walk/11"}  # the same name in two classes is two clips


def test_lists_decide_the_split_where_they_are_given(tmp_path, params, capsys):
    root, lists = fill(tmp_path / "videos"), tmp_path / "lists"
    lists.mkdir()
    names = sorted(p.relative_to(root).as_posix() for p in root.rglob("*.MP4"))
    test = [name for name in names if "_g01_" in name]
    (lists / "testlist02.txt").write_text("\n".join(test))
    (lists / "trainlist02.txt").write_text("\n".join(f"{n} 1" for n in names if n not in test and "_g06_" not in n))
    clips = sources.prepare(options(params, root, split_lists=str(lists), split=2), tmp_path / "clips")
    assert sorted(clips.path[clips.split == "test"]) == test
    assert "warning: 4 videos are in no list of split 2" in capsys.readouterr().out
    (root / "Run" / "v_Run_g02_c01.MP4").unlink()
    with pytest.raises(VidseqError, match=r"1 clips of split 2 are not in data\.path, the first is Run/v_Run_g02_c01"):
        folder.find(options(params, root, split_lists=str(lists), split=2))


def test_a_leak_in_the_lists_stops_the_pipeline(tmp_path, params):
    root, lists = fill(tmp_path / "videos"), tmp_path / "lists"
    lists.mkdir()
    names = sorted(p.relative_to(root).as_posix() for p in root.rglob("*.MP4"))
    (lists / "testlist01.txt").write_text("\n".join(n for n in names if "_g01_" in n or "g02_c01" in n))
    (lists / "trainlist01.txt").write_text("\n".join(n for n in names if "_g01_" not in n and "g02_c01" not in n))
    with pytest.raises(VidseqError, match=r"group 'Run_g02' is in two parts.*2 group\(s\)"):
        sources.prepare(options(params, root, split_lists=str(lists)), tmp_path / "clips")


@pytest.mark.parametrize(
    ("changes", "prepare", "message"),
    [
        ({}, lambda root: shutil.rmtree(root), r"data\.path: there is no folder .*videos"),
        ({}, lambda root: [shutil.rmtree(f) for f in root.iterdir()], "has no class folders"),
        ({}, lambda root: (root / "Swim").mkdir(), r"Swim has no videos \(\.avi"),
        ({"classes": ["Run", "Fly"]}, lambda root: None, r"data\.classes: there is no folder .*Fly"),
        (
            {"classes": ["Run", "../other"]},
            lambda root: fill(root.parent, ["other"]),
            r"data\.classes: there is no folder .*other",
        ),
        ({"group_pattern": "("}, lambda root: None, r"data\.group_pattern:"),
        ({"group_pattern": r"_g\d+"}, lambda root: None, r"data\.group_pattern:.*capture"),
        ({}, lambda root: (root / "Run" / "v_Run_g01_c01.avi").touch(), "differ in their suffix alone"),
        ({"split_lists": "nowhere"}, lambda root: None, r"trainlist01\.txt is missing"),
    ],
)
def test_what_is_wrong_with_a_folder_is_named_in_one_line(tmp_path, params, changes, prepare, message):
    root = fill(tmp_path / "videos")
    prepare(root)
    with pytest.raises(VidseqError, match=message) as caught:
        folder.find(options(params, root, **changes))
    assert "\n" not in str(caught.value)


@pytest.mark.clips
def test_the_real_clips_by_their_official_split(tmp_path, params, ucf101):
    data = options(params, ucf101 / "videos", split_lists=str(ucf101 / "splits"))
    for seed in range(3):
        clips = sources.prepare(data.model_copy(update={"seed": seed}), tmp_path / f"clips{seed}")
        assert (clips.split == "test").sum() == 167
        assert (clips.split != "test").sum() == 426
        assert (clips.groupby("group").split.nunique() == 1).all()
