"""The source `demo`: what it draws, and that only the order of frames tells its pair apart."""

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from vidseq.errors import VidseqError
from vidseq.sources import demo
from vidseq.video.read import frame_timestamps, read_frames

PAIR = ("RaiseThenSquat", "SquatThenRaise")


def params(seed: int = 0, groups: int = 1, clips: int = 1, classes: tuple[str, ...] = ()) -> SimpleNamespace:
    return SimpleNamespace(seed=seed, classes=list(classes), demo=SimpleNamespace(groups=groups, clips=clips))


def prepare(given: SimpleNamespace, folder: Path) -> pd.DataFrame:
    clips = demo.find(given)
    demo.fetch(given, clips, folder)
    return clips


def contents(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*.avi")}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, Path]:
    folder = tmp_path_factory.mktemp("clips")
    return prepare(params(groups=2), folder), folder


def test_the_table_names_the_files(drawn: tuple[pd.DataFrame, Path]) -> None:
    table, folder = drawn
    names = [f"v_{label}_g{group:02d}_c01" for label in demo.CLASSES for group in (1, 2)]
    assert list(table.columns) == ["clip", "path", "label", "group"]
    assert list(table["clip"]) == names
    assert list(table.label) == [name.split("_")[1] for name in names]
    assert list(table.group) == [name.split("_")[2] for name in names]
    assert list(table.path) == [f"{name.split('_')[1]}/{name}.avi" for name in names]
    assert set(contents(folder)) == set(table.path)


def test_clips_are_short_videos_of_different_lengths(drawn: tuple[pd.DataFrame, Path]) -> None:
    table, folder = drawn
    lengths = []
    for path in table.path:
        times = frame_timestamps(folder / path)
        np.testing.assert_allclose(np.diff(times), 1 / demo.FPS, atol=1e-6)
        lengths.append(len(times) / demo.FPS)
    assert min(lengths) >= 2
    assert max(lengths) <= 10
    assert len(set(lengths)) > len(lengths) / 2
    first, last = read_frames(folder / table.path[0], times=[0.0, 1.0])
    assert first.shape == last.shape == (240, 320, 3)
    assert first.std() > 10
    assert not np.array_equal(first, last)


def test_a_clip_depends_on_its_name_and_the_seed_alone(drawn: tuple[pd.DataFrame, Path], tmp_path: Path) -> None:
    before = contents(drawn[1])
    prepare(params(classes=PAIR), tmp_path / "fewer")
    fewer = contents(tmp_path / "fewer")
    assert sorted(fewer) == [f"{label}/v_{label}_g01_c01.avi" for label in PAIR]
    assert all(before[name] == content for name, content in fewer.items())
    prepare(params(seed=1, classes=PAIR[:1]), tmp_path / "other")
    assert all(before[name] != content for name, content in contents(tmp_path / "other").items())


def test_the_number_of_processes_changes_nothing(
    drawn: tuple[pd.DataFrame, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "ProcessPoolExecutor", partial(ProcessPoolExecutor, 1))
    prepare(params(groups=2, classes=("RaiseTwice",)), tmp_path)
    before = contents(drawn[1])
    assert all(before[name] == content for name, content in contents(tmp_path).items())


@pytest.mark.parametrize("seed", range(5))
def test_one_class_of_the_pair_is_the_other_backwards(seed: int) -> None:
    first, second = demo.CLASSES[PAIR[0]]
    assert demo.CLASSES[PAIR[1]] == (second, first)
    rng = np.random.default_rng(seed)
    timing, extents = demo.random_timing(rng, tempo=1), rng.random((2, 2))
    poses = demo.pose(timing, extents)
    backwards = demo.Timing(timing.rests[::-1], timing.moves[::-1])
    np.testing.assert_allclose(demo.pose(backwards, extents[::-1]), poses[::-1], atol=1e-9)
    rest = int(0.2 * demo.FPS)
    np.testing.assert_allclose(poses[:rest], 0, atol=1e-9)  # both begin and end standing, arms down
    np.testing.assert_allclose(poses[-rest:], 0, atol=1e-9)
    np.testing.assert_allclose(poses.max(0), extents.max(0), atol=0.05)


@pytest.mark.parametrize("move", [0, 1])
def test_each_move_is_its_own_reversal(move: int) -> None:
    timing = demo.random_timing(np.random.default_rng(move), tempo=1)._replace(rests=np.array([0.5, 0.5, 0.5]))
    alone = demo.pose(timing._replace(moves=np.array([1.1, 1.1])), np.eye(2))[:, move]
    other = demo.pose(timing._replace(moves=np.array([1.1, 1.1])), np.eye(2)[::-1])[:, move]
    np.testing.assert_allclose(alone, other[::-1], atol=1e-9)


def test_only_the_order_of_frames_tells_the_pair_apart() -> None:
    """On what moves at which height of the picture, and how bright it is there."""
    ordered, blind, labels, groups = [], [], [], []
    for group, label, clip in product(range(1, 13), PAIR, range(1, 4)):
        frames = np.stack([frame.mean((1, 2)) for frame in demo.draw_clip(3, group, label, clip)])[:, :, None]
        rows = frames.reshape(len(frames), 30, 8).mean(2)
        moved = np.abs(rows[4:] - rows[:-4])
        early, late = np.array_split(moved, 2)
        ordered.append(early.mean(0) - late.mean(0))
        blind.append(np.concatenate([pool(x, 0) for pool in (np.mean, np.max, np.std) for x in (rows, moved)]))
        labels.append(label)
        groups.append(group)
    model, folds = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000)), GroupKFold(6)
    right = [
        (cross_val_predict(model, np.stack(x), labels, groups=groups, cv=folds) == np.array(labels)).sum()
        for x in (ordered, blind)
    ]
    assert right[0] > 0.8 * len(labels)
    assert right[1] <= binom.ppf(0.99, len(labels), 0.5)


def test_an_unknown_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VidseqError) as caught:
        prepare(params(classes=("RaiseTwice", "Flying")), tmp_path)
    assert str(caught.value) == (
        "data.classes: the demo has no class 'Flying'; it has RaiseThenSquat, RaiseTwice, "
        "RaiseWithSquat, SquatThenRaise, SquatTwice"
    )
    assert not list(tmp_path.iterdir())
