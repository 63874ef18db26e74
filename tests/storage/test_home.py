"""The home folder: one server at a time, movable, private."""

import subprocess
import sys
from pathlib import Path

import pytest

from outcrop.core.errors import HomeError
from outcrop.storage.home import Home

HOLDER = """
import sys, pathlib
from outcrop.storage.home import Home
home = Home(pathlib.Path(sys.argv[1]))
home.lock()
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.prepare()
    return home


def test_a_prepared_home_belongs_to_its_owner_alone(home: Home) -> None:
    assert home.path.stat().st_mode & 0o777 == 0o700
    assert home.objects.is_dir()
    assert home.jobs.is_dir()


def test_preparing_twice_changes_nothing(home: Home) -> None:
    (home.jobs / "kept").mkdir()
    home.prepare()
    assert (home.jobs / "kept").is_dir()


def test_a_second_server_is_refused_and_told_the_pid_of_the_first(home: Home) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(home.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(HomeError, match=rf"pid {holder.pid}\b"):
            home.lock()
        holder.kill()
        holder.wait()
    home.lock()
    home.unlock()


def test_a_lock_that_was_given_back_can_be_taken_again(home: Home) -> None:
    home.lock()
    home.unlock()
    other = Home(home.path)
    other.lock()
    other.unlock()


def test_a_file_in_the_place_of_the_home_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(HomeError, match="home"):
        Home(tmp_path / "home").prepare()
