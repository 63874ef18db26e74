"""The system calls that Python 3.11 does not offer, through ctypes."""

import ctypes
import os
import platform

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REMOUNT = 0x20
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
MS_RELATIME = 0x200000
MNT_DETACH = 0x2

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_CAPBSET_DROP = 24
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_CAPABILITY_VERSION_3 = 0x20080522
_MOST_CAPABILITIES = 64

_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}

_libc = ctypes.CDLL(None, use_errno=True)


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapabilitySets(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def system_call(number: int, *arguments: int | ctypes.Array[ctypes.c_char]) -> int:
    """Make a system call by its number.

    Raises:
        OSError: as the kernel says.
    """
    words = [ctypes.c_long(item) if isinstance(item, int) else item for item in arguments]
    return _checked(_libc.syscall(ctypes.c_long(number), *words), f"system call {number}")


def unshare(flags: int) -> None:
    """Leave this process's namespaces for new ones; a new pid namespace begins with the next child.

    Raises:
        OSError: the kernel refuses.
    """
    _checked(_libc.unshare(ctypes.c_int(flags)), "unshare")


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """Attach a file system, a file or a folder to a place in the tree.

    Raises:
        OSError: the kernel refuses.
    """
    _checked(
        _libc.mount(
            os.fsencode(source),
            os.fsencode(target),
            kind.encode() or None,
            ctypes.c_ulong(flags),
            options.encode() or None,
        ),
        f"mount {target}",
    )


def detach_mount(target: str) -> None:
    """Take a mount out of the tree at once, with all below it.

    Raises:
        OSError: the kernel refuses.
    """
    _checked(_libc.umount2(os.fsencode(target), ctypes.c_int(MNT_DETACH)), f"umount {target}")


def pivot_root(new_root: str, put_old: str) -> None:
    """Make a mount the root of this mount namespace.

    Raises:
        OSError: the kernel refuses.
    """
    system_call(
        _PIVOT_ROOT[platform.machine()],
        ctypes.create_string_buffer(os.fsencode(new_root)),
        ctypes.create_string_buffer(os.fsencode(put_old)),
    )


def set_host_name(name: str) -> None:
    """Name the machine, as seen in this UTS namespace.

    Raises:
        OSError: the kernel refuses.
    """
    raw = name.encode()
    _checked(_libc.sethostname(raw, ctypes.c_size_t(len(raw))), "sethostname")


def die_with_parent(signal: int) -> None:
    """Have a signal sent to this process when the one that made it ends."""
    prctl(_PR_SET_PDEATHSIG, signal)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    prctl(_PR_SET_CHILD_SUBREAPER, 1)


def forbid_new_privileges() -> None:
    """Make sure that no program run from here gains privileges, setuid or not."""
    prctl(_PR_SET_NO_NEW_PRIVS, 1)


def stay_inspectable() -> None:
    """Keep /proc/self readable for the process itself after its user was changed."""
    prctl(_PR_SET_DUMPABLE, 1)


def bound_capabilities() -> None:
    """Make sure that no program run from here gets a capability; needs some, so it comes before `drop_capabilities`."""
    prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    for capability in range(_MOST_CAPABILITIES):
        try:
            prctl(_PR_CAPBSET_DROP, capability)
        except OSError:  # beyond the kernel's last
            break


def drop_capabilities() -> None:
    """Give up every capability, for good.

    Raises:
        OSError: the kernel refuses.
    """
    header = _CapabilityHeader(_CAPABILITY_VERSION_3, 0)
    sets = (_CapabilitySets * 2)()
    _checked(_libc.capset(ctypes.byref(header), ctypes.byref(sets)), "capset")


def prctl(option: int, *arguments: int | ctypes.c_void_p) -> int:
    """Change or ask what the kernel keeps of this process; the manual of prctl lists it.

    Raises:
        OSError: the kernel refuses.
    """
    words = [
        item if isinstance(item, ctypes.c_void_p) else ctypes.c_ulong(item) for item in arguments
    ]
    words += [ctypes.c_ulong(0)] * (4 - len(words))
    return _checked(_libc.prctl(ctypes.c_int(option), *words), f"prctl {option}")


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result
