"""The house rules that no linter knows: which way imports run, and how long things may get."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent

# Package -> the packages of ours that it may import.
LAYERS = {
    "config": {"conversations", "hitl_bridge", "providers"},
    "conversations": {"hitl_bridge", "providers"},
    "hitl_bridge": {"providers"},
    "providers": set(),
}
# The sandbox imitates the outside world: it may borrow, but nothing may lean on it.
PACKAGES = {*LAYERS, "sandbox"}
# Inside an app: kind of module -> the kinds that it must not import.
EDGES = {"admin", "api", "webhooks", "tasks"}
INSIDE = {"models": {"flows", *EDGES}, "flows": EDGES}
FRAMEWORKS = {"django", "rest_framework", "celery", "drf_spectacular", "import_export", "unfold"}
# Places that may import inside a function, as "module:function". Empty, and meant to stay so.
IMPORTS_INSIDE_FUNCTIONS: set[str] = set()
# The house rule is 350 and 40; these leave a little slack for the odd case.
LONGEST_MODULE = 400
LONGEST_FUNCTION = 60


def source_files() -> list[Path]:
    return [
        file
        for package in sorted(PACKAGES)
        for file in sorted((PROJECT / package).rglob("*.py"))
        if "migrations" not in file.parts
    ]


def module_name(file: Path) -> str:
    parts = file.relative_to(PROJECT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imported(node: ast.AST) -> Iterator[str]:
    """Yield the dotted names that one statement imports; `from a import b` may import a.b."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imports() -> Iterator[tuple[str, str]]:
    for file in source_files():
        for node in ast.walk(ast.parse(file.read_text())):
            for name in imported(node):
                yield module_name(file), name


def package_of(module: str) -> str:
    return module.partition(".")[0]


def kind_of(module: str) -> str | None:
    """Return what a module of an app is: `conversations.admin_users` is "admin"."""
    parts = module.split(".")
    if len(parts) < 2:
        return None
    name = parts[1]
    return next((k for k in {"models", "flows", *EDGES} if name == k or _part(name, k)), None)


def _part(name: str, kind: str) -> bool:
    # `api_keys` is not a part of the API, so that one must be a package of its own.
    return kind in {"admin", "webhooks"} and name.startswith(f"{kind}_")


def test_it_imports_one_way_between_packages() -> None:
    wrong = [
        f"{module} imports {name}"
        for module, name in imports()
        if (ours := package_of(module)) in LAYERS
        and (theirs := package_of(name)) in PACKAGES
        and theirs != ours
        and theirs not in LAYERS[ours]
    ]
    assert not wrong


def test_it_imports_one_way_inside_an_app() -> None:
    wrong = [
        f"{module} imports {name}"
        for module, name in imports()
        if package_of(module) == package_of(name)
        and kind_of(name) in INSIDE.get(kind_of(module) or "", set())
    ]
    assert not wrong


def test_it_keeps_frameworks_out_of_the_providers() -> None:
    wrong = [
        f"{module} imports {name}"
        for module, name in imports()
        if package_of(module) == "providers" and package_of(name) in FRAMEWORKS
    ]
    assert not wrong


def test_it_imports_at_the_top_of_modules() -> None:
    wrong = {
        f"{module_name(file)}:{function.name}"
        for file in source_files()
        # An entry point of the sandbox must set Django up before it imports models.
        if package_of(module_name(file)) in LAYERS
        for function in functions(file)
        if any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(function))
    }
    assert wrong == IMPORTS_INSIDE_FUNCTIONS


def test_it_names_modules_in_full() -> None:
    relative = [
        module_name(file)
        for file in source_files()
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not relative


def test_it_keeps_modules_short() -> None:
    long = {
        module_name(file): lines
        for file in source_files()
        if (lines := len(file.read_text().splitlines())) > LONGEST_MODULE
    }
    assert not long


def test_it_keeps_functions_short() -> None:
    long = {
        f"{module_name(file)}:{function.name}": lines
        for file in source_files()
        for function in functions(file)
        if (lines := (function.end_lineno or 0) - function.lineno + 1) > LONGEST_FUNCTION
    }
    assert not long


def functions(file: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize(
    ("module", "kind"),
    [
        ("conversations.admin_users", "admin"),
        ("conversations.api.views", "api"),
        ("conversations.flows.start", "flows"),
        ("hitl_bridge.api_keys", None),
        ("hitl_bridge", None),
    ],
)
def test_it_tells_kinds_of_modules_apart(module: str, kind: str | None) -> None:
    assert kind_of(module) == kind
