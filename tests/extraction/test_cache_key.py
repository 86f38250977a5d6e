from pathlib import Path

import pandas as pd
import pytest

from vidseq.extraction import fingerprint as fingerprints
from vidseq.extraction.cache_key import COMPUTES, cache_key, plan_jobs
from vidseq.extraction.encode import Diff
from vidseq.extraction.fingerprint import fingerprint, import_closure

CONFIG = {"name": "cnn", "diff": None}
LEFT = [0.0, 0.0, 0.5, 1.0]
CLIPS = pd.DataFrame({"clip": ["a", "b", "c"], "sha256": ["00", "00", "01"]})
FILES = [Path(f"{clip}.avi") for clip in CLIPS["clip"]]


def jobs(step: float = 0.0, config: dict = CONFIG, crop: list[float] | None = None):
    return plan_jobs(CLIPS, FILES, {clip: [step, step + 1] for clip in "abcd"}, config, crop)


def test_the_key_follows_content_frames_and_backbone_and_not_the_name():
    a, b, c = (job.key for job in jobs())
    assert a == b != c
    for other in (
        jobs(0.04),
        jobs(config=CONFIG | {"name": "other"}),
        jobs(config=CONFIG | {"diff": {"seconds": 0.25, "size": 160}}),
        jobs(crop=LEFT),
    ):
        assert not {a, c} & {job.key for job in other}
    assert [job.key for job in jobs(config=dict(reversed(CONFIG.items())))] == [a, b, c]
    later = plan_jobs(CLIPS, FILES, {clip: [1.0, 2.0] for clip in "abc"}, CONFIG, starts={"a": 1.0})
    assert later[0].key != later[1].key  # the same frames, but a difference image looks no further back than the start
    assert [job.start for job in later] == [1.0, 0.0, 0.0]


def test_a_job_has_all_that_encoding_needs():
    *_, job = jobs(0.5, CONFIG | {"diff": {"seconds": 0.25, "size": 160}}, LEFT)
    assert job.crop == LEFT
    assert (job.clip, job.path, job.times, job.sha256, job.diff) == (
        "c",
        Path("c.avi"),
        [0.5, 1.5],
        "01",
        Diff(0.25, 160),
    )


@pytest.mark.parametrize("package", import_closure(COMPUTES)[1])
def test_another_version_of_any_package_gives_another_key(package, monkeypatch):
    before, installed = cache_key("00", [0.0], CONFIG), fingerprints.version
    monkeypatch.setattr(fingerprints, "version", lambda name: "0" if name == package else installed(name))
    fingerprint.cache_clear()
    assert cache_key("00", [0.0], CONFIG) != before
    fingerprint.cache_clear()
    monkeypatch.undo()
    assert cache_key("00", [0.0], CONFIG) == before
