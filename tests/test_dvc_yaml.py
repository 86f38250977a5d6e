"""`dvc.yaml` lists all that its stages depend on: derived from the imports, the lock and the table of models."""

import json
import re
from functools import cache
from importlib.metadata import packages_distributions

import grimp
import pytest
from conftest import ROOT
from ruamel.yaml import YAML

from vidseq.models import BASELINE, MODELS

# They change no number: paths and params are params of the stages, the others read, write and report.
GROUND_FLOOR = {"vidseq", "stages", *(f"vidseq.{name}" for name in ("errors", "files", "paths", "params", "progress"))}


def read(name: str) -> dict:
    return YAML(typ="safe", pure=True).load(ROOT / name)


DVC = read("dvc.yaml")
STAGES = DVC["stages"]
CODE = ("src/", "stages/")


@cache
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(
        "vidseq", "stages", include_external_packages=True, exclude_type_checking_imports=True, cache_dir=None
    )


@cache
def closure(module: str) -> set[str]:
    """Return the modules that importing and running a stage's module can run, without the ground floor."""
    found, queue = set(), [module]
    while queue:
        name = queue.pop()
        if name.split(".")[0] in ("vidseq", "stages") and name not in found | GROUND_FLOOR:
            found.add(name)
            queue += graph().find_modules_directly_imported_by(name)
            queue.append(name.rpartition(".")[0])  # its package's __init__ runs too
    return found


def packages(module: str) -> set[str]:
    imported = {name for own in closure(module) for name in graph().find_modules_directly_imported_by(own)}
    distributions = packages_distributions()
    found = {distributions[name][0] for name in imported if name in distributions and name not in ("vidseq", "stages")}
    return {re.sub(r"[._]", "-", name).lower() for name in found}


def module_of(stage: str) -> str:
    return STAGES[stage]["cmd"].split()[2]


def params(stage: str, file: str) -> list[str]:
    return [key for entry in STAGES[stage]["params"] if isinstance(entry, dict) for key in entry.get(file, [])]


def test_imports_in_functions_count():
    assert "vidseq.extraction.encoder" in closure("stages.extract_features")
    assert "torch" in packages("stages.extract_features")


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_all_code_that_it_imports_and_on_no_other_folder(stage):
    listed = [dep for dep in STAGES[stage]["deps"] if dep.startswith(CODE)]
    files = {name: "src/" * name.startswith("vidseq") + name.replace(".", "/") for name in closure(module_of(stage))}

    def covers(dep: str, file: str) -> bool:
        return dep in (f"{file}.py", file) or file.startswith(f"{dep}/")

    missing = {name for name, file in files.items() if not any(covers(dep, file) for dep in listed)}
    assert missing == set()
    assert [dep for dep in listed if not any(covers(dep, file) for file in files.values())] == []
    assert all((ROOT / dep).exists() for dep in listed)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_the_pins_of_the_packages_that_its_code_imports(stage):
    assert set(params(stage, "versions.yaml")) == packages(module_of(stage))


def test_versions_are_those_of_the_lock():
    pins: dict[str, list[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE):
        pins.setdefault(re.sub(r"[._]", "-", name).lower(), []).append(version)
    assert read("versions.yaml") == pins


@pytest.mark.parametrize("stage", STAGES)
def test_the_ground_floor_and_no_more_is_left_out(stage):
    """The exception is small: what is on the ground floor imports nothing of the other floors."""
    for name in GROUND_FLOOR - {"vidseq", "stages"}:
        assert graph().find_modules_directly_imported_by(name) & closure(module_of(stage)) == set()


def test_every_model_of_the_table_is_trained_and_evaluated():
    trained = {stage.removeprefix("train_") for stage in STAGES if stage.startswith("train_")}
    assert trained == {*MODELS, BASELINE}
    for name in (*MODELS, BASELINE):
        command = ["stages.train_baseline"] if name == BASELINE else ["stages.train_head", name]
        assert STAGES[f"train_{name}"]["cmd"].split()[2:] == command
        for stage in ("evaluate", "model_cards", "report", "explain" if name in MODELS else "evaluate"):
            assert f"models/{name}" in STAGES[stage]["deps"], stage
        assert f"metrics/train_{name}.json" in DVC["metrics"]
        assert f"metrics/train_{name}.json" in STAGES["model_cards"]["deps"]


def test_every_model_is_an_artifact():
    assert {name: artifact["path"] for name, artifact in DVC["artifacts"].items()} == {
        name: f"models/{name}" for name in (*MODELS, BASELINE)
    }
    for artifact in DVC["artifacts"].values():
        assert artifact["type"] == "model"
        assert artifact["desc"]
        assert "video-classification" in artifact["labels"]


def test_stages_depend_on_the_clips_by_their_table_alone():
    for stage in STAGES.values():
        assert "data/clips" not in [*stage["deps"], *(out for out in stage["outs"] if isinstance(out, str))]


def test_metrics_are_few_and_named_alike():
    test = json.loads((ROOT / "metrics" / "test.json").read_text())
    assert set(test) == {*MODELS, BASELINE}
    assert all(list(row) == ["accuracy", "precision", "recall", "f1", "log_loss"] for row in test.values())
    columns = sum(len(row) for row in test.values())
    for name in (*MODELS, BASELINE):
        columns += len(json.loads((ROOT / "metrics" / f"train_{name}.json").read_text()))
    assert columns <= 40
    assert not any("metrics" in stage for stage in STAGES.values())  # they are listed once, at the top level
