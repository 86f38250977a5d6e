"""The source `demo`: what it draws, and that only order tells SitDown from StandUp."""

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from vidseq.errors import VidseqError
from vidseq.sources import demo
from vidseq.sources.figure import random_body
from vidseq.video.read import frame_timestamps, read_frames


def params(seed: int = 0, groups: int = 1, clips: int = 1, classes: tuple[str, ...] = ()) -> SimpleNamespace:
    return SimpleNamespace(seed=seed, classes=list(classes), demo=SimpleNamespace(groups=groups, clips=clips))


def contents(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*.avi")}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, Path]:
    folder = tmp_path_factory.mktemp("clips")
    return demo.prepare(params(groups=2), folder), folder


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
        np.testing.assert_allclose(np.diff(times), 1 / 25, atol=1e-6)
        lengths.append(len(times) / 25)
    assert min(lengths) >= 1.5
    assert max(lengths) <= 5
    assert len(set(lengths)) > len(lengths) / 2
    first, last = read_frames(folder / table.path[0], times=[0.0, 1.0])
    assert first.shape == last.shape == (240, 320, 3)
    assert first.std() > 10
    assert not np.array_equal(first, last)


def test_a_clip_depends_on_its_name_and_the_seed_alone(drawn: tuple[pd.DataFrame, Path], tmp_path: Path) -> None:
    before = contents(drawn[1])
    demo.prepare(params(classes=("StandUp", "SitDown")), tmp_path / "fewer")
    fewer = contents(tmp_path / "fewer")
    assert sorted(fewer) == ["SitDown/v_SitDown_g01_c01.avi", "StandUp/v_StandUp_g01_c01.avi"]
    assert all(before[name] == content for name, content in fewer.items())
    demo.prepare(params(seed=1, classes=("SitDown",)), tmp_path / "other")
    assert all(before[name] != content for name, content in contents(tmp_path / "other").items())


def test_the_number_of_processes_changes_nothing(
    drawn: tuple[pd.DataFrame, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "ProcessPoolExecutor", partial(ProcessPoolExecutor, 1))
    demo.prepare(params(groups=2, classes=("Waving",)), tmp_path)
    before = contents(drawn[1])
    assert all(before[name] == content for name, content in contents(tmp_path).items())


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("seconds", [1.2, 2.0, 5.5])
def test_standing_up_is_sitting_down_backwards(seed: int, seconds: float) -> None:
    times = np.arange(0, seconds, 0.04)
    body = random_body(np.random.default_rng(seed))
    down, up = (demo.ACTIONS[name](times, body, np.random.default_rng(seed)) for name in ("SitDown", "StandUp"))
    for forwards, backwards in zip(down, up, strict=True):
        np.testing.assert_array_equal(forwards, backwards[::-1])
    height = down.hip[:, 1]
    rest = round(0.25 / 0.04)
    assert np.ptp(height[:rest]) < 0.01  # still, then moving, then still again
    assert np.ptp(height[-rest:]) < 0.01
    assert height[0] - height[-1] > 0.15


def test_performer_and_chair_are_in_the_same_places_for_both() -> None:
    view = demo._scene(0, 1).view
    sit, stand = (demo._views(view, label, np.random.default_rng(3)) for label in ("SitDown", "StandUp"))
    assert sit == stand


def test_the_camera_moves_alike_in_both_directions_of_time() -> None:
    times = np.arange(75) / 25
    pans = np.stack([demo._pan(times, np.random.default_rng(seed)) for seed in range(400)])
    drift = pans[:, -1] - pans[:, 0]
    assert np.abs(drift.mean(0)).max() < 4 * drift.std(0).max() / np.sqrt(len(pans))
    assert pans.min() >= 0
    assert pans.max() <= 2 * demo.MARGIN


def test_an_unknown_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VidseqError) as caught:
        demo.prepare(params(classes=("Waving", "Flying")), tmp_path)
    assert str(caught.value) == (
        "data.classes: the demo has no class 'Flying'; it has JumpingJack, PushUps, SitDown, StandUp, Waving"
    )
    assert not list(tmp_path.iterdir())
