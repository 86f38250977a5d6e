import pytest

from vidseq import sources


@pytest.mark.parametrize("seed", range(3))
def test_no_performer_of_the_demo_is_in_two_splits(tmp_path, params, monkeypatch, seed):
    monkeypatch.setattr("vidseq.sources.demo._write", lambda *_: None)  # names and groups alone matter here
    monkeypatch.setattr("vidseq.sources.demo.ProcessPoolExecutor", InThisProcess)
    clips = sources.prepare(params.data.model_copy(update={"seed": seed}), tmp_path)
    assert len(clips) == params.data.demo.groups * params.data.demo.clips * 5
    assert (clips.groupby("group").split.nunique() == 1).all()
    assert clips.groupby("split").label.nunique().to_dict() == {"test": 5, "train": 5, "val": 5}
    assert clips["clip"].is_monotonic_increasing


class InThisProcess:
    """Stands in for a pool of processes, which would not see what is patched here."""

    def __init__(self, *_):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    @staticmethod
    def map(function, *iterables, chunksize=1):
        return map(function, *iterables)
