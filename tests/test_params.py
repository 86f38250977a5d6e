import re
from pathlib import Path

import pytest

from vidseq.errors import VidseqError
from vidseq.params import load_params, write_params

ROOT = Path(__file__).resolve().parents[1]


def write(tmp_path: Path, old: str, new: str) -> Path:
    text = (ROOT / "params.yaml").read_text()
    assert len(re.findall(old, text)) == 1
    (tmp_path / "params.yaml").write_text(re.sub(old, new, text))
    return tmp_path / "params.yaml"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("layers: 2", "layers: two", r"model\.layers = 'two': should be a valid integer$"),
        ("layers: 2", "layers: 0", r"model\.layers = 0: should be greater than or equal to 1$"),
        ("layers: 2", "layers: 2.0", r"model\.layers = 2\.0: should be a valid integer"),
        ("layers: 2", "layers: 2\n  layrs: 3", r"model\.layrs: unknown key, did you mean layers\?$"),
        ("  layers: 2\n", "", r"model\.layers: missing$"),
        ("cell: gru", "cell: rnn", r"rnn\.cell = 'rnn': should be 'gru' or 'lstm'$"),
        ("  heads: 4", "  heads: 3", r"model\.dim = \d+ must be a multiple of transformer\.heads = 3$"),
        ("source: demo", "source: [demo", r"not valid YAML"),
        (
            "diff_seconds: 0.25",
            "diff_seconds: null",
            r"inputs: diff_deviation need difference images: set features\.diff_s",
        ),
        ("- diff_deviation", "- motion", r"preprocessing\.inputs\.1 = 'motion': should be 'rgb', 'rgb_delta'"),
        (
            "  min_recall: 0.9",
            "  min_recall: 1.1",
            r"evaluate\.alarm\.min_recall = 1\.1: should be less than or equal to 1$",
        ),
        ("lr: 0.002", "lr: .nan", r"train\.lr = nan"),
    ],
)
def test_a_wrong_value_is_named_in_one_line_with_what_is_allowed(tmp_path, old, new, message):
    with pytest.raises(VidseqError, match=message) as caught:
        load_params(write(tmp_path, old, new))
    assert "\n" not in str(caught.value)


def test_all_wrong_keys_are_named_at_once(tmp_path):
    path = write(tmp_path, "layers: 2", "layers: two")
    path.write_text(path.read_text().replace("seed: 0", "seed: -1"))
    with pytest.raises(VidseqError, match=r"data\.seed.*model\.layers.*train\.seed"):
        load_params(path)


@pytest.mark.parametrize("text", ["1e-5", "1e-05", "0.00001"])
def test_small_numbers_are_numbers_however_they_are_written(tmp_path, text):
    assert load_params(write(tmp_path, r"lr: 0\.002", f"lr: {text}")).train.lr == 1e-5


def test_a_missing_file_says_where_to_run(tmp_path):
    with pytest.raises(VidseqError, match="run from the project's root"):
        load_params(tmp_path / "params.yaml")


def test_every_key_of_params_yaml_has_a_comment_or_a_plain_name():
    lines = [line for line in (ROOT / "params.yaml").read_text().splitlines() if re.match(r"\s+\w+: \S", line)]
    silent = {line.split(":")[0].strip() for line in lines if "#" not in line}
    assert silent <= {"videos", "lists", "layers", "dropout", "bidirectional", "epochs", "batch_size", "seed"}


def test_values_are_set_and_all_else_stays(tmp_path):
    path = write(tmp_path, "layers: 2", "layers: 2")
    before = path.read_text()
    write_params(path, {})
    assert path.read_text() == before
    changes = {"data.source": "folder", "data.path": "my: videos", "data.limit": None, "data.demo.groups": 9}
    write_params(path, changes)
    data = load_params(path).data
    assert (data.source, data.path, data.limit, data.demo.groups) == ("folder", "my: videos", None, 9)
    lines = list(zip(before.splitlines(), path.read_text().splitlines(), strict=True))
    changed = [(old, new) for old, new in lines if old != new]
    assert [new.split()[0] for _, new in changed] == ["source:", "groups:", "path:"]
    assert all(old.partition("#")[2] == new.partition("#")[2] for old, new in changed)
