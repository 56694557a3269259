"""The documents beside the book say what is true: commands, links, versions, pins."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TARGET = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)
COMMAND = re.compile(r"\bmake (?:[A-Z]+=\S+ )*([a-z][a-z-]*)")
LINK = re.compile(r"\]\(([^)#]+)\)")


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def quoted(markdown: str) -> str:
    """What stands as code in a text: `between backquotes` or indented."""
    return "\n".join(re.findall(r"`[^`\n]+`|^ {4}.*$", markdown, re.MULTILINE))


def pins() -> dict[str, str]:
    lines = [line.partition("#")[0].strip() for line in text("constraints.txt").splitlines()]
    pairs = (line.partition("==") for line in lines if line)
    return {canonical(name): version for name, _, version in pairs}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"].values()
    lines = [*PROJECT["dependencies"], *(line for extra in extras for line in extra)]
    lines += [x for x in text("requirements.txt").splitlines() if x and x[0] not in "#-"]
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_every_make_command_exists(name: str) -> None:
    commands = set(COMMAND.findall(quoted(text(name))))
    assert {"test", "help"} <= commands
    assert commands <= set(TARGET.findall(text("Makefile")))


def test_the_readme_has_the_two_commands_as_they_are_typed() -> None:
    for command in ("    make book\n", "    make test\n"):
        assert command in text("README.md")


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "ERRATA.md", "CHANGELOG.md"])
def test_every_local_link_leads_somewhere(name: str) -> None:
    missing = [link for link in LINK.findall(text(name)) if not (ROOT / link).exists()]
    assert not [link for link in missing if "://" not in link]


def test_the_readme_example_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", text("README.md"), re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(example, "README.md", "exec"), names)
    assert float(str(names["loss"])) > 0


def test_every_requirement_is_pinned_within_its_range() -> None:
    pinned = pins()
    for requirement in requirements():
        version = pinned[canonical(requirement.name)]
        assert requirement.specifier.contains(version, prereleases=True), (requirement, version)


def test_pins_are_exact_and_public() -> None:
    assert len(pins()) > 100
    for name, version in pins().items():
        assert re.fullmatch(r"[0-9][0-9a-z.]*", version), f"{name}=={version}"


def test_the_version_is_the_same_everywhere() -> None:
    version = PROJECT["version"]
    assert yaml.safe_load(text("CITATION.cff"))["version"] == version
    assert f"version {version}" in text("README.md")
    assert re.search(rf"^## {re.escape(version)}\b", text("CHANGELOG.md"), re.MULTILINE)


def test_continuous_integration_runs_the_readme_command() -> None:
    assert text(".ci/run").rstrip().endswith("make test")
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
