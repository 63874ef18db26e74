"""What must stay true of the tree: lengths, names, the README's map, one reader of the environment."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(
    path
    for folder in ("src", "tests", "tools", "bench", "examples")
    for path in (ROOT / folder).rglob("*.py")
)
NAMES_THAT_SAY_NOTHING = {"utils", "helpers", "common", "manager", "base", "misc"}
LONGEST_MODULE_LINES = 700


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_no_module_is_longer_than_a_reader_can_hold() -> None:
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in MODULES}
    too_long = {name: lines for name, lines in lengths.items() if lines > LONGEST_MODULE_LINES}
    assert too_long == {}


def test_every_module_has_a_name_that_says_what_it_holds() -> None:
    odd = [name_of(path) for path in MODULES if path.stem in NAMES_THAT_SAY_NOTHING]
    assert odd == []


def test_only_config_reads_the_environment() -> None:
    readers = []
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            reads = (isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}) and (
                isinstance(node.value, ast.Name) and node.value.id == "os"
            )
            # A function's process is given its variables; it reads none of the server's.
            is_function = path.parent.name == "sandbox"
            if reads and path.name != "config.py" and not is_function:
                readers.append(f"{name_of(path)}:{getattr(node, 'lineno', 0)}")
    assert readers == []


def test_nothing_is_printed_outside_the_command_line() -> None:
    printers = [
        name_of(path)
        for path in (ROOT / "src").rglob("*.py")
        if "cli" not in path.parts
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]
    assert printers == []


def test_nothing_loads_pickles_or_remote_code() -> None:
    forbidden = re.compile(r"\bimport pickle\b|trust_remote_code\s*=\s*True|torch\.load\(")
    found = [name_of(p) for p in (ROOT / "src").rglob("*.py") if forbidden.search(p.read_text())]
    assert found == []


def readme_map() -> dict[str, str]:
    """Return the README map's paths and captions; indentation of two spaces is one level."""
    block = re.search(r"<!-- map -->\n```\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert block, "README.md has lost its map"
    entries: dict[str, str] = {}
    parents: list[str] = []
    for line in block.group(1).splitlines():
        matched = re.match(r"^( *)(\S+)\s{2,}(\S.*)$", line)
        assert matched, f"the map's line has no caption: {line!r}"
        depth = len(matched.group(1)) // 2
        parents = [*parents[:depth], matched.group(2).rstrip("/")]
        entries["/".join(parents)] = matched.group(3)
    return entries


def tracked_folders() -> set[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    return {Path(name).parent.as_posix() for name in listed if (ROOT / name).exists()}


def test_everything_on_the_readme_map_exists() -> None:
    missing = [path for path in readme_map() if not (ROOT / path).exists()]
    assert missing == []


def test_the_readme_map_shows_every_room() -> None:
    folders = tracked_folders()
    top = {folder.split("/")[0] for folder in folders} - {"."}
    rooms = {
        "/".join(folder.split("/")[:3]) for folder in folders if folder.startswith("src/outcrop/")
    }
    services = {
        "/".join(folder.split("/")[:4])
        for folder in folders
        if folder.startswith("src/outcrop/services/")
    }
    expected = (top | rooms | services) - {".ci", "requirements", "src"}
    assert sorted(expected - set(readme_map())) == []


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_paths_named_in_the_documents_exist(document: str) -> None:
    text = (ROOT / document).read_text()
    named = set(re.findall(r"`((?:src|tests|tools|bench|docs|examples)/[\w./-]+)`", text))
    missing = sorted(path for path in named if not (ROOT / path).exists())
    assert missing == []
