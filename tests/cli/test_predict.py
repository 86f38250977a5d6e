import json
import re
import subprocess
import sys

import pandas as pd
import pytest

from vidseq.cli.predict import find_videos, write_timeline
from vidseq.errors import VidseqError
from vidseq.inference.timeline import Segment
from vidseq.inference.video_model import Timeline

VIDSEQ = (sys.executable, "-m", "vidseq.cli.main")
PREDICT = (*VIDSEQ, "predict")


def run(project, *command: str) -> tuple[int, str, str]:
    env = project.env | {"PYTHONPATH": str(project.folder / "src")}
    done = subprocess.run(command, cwd=project.folder, env=env, text=True, capture_output=True)
    return done.returncode, done.stdout, done.stderr


def probabilities(line: str) -> dict[str, float]:
    return {label: float(probability) for label, probability in re.findall(r"(\w+) (\d\.\d+)", line.partition(": ")[2])}


@pytest.mark.parametrize("head", ["rnn", "transformer"])
def test_a_prediction_is_that_of_the_pipeline(repro, head):
    expected = pd.read_csv(repro.folder / "data" / "predictions" / f"{head}.csv", index_col="clip").iloc[::3]
    paths = pd.read_csv(repro.folder / "data" / "clips.csv", index_col="clip").path[expected.index]
    status, log, errors = run(repro, *PREDICT, "--refuse", "0", "--model", f"models/{head}", *("data/clips/" + paths))
    assert (status, errors) == (0, "")
    assert len(log.splitlines()) == len(expected)
    for line, (clip, row) in zip(log.splitlines(), expected.iterrows(), strict=True):
        assert line.startswith(f"data/clips/{paths[clip]}: {row.predicted} ")
        assert probabilities(line) == pytest.approx(row.drop(["label", "predicted"]).to_dict(), abs=1e-4)


def test_bad_clips_are_named_and_the_others_predicted(repro, tmp_path):
    paths = pd.read_csv(repro.folder / "data" / "clips.csv").path[:2]
    (tmp_path / "bad.avi").write_bytes(b"no video")
    files = (f"data/clips/{paths[0]}", str(tmp_path / "bad.avi"), "data/none.avi", f"data/clips/{paths[1]}")
    status, log, errors = run(repro, *PREDICT, *files)
    assert status == 1
    assert [line.partition(":")[0] for line in log.splitlines()] == [files[0], files[3]]
    assert errors.splitlines() == [
        f"error: {tmp_path}/bad.avi: Invalid data found when processing input",
        "error: data/none.avi: No such file or directory",
    ]


def test_a_model_of_another_machine_or_of_other_weights_says_so(repro, tmp_path):
    clip = "data/clips/" + pd.read_csv(repro.folder / "data" / "clips.csv").path[0]
    for name in ("model.safetensors", "model.json", "out_of_fold.safetensors"):
        (tmp_path / name).write_bytes((repro.folder / "models" / "rnn" / name).read_bytes())
    config = json.loads((tmp_path / "model.json").read_text())
    config["features"] |= {"engine": "torch", "precision": "bf16", "device": "cuda"}
    (tmp_path / "model.json").write_text(json.dumps(config))
    status, log, errors = run(repro, *PREDICT, clip, "--model", str(tmp_path))
    assert status == 0
    assert len(log.splitlines()) == 1
    assert "note: the features are made by openvino, fp32, cpu here, other than in training" in errors
    config["features"]["weights"] = "0"
    (tmp_path / "model.json").write_text(json.dumps(config))
    status, log, errors = run(repro, *PREDICT, clip, "--model", str(tmp_path))
    assert (status, log) == (1, "")
    assert "error: the model was trained with other weights" in errors


def test_what_is_hidden_is_no_video_and_a_wrong_glob_is_one_line(tmp_path):
    for name in ("a.avi", ".b.avi", ".hidden/c.avi", "d/e.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [path.name for path in find_videos([str(tmp_path)])] == ["a.avi", "e.mp4"]
    if sys.version_info < (3, 13):
        with pytest.raises(VidseqError, match=r"\*\*\.avi: Invalid pattern"):
            list(find_videos([f"{tmp_path}/**.avi"]))


def test_a_reader_that_goes_away_does_not_cost_the_timeline(tmp_path, monkeypatch):
    def gone(*_: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("builtins.print", gone)
    found = Timeline(1.0, [Segment(0.0, 1.0, "A", 0.9)], [0.25], {"A": [0.9], "B": [0.1]})
    with pytest.raises(BrokenPipeError):
        write_timeline(found, tmp_path / "a.avi", tmp_path / "a.csv", None)
    assert (tmp_path / "a.csv").read_text().splitlines()[1] == "0.000,1.000,A,0.9000"


def test_no_model_is_one_line(fresh_project):
    status, log, errors = run(fresh_project(), *PREDICT, "a.avi")
    assert (status, log, errors) == (1, "", "error: models/rnn holds no trained model (model.json is missing)\n")


def test_help_names_the_commands():
    assert "predict" in subprocess.check_output([*VIDSEQ, "--help"], text=True)


def test_help_imports_nothing_heavy():
    code = (
        "import sys; import vidseq.cli.main; print([m for m in ('torch', 'numpy', 'pandas', 'av') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
