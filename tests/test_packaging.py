"""Packaging: commands that exist and are told of, a lock that covers every requirement, packages without tests."""

import ast
import configparser
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from setuptools import find_namespace_packages, find_packages

ROOT = Path(__file__).parents[1]

SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg")


def lines(section: str, option: str) -> list[str]:
    return SETUP[section][option].split("\n")[1:]


COMMANDS = dict(line.split(" = ") for line in lines("options.entry_points", "console_scripts"))
REQUIREMENTS = lines("options", "install_requires") + [
    line
    for extra in SETUP["options.extras_require"]
    if extra != "cuda"
    for line in lines("options.extras_require", extra)
]
LOCKED = [
    Requirement(line)
    for line in (ROOT / "requirements.txt").read_text().splitlines()
    if line.strip() and not line.lstrip().startswith("#")
]
PACKAGES = find_packages(str(ROOT), include=lines("options.packages.find", "include"))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_points_at_a_function_that_exists(command):
    module, function = COMMANDS[command].split(":")
    path = ROOT.joinpath(*module.split(".")).with_suffix(".py")
    assert path.exists()
    assert function == "console"
    assert function in [node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_named_after_its_module(command):
    assert command == "progan-" + COMMANDS[command].split(":")[0].rpartition(".")[2].replace("_", "-")


def test_every_module_with_a_console_is_a_command():
    consoles = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts) + ":console"
        for package in ("progan_tf", "data_prep", "experiments")
        for path in (ROOT / package).rglob("*.py")
        if "\ndef console(" in path.read_text()
    }
    assert consoles == set(COMMANDS.values())


def test_the_readme_names_every_command():
    assert set(re.findall(r"`(progan-[a-z-]+)`", (ROOT / "README.md").read_text())) == set(COMMANDS)


@pytest.mark.parametrize("requirement", REQUIREMENTS)
def test_every_requirement_is_locked_at_a_version_it_allows(requirement):
    wanted = Requirement(requirement)
    pins = [line for line in LOCKED if canonicalize_name(line.name) == canonicalize_name(wanted.name)]
    assert pins
    for pin in pins:
        (specifier,) = pin.specifier
        assert specifier.operator == "=="
        assert wanted.specifier.contains(specifier.version)


def test_every_line_of_the_lock_is_one_version():
    assert [str(line) for line in LOCKED if [s.operator for s in line.specifier] != ["=="]] == []


def test_requirements_are_read():
    assert {"tensorflow >= 2.21, < 2.22", "pytest >= 8"} <= set(REQUIREMENTS)
    assert len(LOCKED) > 50


def test_packages_hold_no_tests():
    assert {"progan_tf", "progan_tf.layers", "data_prep", "experiments"} <= set(PACKAGES)
    assert {package.split(".")[0] for package in PACKAGES} == {"progan_tf", "data_prep", "experiments"}
    assert not [package for package in PACKAGES if "test" in package]


def test_every_folder_with_modules_is_a_package():
    folders = {
        package
        for package in find_namespace_packages(str(ROOT), include=lines("options.packages.find", "include"))
        if any(ROOT.joinpath(*package.split(".")).glob("*.py"))
    }
    assert folders <= set(PACKAGES)
