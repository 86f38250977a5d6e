from vidseq import paths


def test_a_queued_experiment_finds_the_project_it_was_copied_from(tmp_path, monkeypatch):
    copy = tmp_path / "project" / ".dvc" / "tmp" / "exps" / "tmpabc"
    copy.mkdir(parents=True)
    monkeypatch.chdir(copy)
    assert paths.project_root() == tmp_path / "project"
    assert paths.cache("features") == tmp_path / "project" / ".cache" / "features"
    assert paths.user_path("../clips").resolve() == tmp_path / "clips"
    assert paths.user_path("/clips").as_posix() == "/clips"


def test_elsewhere_the_working_directory_is_the_project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert paths.project_root() == tmp_path
