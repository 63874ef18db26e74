"""The file system that a function sees: a root of its own with the package, Python and its own /tmp, and nothing else."""

import os
from contextlib import suppress
from pathlib import Path

from outcrop.functions.sandbox import kernel
from outcrop.functions.sandbox.specification import (
    CERTIFICATES,
    GROUP_ID,
    LAYERS_ROOT,
    NETWORK,
    REQUIREMENTS_ROOT,
    RUNTIME_ROOT,
    TASK_ROOT,
    USER_ID,
    Specification,
)

_SYSTEM_FOLDERS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_SYSTEM_PARTS = (
    "/usr/bin",
    "/usr/sbin",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/libexec",
    "/usr/share/zoneinfo",
    "/usr/share/ca-certificates",
    "/usr/share/mime",
    "/usr/local/lib",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/etc/mime.types",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/pki/tls/certs",
    "/etc/pki/ca-trust",
    "/etc/alternatives",
)
_DEVICES = ("null", "zero", "full", "random", "urandom")
_BYTES_PER_INODE = 16_384  # as ext4 has it, on which Lambda's /tmp lies
_ROOT_OPTIONS = "size=1m,nr_inodes=512,mode=755"
# statvfs's flags that a bind mount may not lose in a user namespace, and their names for mount(2).
_KEPT_FLAGS = {2: 0x2, 4: 0x4, 8: 0x8, 1024: 0x400, 2048: 0x800, 4096: kernel.MS_RELATIME}


def build_root(wanted: Specification) -> None:
    """Replace the root of this mount namespace; afterwards the folders of `specification` hold what they say.

    Raises:
        OSError: the kernel refuses, or a folder of the specification does not exist.
    """
    kernel.mount("", "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
    root = Path(wanted.staging)
    flags = kernel.MS_NOSUID | kernel.MS_NODEV
    kernel.mount("outcrop", str(root), "tmpfs", flags, _ROOT_OPTIONS)
    _show_system(root, wanted)
    _show_function(root, wanted)
    _make_devices(root)
    _make_temporary(root, wanted)
    (root / "proc").mkdir(exist_ok=True)
    # A container's kernel may refuse a new /proc where its own is covered in part; Python lives without.
    with suppress(OSError):
        kernel.mount("proc", f"{root}/proc", "proc", flags | kernel.MS_NOEXEC)
    flags = kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY | _kept_flags(root)
    kernel.mount("", str(root), flags=flags)
    os.chdir(root)
    kernel.pivot_root(".", ".")
    kernel.detach_mount(".")
    os.chdir("/")


def _show_system(root: Path, wanted: Specification) -> None:
    for folder in map(Path, _SYSTEM_FOLDERS):
        if folder.is_symlink():
            _inside(root, folder).symlink_to(folder.readlink())
        elif folder.is_dir():
            _show(folder, _inside(root, folder))
    has_own_network = wanted.stands(NETWORK)
    names = () if has_own_network else ("/etc/resolv.conf", "/etc/hosts")
    for part in map(Path, (*_SYSTEM_PARTS, *names)):
        if part.exists():
            _show(part, _inside(root, part))
    _write_names(root, with_hosts=has_own_network)
    for name in wanted.python:
        if not any(f"{name}/".startswith(f"{part}/") for part in _SYSTEM_PARTS):
            _show(Path(name), _inside(root, Path(name)))


def _show_function(root: Path, wanted: Specification) -> None:
    _show(Path(wanted.folder), _inside(root, Path(TASK_ROOT)))
    _inside(root, Path(LAYERS_ROOT)).mkdir(parents=True, exist_ok=True)
    for outside, place in (
        (wanted.layers, LAYERS_ROOT),
        (wanted.requirements, REQUIREMENTS_ROOT),
        *((outside, f"{RUNTIME_ROOT}/{name}") for name, outside in wanted.runtime.items()),
        (wanted.certificates, CERTIFICATES),
    ):
        if outside:
            _show(Path(outside), _inside(root, Path(place)))


def _inside(root: Path, path: Path) -> Path:
    return root / path.relative_to("/")


def readable_places(wanted: Specification, *, has_own_root: bool) -> list[str]:
    """Return what Landlock lets a function read."""
    system = [*_SYSTEM_FOLDERS, *_SYSTEM_PARTS, "/proc", "/etc/hosts", "/etc/passwd", "/etc/group"]
    if not wanted.stands(NETWORK):
        system.append("/etc/resolv.conf")
    if has_own_root:
        return [*system, *wanted.python, "/var", LAYERS_ROOT, "/dev"]
    own = [wanted.folder, wanted.links, wanted.layers, wanted.requirements, wanted.certificates]
    places = [*system, *wanted.python, *wanted.runtime.values(), *filter(None, own)]
    return [*places, *(f"/dev/{name}" for name in _DEVICES)]


def writable_places(wanted: Specification, *, has_own_root: bool) -> list[str]:
    """Return what Landlock lets a function write."""
    temporary = "/tmp" if has_own_root else wanted.temporary  # noqa: S108  # the function's own
    return [temporary, "/dev/null", "/dev/zero", "/dev/full"]


def _show(source: Path, target: Path) -> None:
    """Mount a file or folder read-only at another place."""
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    # With what is mounted below: the kernel hides nothing that way, and refuses to leave it out.
    kernel.mount(str(source), str(target), flags=kernel.MS_BIND | kernel.MS_REC)
    flags = kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY | _kept_flags(target)
    kernel.mount("", str(target), flags=flags)


def _kept_flags(path: Path) -> int:
    present = os.statvfs(path).f_flag
    flags = kernel.MS_NOSUID | kernel.MS_NODEV
    for shown, flag in _KEPT_FLAGS.items():
        if present & shown:
            flags |= flag
    return flags


def _write_names(root: Path, *, with_hosts: bool) -> None:
    etc = root / "etc"
    etc.mkdir(exist_ok=True)
    user = f"sbx_user1051:x:{USER_ID}:{GROUP_ID}::/home/sbx_user1051:/sbin/nologin\n"
    (etc / "passwd").write_text(f"root:x:0:0:root:/root:/sbin/nologin\n{user}")
    (etc / "group").write_text(f"root:x:0:\nsbx_group:x:{GROUP_ID}:\n")
    if with_hosts:
        (etc / "hosts").write_text("127.0.0.1 localhost\n")


def _make_devices(root: Path) -> None:
    folder = root / "dev"
    folder.mkdir()
    for name in _DEVICES:
        (folder / name).touch()
        kernel.mount(f"/dev/{name}", str(folder / name), flags=kernel.MS_BIND)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        (folder / name).symlink_to(f"/proc/self/fd/{number}")
    (folder / "fd").symlink_to("/proc/self/fd")


def _make_temporary(root: Path, wanted: Specification) -> None:
    target = root / "tmp"
    target.mkdir(exist_ok=True)
    flags = kernel.MS_NOSUID | kernel.MS_NODEV
    if wanted.temporary_bytes:
        inodes = max(1024, wanted.temporary_bytes // _BYTES_PER_INODE)
        options = f"size={wanted.temporary_bytes},nr_inodes={inodes},mode=1777"
        kernel.mount("tmp", str(target), "tmpfs", flags, options)
        return
    kernel.mount(wanted.temporary, str(target), flags=kernel.MS_BIND)
    flags |= kernel.MS_REMOUNT | kernel.MS_BIND | _kept_flags(target)
    kernel.mount("", str(target), flags=flags)
