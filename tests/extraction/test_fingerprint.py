import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vidseq.extraction import fingerprint as fingerprints
from vidseq.extraction.cache_key import COMPUTES
from vidseq.extraction.fingerprint import GROUND_FLOOR, fingerprint, import_closure, syntax
from vidseq.paths import SOURCE

OWN, PACKAGES = import_closure(COMPUTES)

# In a copy of the library: what a cache key and a backbone's folder are, with one thing or another changed in the code.
VARIANTS = r'''
import json, re, sys, types
from pathlib import Path

encoder = types.ModuleType("vidseq.extraction.encoder")  # in its place, one that needs no CNN
encoder.load_encoder = lambda name: (None, {"dim": 1})
sys.modules[encoder.__name__] = encoder
from vidseq import paths
from vidseq.extraction import backbone, cache_key, fingerprint

assert paths.SOURCE == Path.cwd() / "src"
own, _ = fingerprint.import_closure(cache_key.COMPUTES)

def names():
    fingerprint.fingerprint.cache_clear()
    folder = backbone.load_backbone("any", Path("cache")).folder.name
    return [cache_key.cache_key("content", [0.0], {"name": "any"}), folder]

def changed(files, edit):
    texts = {file: file.read_text() for file in files}
    for file, text in texts.items():
        file.write_text(edit(text))
    found = names()
    for file, text in texts.items():
        file.write_text(text)
    return found

def code(text):
    return text + "CHANGED = 1\n"

def words(text):
    text, docstrings = re.subn(r'^( *)"""(?=\w)', r'\1"""Another. ', text, flags=re.MULTILINE)
    assert docstrings
    return text + "# another comment\n"

part = {name: Path("src", *name.split(".")).with_suffix(".py") for name in own}
others = sorted({*Path("src/vidseq").rglob("*.py")} - {*part.values()})
print(json.dumps({
    "as it is": names(),
    "again": names(),
    "words": changed(part.values(), words),
    "others": changed(others, code),
    "how many others": len(others),
    "one": {name: changed([file], code) for name, file in part.items()},
}))
'''


@pytest.fixture(scope="module")
def variants(tmp_path_factory) -> dict:
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(SOURCE / "vidseq", folder / "src" / "vidseq", ignore=shutil.ignore_patterns("__pycache__"))
    env = os.environ | {"PYTHONPATH": str(folder / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    return json.loads(subprocess.check_output([sys.executable, "-c", VARIANTS], cwd=folder, env=env, text=True))


@pytest.fixture
def other_version(monkeypatch):
    """Let a package be installed in another version."""

    def install(package: str) -> None:
        fingerprint.cache_clear()
        monkeypatch.setattr(fingerprints, "version", lambda name: "0" if name == package else "1")

    yield install
    fingerprint.cache_clear()


def test_what_takes_part_is_found_by_its_imports():
    extraction = {f"vidseq.extraction.{name}" for name in ("encode", "encoder", "engines", "backbone", "quantize")}
    assert set(OWN) == extraction | {f"vidseq.video.{name}" for name in ("display", "packets", "read", "transform")}
    assert {"av", "numpy", "openvino", "torch", "timm"} <= set(PACKAGES)
    assert not {"vidseq", "pandas", "ray", "rich", "pydantic"} & set(PACKAGES)


def test_imports_for_type_checking_do_not_count():
    own, packages = import_closure(("vidseq.extraction.engines",))  # for its types it imports the encoder too
    assert own == ["vidseq.extraction.engines"]
    assert packages == ["numpy", "openvino", "torch"]


@pytest.mark.parametrize("name", OWN)
def test_a_changed_line_of_any_module_that_takes_part_gives_another_key_and_folder(variants, name):
    for before, after in zip(variants["as it is"], variants["one"][name], strict=True):
        assert before != after


def test_each_change_gives_a_key_of_its_own(variants):
    keys = [variants["as it is"][0], *(key for key, _ in variants["one"].values())]
    assert len(set(keys)) == len(OWN) + 1


def test_comments_and_docstrings_change_no_key(variants):
    assert variants["words"] == variants["again"] == variants["as it is"]


def test_no_other_module_changes_a_key(variants):
    assert variants["others"] == variants["as it is"]
    assert variants["how many others"] > 40
    assert all((SOURCE / "vidseq" / f"{name}.py").exists() for name in GROUND_FLOOR)  # they are among the others


@pytest.mark.parametrize("package", PACKAGES)
def test_another_version_of_any_package_gives_another_fingerprint(other_version, package):
    other_version("none of them")
    before = fingerprint(*COMPUTES)
    other_version(package)
    assert fingerprint(*COMPUTES) == before | {package: "0"} != before


def test_a_copied_library_has_the_same_fingerprint_wherever_it_is(tmp_path):
    shutil.copytree(SOURCE / "vidseq", tmp_path / "elsewhere" / "vidseq")
    code = f"from vidseq.extraction.fingerprint import fingerprint; print(fingerprint(*{COMPUTES})['code'])"
    env = os.environ | {"PYTHONPATH": str(tmp_path / "elsewhere")}
    printed = subprocess.check_output([sys.executable, "-c", code], cwd=tmp_path, env=env, text=True)
    assert printed.strip() == fingerprint(*COMPUTES)["code"]


CODE = 'x = "a string"\n\n\nclass Empty:\n    pass\n\n\ndef f(a, b):\n    return a + b\n'
SAME = """'''Module.'''
x = 'a string'   # a comment
class Empty:
    '''Only a docstring.'''
def f(a,
      b):
    "Docstring."
    return (a + b)
"""


def test_syntax_is_code_without_comments_docstrings_and_layout(tmp_path):
    def of(text: str) -> str:
        path = Path(tmp_path / "module.py")
        path.write_text(text, encoding="utf-8")
        return syntax(path)

    assert of(CODE) == of(SAME)
    for old, new in (("a + b", "a - b"), ("a string", "another string"), ("(a, b)", "(a, b=0)"), ("pass", "y = 1")):
        assert of(CODE.replace(old, new)) != of(CODE)
    assert of("def f():\n    x = 1\n    'not a docstring'\n") != of("def f():\n    x = 1\n")
