"""Imports run downwards only, and what must answer at once imports nothing heavy."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# The house from the ground up: a room may use its own modules and any floor below it.
FLOORS = [
    {"progan_tf.atomic"},
    {"progan_tf.errors", "progan_tf.imaging", "progan_tf"},
    {"progan_tf.config"},
    {"progan_tf.cost", "progan_tf.data", "progan_tf.layers", "progan_tf.losses", "progan_tf.presets"},
    {
        "progan_tf.memory",
        "progan_tf.networks",
        "progan_tf.augmentation",
        "progan_tf.schedule",
        "progan_tf.metrics",
        "data_prep",
    },
    {"progan_tf.training"},
    {"progan_tf.extension"},
    {"progan_tf.export", "progan_tf.serving"},
    {"experiments"},
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
# Rooms that may use less than what lies below them.
NARROW = {
    "data_prep": FLOORS[0] | FLOORS[1] | {"progan_tf.data"},
    "progan_tf.serving": FLOORS[0] | FLOORS[1],  # knows SavedModels only
}
HEAVY = ("tensorflow", "keras", "apache_beam", "tensorflow_datasets")


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {
    module_name(path): path
    for package in ("progan_tf", "data_prep", "experiments")
    for path in sorted((ROOT / package).rglob("*.py"))
}


def imports(module: str) -> Iterator[str]:
    """Every module that a module imports, at its top or inside a function."""
    package = module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                source = ".".join([*above, source] if source else above)
            for alias in node.names:
                inner = f"{source}.{alias.name}"
                yield inner if inner in MODULES else source


def room(module: str) -> str | None:
    """The room a module belongs to; None where it is not of this project."""
    parts = module.split(".")
    if parts[0] != "progan_tf":
        return parts[0] if parts[0] in ("data_prep", "experiments") else None
    return ".".join(parts[:2])


def may_import(importer: str, imported: str) -> bool:
    if importer == imported or {importer, imported} <= FLOORS[0]:
        return True
    if importer in NARROW:
        return imported in NARROW[importer]
    return FLOOR[imported] < FLOOR[importer]


def has_console(module: str) -> bool:
    """Whether a module is the entry point of a command."""
    tree = ast.parse(MODULES[module].read_text())
    return any(isinstance(node, ast.FunctionDef) and node.name == "console" for node in tree.body)


ENTRY_POINTS = [module for module in MODULES if has_console(module)]


def heavy_modules_after(statement: str) -> str:
    """Which of the heavy packages a fresh interpreter has loaded after a statement."""
    script = f"import sys; {statement}; print(*sorted(set(sys.modules) & set({HEAVY!r})))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("module", MODULES)
def test_every_module_lies_in_a_room_with_a_floor(module):
    assert room(module) in FLOOR or room(module) in NARROW


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_downwards_only(module):
    rooms = {name: room(name) for name in imports(module)}
    forbidden = [name for name, other in rooms.items() if other and not may_import(room(module), other)]
    assert not forbidden, f"{module} may not import {forbidden}"


@pytest.mark.parametrize("module", MODULES)
def test_what_is_imported_exists(module):
    ours = {name for name in imports(module) if room(name)}
    assert ours <= set(MODULES)


@pytest.mark.parametrize("module", [module for module in MODULES if room(module) == "progan_tf.layers"])
def test_layers_know_keras_and_the_standard_library_alone(module):
    packages = {name.split(".")[0] for name in imports(module) if room(name) != "progan_tf.layers"}
    assert packages <= {"keras", *sys.stdlib_module_names}


@pytest.mark.parametrize("module", [module for module in MODULES if room(module) not in ("data_prep", "experiments")])
def test_the_library_has_no_flags_and_prints_nothing(module):
    assert not {name.split(".")[0] for name in imports(module)} & {"absl", "argparse"}
    calls = [node.func for node in ast.walk(ast.parse(MODULES[module].read_text())) if isinstance(node, ast.Call)]
    assert "print" not in {call.id for call in calls if isinstance(call, ast.Name)}


def test_settings_schedule_and_command_line_need_no_tensorflow():
    statement = (
        "import progan_tf.config, progan_tf.schedule, progan_tf.presets, progan_tf.cost, progan_tf.memory, "
        "progan_tf.training.time_left, progan_tf.errors, data_prep.command_line"
    )
    assert heavy_modules_after(statement) == ""


def test_there_are_commands():
    assert {"data_prep.convert", "experiments.train"} <= set(ENTRY_POINTS)


@pytest.mark.parametrize("module", ENTRY_POINTS)
def test_commands_are_imported_without_tensorflow(module):
    assert heavy_modules_after(f"import {module}") == ""


@pytest.mark.parametrize("importer, imported, allowed", [
    ("progan_tf.config", "progan_tf.errors", True),
    ("progan_tf.losses", "progan_tf.config", True),
    ("progan_tf.presets", "progan_tf.config", True),
    ("progan_tf.config", "progan_tf.presets", False),
    ("progan_tf.networks", "progan_tf.layers", True),
    ("progan_tf.networks", "progan_tf.schedule", False),
    ("progan_tf.layers", "progan_tf.losses", False),
    ("progan_tf.training", "progan_tf.metrics", True),
    ("progan_tf.metrics", "progan_tf.training", False),
    ("progan_tf.extension", "progan_tf.export", False),
    ("data_prep", "progan_tf.data", True),
    ("data_prep", "progan_tf.config", False),
    ("data_prep", "progan_tf.imaging", True),
    ("experiments", "data_prep", True),
    ("data_prep", "experiments", False),
    ("progan_tf.serving", "progan_tf.data", False),
])  # fmt: skip
def test_the_rule_itself(importer, imported, allowed):
    assert may_import(importer, imported) == allowed
