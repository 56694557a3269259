"""The sandbox's command and its refusals; what it holds back is tested by the hostile set."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import coursework
from coursework import sandbox
from tests.coursework.classroom import need_sandbox


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    sandbox.available.cache_clear()
    yield
    sandbox.available.cache_clear()


def test_where_bubblewrap_is_missing_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(sandbox.SandboxError, match=r"not installed.*apt install.*--no-sandbox"):
        sandbox.require()


def test_where_bubblewrap_does_not_work_it_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'no namespaces' >&2\nexit 1\n")
    fake.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(sandbox.SandboxError, match=r"does not work here: no namespaces"):
        sandbox.require()


def test_a_course_that_could_be_seen_from_inside_is_refused() -> None:
    need_sandbox()
    inside = Path(sys.prefix) / "course"
    with pytest.raises(sandbox.SandboxError, match="students' code would see this folder"):
        sandbox.require(inside)
    assert sandbox.exposed(Path("/usr/local/course")) == Path("/usr")
    assert sandbox.exposed(Path(coursework.__file__).parent) is None
    sandbox.require(Path("/nowhere"))


def test_a_private_folder_is_private() -> None:
    folder = sandbox.PrivateFolder()
    assert folder.path.stat().st_mode & 0o777 == 0o700
    folder.close()
    assert not folder.path.exists()


@pytest.mark.parametrize("mode", [0o701, 0o710, 0o777])
def test_a_shared_folder_is_refused(mode: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(mode)
        with pytest.raises(sandbox.SandboxError, match="other users could enter this folder"):
            sandbox.PrivateFolder(path)


def test_a_link_and_a_long_path_are_refused() -> None:
    with tempfile.TemporaryDirectory() as name:
        link = Path(name) / "link"
        link.symlink_to(name)
        with pytest.raises(sandbox.SandboxError, match="expected a folder of this user"):
            sandbox.PrivateFolder(link)
        long = Path(name) / ("x" * 100)
        long.mkdir(mode=0o700)
        with pytest.raises(sandbox.SandboxError, match="too long for a socket"):
            sandbox.PrivateFolder(long)


def test_a_folder_that_was_given_is_not_removed() -> None:
    with tempfile.TemporaryDirectory() as name:
        sandbox.PrivateFolder(Path(name)).close()
        assert Path(name).is_dir()


def test_more_than_sockets_is_noticed_and_removed() -> None:
    folder = sandbox.PrivateFolder()
    (folder.path / "kernel.json").write_text("{}")
    assert not folder.oversize()
    with (folder.path / "large").open("wb") as file:
        file.truncate(2**21)
    assert folder.oversize()
    (folder.path / "large").unlink()
    assert not folder.oversize()
    (folder.path / "nested").mkdir()
    assert folder.oversize()
    (folder.path / "nested").rmdir()
    for k in range(40):
        (folder.path / str(k)).touch()
    assert folder.oversize()
    folder.close()
    assert not folder.path.exists()


def inside(*command: str) -> subprocess.CompletedProcess[str]:
    private = sandbox.PrivateFolder()
    try:
        line = sandbox.enclosed(command, private.path, private.path)
        done = subprocess.run(line, capture_output=True, text=True, env=sandbox.environment())
    finally:
        private.close()
    return done


def test_the_package_can_be_used_inside_and_nothing_of_the_repository_is_there() -> None:
    need_sandbox()
    code = "import rnncore, numpy, os; print(os.listdir(os.path.dirname(rnncore.__path__[0])))"
    done = inside(sys.executable, "-c", code)
    assert done.returncode == 0, done.stderr
    assert set(eval(done.stdout)) <= {"rnncore", Path(sys.prefix).name}


def test_only_named_variables_are_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    need_sandbox()
    monkeypatch.setenv("PASSWORD", "secret")
    names = {line.split("=")[0] for line in inside("/usr/bin/env").stdout.splitlines()}
    assert names == {*sandbox.ENVIRONMENT, "PWD"}
    assert "PASSWORD" not in inside("/bin/cat", "/proc/1/environ").stdout


def test_only_folders_in_memory_can_be_written() -> None:
    need_sandbox()
    for path in ("/", "/dev", "/usr", "/submission", "/etc"):
        assert inside("/usr/bin/touch", f"{path}/x").returncode != 0, path
    assert inside("/usr/bin/touch", "/tmp/x", "/dev/shm/x", "/dev/null").returncode == 0
