"""What code computes something: a digest of the modules that take part, and the packages that these import.

Features in the cache outlive many runs. A bug that is fixed in decoding must not bring back the features made with it,
so their keys hold this fingerprint. It is derived from the import graph; nothing is listed by hand.
"""

import ast
import hashlib
from functools import cache
from importlib.metadata import packages_distributions, version
from pathlib import Path

import grimp

from vidseq.paths import SOURCE

GROUND_FLOOR = ("errors", "files", "paths", "params", "progress")  # of vidseq: needed by all, changes no number


@cache
def fingerprint(*modules: str) -> dict[str, str]:
    """Return a digest of `modules` and all that they import of vidseq, and the installed version of each package.

    The ground floor and this module do not count, nor do comments and docstrings.
    """
    own, packages = import_closure(modules)
    digest = hashlib.sha256()
    for name in own:
        digest.update(f"{name}\n{syntax(_path(name))}\n".encode())
    return {"code": digest.hexdigest(), **{package: version(package) for package in packages}}


def import_closure(modules: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Return the modules of vidseq that take part and the packages that they import, in functions too."""
    graph = grimp.build_graph(
        "vidseq", include_external_packages=True, exclude_type_checking_imports=True, cache_dir=None
    )
    left_out = {__name__, "vidseq", *(f"vidseq.{name}" for name in GROUND_FLOOR)}
    found: set[str] = set()
    queue = list(modules)
    while queue:
        name = queue.pop()
        if name.startswith("vidseq.") and name not in found | left_out:
            found.add(name)
            queue += graph.find_modules_directly_imported_by(name)
    imported = {module for name in found for module in graph.find_modules_directly_imported_by(name)}
    distributions = _distributions()
    packages = {distributions[module][0] for module in imported if module in distributions and module != "vidseq"}
    return sorted(found), sorted(packages)


_distributions = cache(packages_distributions)  # it reads the metadata of all that is installed


def syntax(path: Path) -> str:
    """Return a file's code without comments and docstrings, in one form."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(
            node, clean=False
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def _path(module: str) -> Path:
    path = SOURCE.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
