"""The source `ucf101`, against archives on a loopback server."""

import random
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import BinaryIO

import pandas as pd
import pytest
from sources.range_server import RangeServer, serve

from vidseq.errors import VidseqError
from vidseq.sources import remote_zip, ucf101

SHARED = Path(__file__).resolve().parents[3] / "shared" / "ucf101"

CLASSES = ("Alpha", "Beta", "Gamma")
NAMES = [f"{label}/v_{label}_g{g:02d}_c{c:02d}.avi" for label in CLASSES for g in range(1, 5) for c in range(1, 4)]
CLIP_BYTES = 60_000


@pytest.fixture(autouse=True)
def project(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project as the working directory, no waiting between tries, and no test without its clips."""
    if request.node.get_closest_marker("clips") and not SHARED.is_dir():
        pytest.skip(f"there is no {SHARED}")
    monkeypatch.setattr(remote_zip, "WAITS_S", (0.01, 0.01, 0.01))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RangeServer]:
    """Serves lists.zip and videos.zip."""
    folder = tmp_path / "served"
    folder.mkdir()
    write_lists(folder)
    write_zip(folder / "videos.zip")
    with serve(folder) as running:
        yield running


def content(name: str) -> bytes:
    """Bytes that do not compress; nothing here decodes them."""
    return random.Random(name.lower()).randbytes(CLIP_BYTES)


def write_zip(
    file: Path | BinaryIO,
    names: list[str] = NAMES,
    layout: str = "UCF-101/{name}",
    method: int = zipfile.ZIP_STORED,
    content: Callable[[str], bytes] = content,
) -> None:
    with zipfile.ZipFile(file, "w", method) as archive:
        for name in names:
            archive.writestr(layout.format(name=name, file=Path(name).name), content(name))


def write_lists(folder: Path) -> None:
    """Group 1 is tested on; lists as published: in a folder, with CRLF line ends and class numbers."""
    test = [name for name in NAMES if "_g01_" in name]
    train = [f"{name} {CLASSES.index(name.split('/')[0]) + 1}" for name in NAMES if name not in test]
    with zipfile.ZipFile(folder / "lists.zip", "w") as archive:
        archive.writestr("ucfTrainTestlist/trainlist01.txt", "\r\n".join(train) + "\r\n")
        archive.writestr("ucfTrainTestlist/testlist01.txt", "\r\n".join(test) + "\r\n")


def params(videos: object, lists: object, classes: Sequence[str] = ("Beta",), split: int = 1) -> SimpleNamespace:
    locations = SimpleNamespace(videos=str(videos), lists=str(lists))
    return SimpleNamespace(classes=list(classes), split=split, ucf101=locations)


def remote(server: RangeServer, **changes: object) -> SimpleNamespace:
    return params(server.url("videos.zip"), server.url("lists.zip"), **changes)


def prepare(given: SimpleNamespace, clips_dir: Path) -> pd.DataFrame:
    clips = ucf101.find(given)
    ucf101.fetch(given, clips, clips_dir)
    return clips


def failure(given: SimpleNamespace) -> str:
    with pytest.raises(VidseqError) as caught:
        prepare(given, Path("clips"))
    message = str(caught.value)
    assert "\n" not in message
    return message


def check_beta(given: SimpleNamespace, clips_dir: Path) -> None:
    clips = prepare(given, clips_dir)
    wanted = sorted(name for name in NAMES if name.startswith("Beta/"))
    assert list(clips.columns) == ["clip", "path", "label", "group", "split"]
    assert list(clips.path) == wanted
    assert list(clips["clip"]) == [Path(name).stem for name in wanted]
    assert list(clips.label) == ["Beta"] * 12
    assert set(clips.group) == {f"Beta_g0{g}" for g in range(1, 5)}
    assert set(clips.group[clips.split == "test"]) == {"Beta_g01"}
    assert sorted(file.relative_to(clips_dir).as_posix() for file in clips_dir.rglob("*.avi")) == wanted
    assert all((clips_dir / name).read_bytes() == content(name) for name in wanted)


@pytest.mark.parametrize("layout", ["{file}", "{name}", "UCF-101/{name}"])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_only_the_wanted_members_are_fetched(server: RangeServer, layout: str, method: int) -> None:
    write_zip(server.folder / "videos.zip", layout=layout, method=method)
    check_beta(remote(server), Path("clips"))
    assert server.sent < 12 * CLIP_BYTES * 1.1
    assert server.gets < 12 + 8


def test_local_zip_and_local_folders(server: RangeServer, project: Path) -> None:
    write_zip(project / "local.zip")
    check_beta(params("local.zip", server.folder / "lists.zip"), Path("clips"))
    zipfile.ZipFile("local.zip").extractall("unpacked")
    zipfile.ZipFile(server.folder / "lists.zip").extractall("lists")
    check_beta(params("unpacked", project / "lists"), Path("more_clips"))
    assert server.gets == 0


def test_an_archive_beyond_4_gib(server: RangeServer) -> None:
    with (server.folder / "videos.zip").open("wb") as file:
        file.seek(5 << 30)  # a hole that takes no space
        write_zip(file)
    assert zipfile.ZipFile(server.folder / "videos.zip").infolist()[0].header_offset == 5 << 30
    check_beta(remote(server), Path("clips"))


def test_file_names_may_differ_in_case(server: RangeServer) -> None:
    write_zip(server.folder / "videos.zip", [name.replace("v_Beta", "v_BETA") for name in NAMES])
    check_beta(remote(server), Path("clips"))


def test_an_interrupted_download_resumes(server: RangeServer, project: Path) -> None:
    server.cut_after = 6 * CLIP_BYTES
    assert server.url("videos.zip") in failure(remote(server))
    kept = len(list((project / ".cache/ucf101").glob("*.avi")))
    assert 0 < kept < 12
    server.cut_after, server.sent = None, 0
    check_beta(remote(server), Path("clips"))
    assert server.sent < (12 - kept) * CLIP_BYTES * 1.1 + 10_000
    server.sent = 0
    check_beta(remote(server), Path("again"))
    assert server.sent < 10_000


def test_a_temporary_failure_is_retried(server: RangeServer) -> None:
    server.errors = 3
    check_beta(remote(server), Path("clips"))


def test_a_kept_clip_of_another_archive_is_not_taken(server: RangeServer) -> None:
    write_zip(server.folder / "other.zip", content=lambda name: content(name)[::-1])
    prepare(params(server.url("other.zip"), server.url("lists.zip")), Path("other"))
    check_beta(remote(server), Path("clips"))


def test_a_corrupt_member(server: RangeServer) -> None:
    path = server.folder / "videos.zip"
    path.write_bytes(path.read_bytes().replace(content(NAMES[14])[:100], bytes(100)))
    assert re.search(f"{NAMES[14]} .* CRC", failure(remote(server)))


def test_missing_members_are_counted_and_named(server: RangeServer) -> None:
    write_zip(server.folder / "videos.zip", NAMES[:14])
    named = "10 of 12 .*v_Beta_g01_c03.avi, v_Beta_g02_c01.avi, v_Beta_g02_c02.avi, ...$"
    assert re.search(named, failure(remote(server)))


@pytest.mark.parametrize("part", ["videos", "lists"])
def test_no_network(server: RangeServer, part: str) -> None:
    given = remote(server)
    url = f"http://127.0.0.1:1/{part}.zip"  # where nothing listens
    setattr(given.ucf101, part, url)
    message = failure(given)
    assert url in message
    assert "connect" in message.lower()
    assert all(way in message for way in ("data.source=demo", "data.source=folder", "data.ucf101.videos"))


def test_a_server_without_ranges(server: RangeServer) -> None:
    server.ranges = False
    assert "range requests" in failure(remote(server))


@pytest.mark.parametrize("part", ["videos", "lists"])
def test_an_archive_that_is_missing_or_not_a_zip(server: RangeServer, part: str) -> None:
    (server.folder / f"{part}.zip").unlink()
    assert re.search(rf"{server.url(part)}.zip \((not found|HTTP status 404)\)", failure(remote(server)))
    for junk in (b"", b"nothing", b"<html>" * 1000):
        (server.folder / f"{part}.zip").write_bytes(junk)
        assert "zip archive" in failure(remote(server))


def test_local_paths_that_do_not_exist(server: RangeServer) -> None:
    assert "data.ucf101.lists" in failure(params(server.url("videos.zip"), "nowhere"))
    assert "data.ucf101.videos" in failure(params("nowhere.zip", server.url("lists.zip")))
    assert "trainlist02.txt" in failure(remote(server, split=2))


def test_a_published_file_that_has_changed(server: RangeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ucf101, "VIDEOS_URL", server.url("videos.zip"))
    assert "6960400115" in failure(remote(server))
    monkeypatch.setattr(ucf101, "LISTS_URL", server.url("lists.zip"))
    assert "SHA-256" in failure(remote(server))


def test_an_unknown_class(server: RangeServer) -> None:
    assert "'BETTA'; the closest are Beta" in failure(remote(server, classes=("Alpha", "BETTA")))


@pytest.mark.clips
def test_the_five_default_classes(project: Path) -> None:
    for lists in SHARED.glob("splits/t*list01.txt"):
        for name in re.findall(rf"v_(?:{'|'.join(ucf101.DEFAULT_CLASSES)})_g.*avi", lists.read_text()):
            (project / name).touch()
    clips = prepare(params(".", SHARED / "splits", classes=()), Path("clips"))
    assert set(clips.label) == set(ucf101.DEFAULT_CLASSES)
    assert clips.split.value_counts().to_dict() == {"train": 594, "test": 224}
    assert "Punch_g08" in set(clips.group)


@pytest.mark.clips
@pytest.mark.parametrize("split", [1, 2, 3])
def test_no_group_is_in_two_splits(split: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ucf101, "_files", lambda location, names: names)
    monkeypatch.setattr(ucf101, "link", lambda source, target: None)
    labels = re.findall("[A-Za-z]+", (SHARED / "splits/classInd.txt").read_text())
    clips = prepare(params("", SHARED / "splits", labels, split), Path("clips"))
    assert len(clips) == 13_320
    assert clips.group.nunique() == 101 * 25
    assert clips.groupby("group").split.nunique().max() == 1


@pytest.mark.clips
def test_one_class_out_of_an_archive(server: RangeServer) -> None:
    videos = SHARED / "videos"
    names = sorted(file.relative_to(videos).as_posix() for file in videos.rglob("*.avi"))
    names = [name for i, name in enumerate(names) if name.startswith("PushUps/") or i % 10 == 0]
    write_zip(server.folder / "videos.zip", names, "{file}", content=lambda name: (videos / name).read_bytes())
    wanted = sum(file.stat().st_size for file in videos.glob("PushUps/*"))
    given = params(server.url("videos.zip"), SHARED / "splits", ("PushUps",))
    clips = prepare(given, Path("clips"))
    assert len(clips) == 102
    assert server.sent < wanted * 1.1
    assert all((Path("clips") / path).read_bytes() == (videos / path).read_bytes() for path in clips.path)
