"""docs/reliability.md promises nothing without a test that exists."""

import ast
import re

from conftest import ROOT


def test_every_promise_names_a_test_that_exists_or_a_command():
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| promise")]
    assert len(rows) > 10
    for row in rows:
        named = re.findall(r"`(tests/\S+\.py)(?:::(\w+))?`", row)
        assert named, row
        for file, test in named:
            tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
            assert test in {"", *(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))}, row
    for module in re.findall(r"python -m benchmarks\.(\w+)", text):
        assert (ROOT / "benchmarks" / f"{module}.py").is_file()
