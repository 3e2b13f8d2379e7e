"""The house itself: imports go one way, files are short, and what strings name exists."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from pathlib import Path

import pytest
from importlinter.api import read_configuration
from importlinter.cli import lint_imports

PROJECT = Path(__file__).parents[1]
FILES = sorted(file for room in ("bench", "analysis") for file in (PROJECT / room).rglob("*.py"))
#: Where more is better than less, and why: lines of a file, or of a function.
LONGER_FILES: dict[str, str] = {}
LONGER_FUNCTIONS: dict[str, str] = {}
#: Rooms of more than ten files.
LARGER_ROOMS = {
    "analysis/report/sections": "one module a section of the page, whose list is in build.py",
    "bench/contract": "one module a thing that bench and analysis must agree on",
}


def test_imports_go_one_way(monkeypatch):
    monkeypatch.chdir(PROJECT)
    assert lint_imports(no_cache=True) == 0


def test_every_room_has_a_place_in_the_order():
    layers = [
        contract
        for contract in read_configuration("pyproject.toml")["contracts_options"]
        if contract["type"] == "layers"
    ]
    assert {contract["containers"][0] for contract in layers} == {"bench", "analysis"}
    assert all(contract["exhaustive"] == "True" for contract in layers)


def test_the_contract_needs_nothing_but_the_standard_library():
    for file in (PROJECT / "bench" / "contract").glob("*.py"):
        for name in _imported(ast.parse(file.read_text(encoding="utf-8"))):
            own = name == "bench" or name.startswith("bench.contract")
            assert own or name.partition(".")[0] in sys.stdlib_module_names, f"{file.name} imports {name}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PROJECT)))
def test_files_and_functions_are_short_and_say_what_they_do(file):
    name = str(file.relative_to(PROJECT))
    text = file.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert ast.get_docstring(tree), f"{name} does not say what it is for"
    assert len(text.splitlines()) <= 300 or name in LONGER_FILES
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            lines = node.end_lineno - node.lineno + 1
            assert lines <= 50 or f"{name}:{node.name}" in LONGER_FUNCTIONS, f"{node.name}: {lines} lines"


@pytest.mark.parametrize(
    "folder", sorted({file.parent for file in FILES}), ids=lambda folder: str(folder.relative_to(PROJECT))
)
def test_a_room_is_small(folder):
    files = [file for file in folder.glob("*.py") if file.name != "__init__.py"]
    assert len(files) <= 10 or str(folder.relative_to(PROJECT)) in LARGER_ROOMS


def test_modules_that_are_named_in_strings_exist():
    templates = (PROJECT / "analysis").rglob("*.j2")
    settings = [PROJECT / name for name in ("tox.ini", "pyproject.toml", ".ci/run")]
    named = set()
    for file in [*FILES, *templates, *settings]:
        text = file.read_text(encoding="utf-8")
        named.update(re.findall(r"-m\"?,? \"?((?:bench|analysis|tests)(?:\.\w+)*)", text))
    assert {"bench.campaign", "bench.tracing.child", "analysis"} <= named
    for name in named:
        assert importlib.util.find_spec(name), f"there is no module {name}"


def _imported(tree: ast.Module) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append(node.module)
    return found
