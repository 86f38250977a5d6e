"""Properties of params.yaml over its whole schema: what is refused is one line that names its key."""

from copy import deepcopy
from pathlib import Path
from types import UnionType

import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from vidseq.errors import VidseqError
from vidseq.params import Params, Section, load_params


def keys(section: type[Section], prefix: str = "") -> list[str]:
    """Return all keys of a section that hold a value, with their sections before them."""
    found = []
    for name, field in section.model_fields.items():
        key = f"{prefix}{field.alias or name}"
        inner = field.annotation
        if isinstance(inner, type) and not isinstance(inner, UnionType) and issubclass(inner, Section):
            found += keys(inner, f"{key}.")
        else:
            found.append(key)
    return found


KEYS = keys(Params)
DEFAULTS = YAML(typ="safe", pure=True).load(ROOT / "params.yaml")
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=2)
)
NAMES = st.from_regex(r"[a-z][a-z_]{0,12}", fullmatch=True)


@pytest.fixture(scope="session")
def path(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("params") / "params.yaml"


def changed(key: str, change) -> dict:
    """Return params.yaml's content, with `change` made to the section that holds a key, given the key's last part."""
    content = deepcopy(DEFAULTS)
    *sections, name = key.split(".")
    section = content
    for part in sections:
        section = section[part]
    change(section, name)
    return content


def refusal(content: object, path: Path) -> str | None:
    with path.open("w", encoding="utf-8") as file:
        YAML().dump(content, file)
    try:
        load_params(path)
    except VidseqError as error:
        return str(error)
    return None


def one_line(message: str | None) -> bool:
    return message is not None and len(message.splitlines()) == 1


def test_the_keys_are_those_of_params_yaml():
    def of(content: dict, prefix: str = "") -> list[str]:
        inner = ((f"{prefix}{key}", value) for key, value in content.items())
        return [name for key, value in inner for name in (of(value, f"{key}.") if isinstance(value, dict) else [key])]

    assert of(DEFAULTS) == KEYS


@settings(max_examples=100, deadline=None)
@given(key=st.sampled_from(KEYS), value=ANYTHING)
def test_whatever_a_key_is_set_to_is_taken_or_refused_in_one_line_that_names_the_key(path, key, value):
    message = refusal(changed(key, lambda section, name: section.update({name: value})), path)
    assert message is None or (one_line(message) and key in message)
    if isinstance(value, dict):
        assert message


@settings(max_examples=30, deadline=None)
@given(key=st.sampled_from(KEYS), name=NAMES)
def test_a_key_that_does_not_exist_is_named(path, key, name):
    section = key.rpartition(".")[0]
    if f"{section}.{name}" not in {known[: len(section) + 1 + len(name)] for known in KEYS}:
        message = refusal(changed(key, lambda known, _: known.update({name: 1})), path)
        assert f"{section}.{name}: unknown key" in message


@pytest.mark.parametrize("key", KEYS)
def test_a_missing_key_is_named(path, key):
    assert f"{key}: missing" in refusal(changed(key, lambda section, name: section.pop(name)), path)


@settings(max_examples=30, deadline=None)
@given(content=ANYTHING)
def test_a_file_of_anything_else_ends_in_one_line(path, content):
    assert one_line(refusal(content, path))
