"""A model is found by its name and version, as docs/export.md has it."""

import re
import shlex

from conftest import ROOT, Project

VIDSEQ = ("python", "-m", "vidseq.cli.main")


def test_a_tagged_model_is_fetched_from_a_clone_and_predicts(project):
    text = (ROOT / "docs" / "export.md").read_text().partition("## From a registry")[2]
    blocks = re.findall(r"```console\n(.+?)\n```", text, re.DOTALL)
    publish, (get, predict) = ([shlex.split(line[2:]) for line in block.splitlines()] for block in blocks)
    project.identify()
    project.run("dvc", "remote", "add", "-q", "-d", "shared", str(project.folder.parent / "remote"))
    project.commit()
    for command in publish:
        project.run(*command)
    clone = Project(project.folder.parent / "clone")
    project.run("git", "clone", "-q", str(project.folder), str(clone.folder))  # it has neither models nor a cache
    elsewhere = Project(project.folder.parent / "elsewhere")
    elsewhere.folder.mkdir()
    for name in ("data", ".cache"):
        (elsewhere.folder / name).symlink_to(project.folder / name)
    elsewhere.env["PYTHONPATH"] = project.env["PYTHONPATH"] = str(project.folder / "src")
    elsewhere.run(*(str(clone.folder) if word == "." else word for word in get))
    for file in ("model.json", "model.safetensors", "out_of_fold.safetensors"):
        fetched = (elsewhere.folder / "fetched" / file).read_bytes()
        assert fetched == (project.folder / "models" / "rnn_causal" / file).read_bytes()
    assert predict[0] == "vidseq"
    said = elsewhere.run(*VIDSEQ, *predict[1:])
    assert said == project.run(*VIDSEQ, *predict[1:-1], "models/rnn_causal")
    assert said.startswith(predict[2])
