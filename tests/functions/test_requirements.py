import base64
import hashlib
import zipfile
from pathlib import Path

import pytest

from outcrop.functions.code import PackageError
from outcrop.functions.requirements import install, read_lock
from support.functions import Sample

HASH = "--hash=sha256:" + "a" * 64


def make_wheel(folder: Path, name: str = "greeter", version: str = "1.0") -> str:
    """Write a wheel with one module; return its hash."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": "text = 'hello'\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        record += f"{path},sha256={digest.decode()},{len(text)}\n"
    folder.mkdir(exist_ok=True)
    place = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(place, "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
        wheel.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
    return hashlib.sha256(place.read_bytes()).hexdigest()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The only place that pip looks at: a folder with one wheel, whose hash this is."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    return make_wheel(tmp_path / "wheels")


def test_a_lock_holds_names_versions_markers_and_hashes() -> None:
    assert read_lock(
        f"# a comment\nboto3==1.0 \\\n    {HASH}\nnumpy>=1,<3; python_version > '3.8'  # why\n\nx[y]~=1.0\n"
    ) == [f"boto3==1.0 {HASH}", "numpy>=1,<3; python_version > '3.8'", "x[y]~=1.0"]


@pytest.mark.parametrize(
    "line",
    [
        "-r /etc/passwd",
        "--index-url http://elsewhere",
        "-e .",
        "./x.whl",
        "/x.whl",
        "file:x",
        "x @ https://elsewhere/x.whl",
        "https://elsewhere/x.whl",
        "x --global-option=y",
        "x --config-settings=y",
        "C:\\x",
    ],
)
def test_a_lock_cannot_choose_where_from_or_how(line: str) -> None:
    with pytest.raises(PackageError, match="The lock may hold"):
        read_lock(line)


async def test_a_function_imports_what_its_lock_names(
    sample: Sample, tmp_path: Path, index: str
) -> None:
    sample.write(f"greeter==1.0 --hash=sha256:{index}\n", "requirements.lock")
    sample.write("import greeter\ndef handler(event, context): return greeter.text\n")
    folder = await install(sample.folder, tmp_path / "cache")
    assert folder is not None
    assert await sample.answer(sample.code(requirements=folder)) == "hello"
    made = (folder / "greeter.py").stat().st_mtime_ns
    assert await install(sample.folder, tmp_path / "cache") == folder
    assert (folder / "greeter.py").stat().st_mtime_ns == made


async def test_a_changed_hash_is_refused_and_leaves_nothing(
    sample: Sample, tmp_path: Path, index: str
) -> None:
    assert index
    sample.write(f"greeter==1.0 {HASH}\n", "requirements.lock")
    with pytest.raises(PackageError, match="cannot be installed"):
        await install(sample.folder, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


async def test_a_plain_list_counts_only_where_the_dockerfile_installs_it(
    sample: Sample, tmp_path: Path, index: str
) -> None:
    assert index
    sample.write("greeter\n", "requirements.txt")
    assert await install(sample.folder, tmp_path / "cache") is None
    sample.write("COPY requirements.txt .\nRUN pip install -r requirements.txt\n", "Dockerfile")
    folder = await install(sample.folder, tmp_path / "cache")
    assert folder is not None
    assert (folder / "greeter.py").exists()


async def test_what_the_runtime_brings_along_is_not_installed_again(
    sample: Sample, tmp_path: Path, index: str
) -> None:
    assert index
    sample.write("COPY requirements.txt .\n", "Dockerfile")
    sample.write("boto3\nbotocore>=1.0\npython-dateutil\n", "requirements.txt")
    assert await install(sample.folder, tmp_path / "cache") is None
    sample.write("boto3==0.0.1\n", "requirements.txt")
    with pytest.raises(PackageError, match="boto3"):
        await install(sample.folder, tmp_path / "cache")


async def test_a_package_without_a_lock_needs_nothing(sample: Sample, tmp_path: Path) -> None:
    sample.write("")
    assert await install(sample.folder, tmp_path / "cache") is None
