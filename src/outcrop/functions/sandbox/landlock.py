"""Landlock: what of the file system a process and all its children may touch.

Source: the kernel's Documentation/userspace-api/landlock.rst.
"""

import ctypes
import os
import stat
from collections.abc import Iterable

from outcrop.functions.sandbox import kernel

_CREATE_RULESET = 444
_ADD_RULE = 445
_RESTRICT_SELF = 446
_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1
_RULE_NET_PORT = 2

_EXECUTE = 1 << 0
_WRITE_FILE = 1 << 1
_READ_FILE = 1 << 2
_READ_DIR = 1 << 3
_ALL_OF_VERSION_1 = (1 << 13) - 1
_REFER = 1 << 13
_TRUNCATE = 1 << 14
_IOCTL_DEV = 1 << 15
_NEEDS_FOLDER = _ALL_OF_VERSION_1 & ~(_EXECUTE | _WRITE_FILE | _READ_FILE)
_MAKE_DEVICES = 1 << 6 | 1 << 11  # character and block devices
_CONNECT_TCP = 1 << 1
_SCOPE_ABSTRACT_SOCKETS_AND_SIGNALS = 0b11

READ = _EXECUTE | _READ_FILE | _READ_DIR


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


class _NetPort(ctypes.Structure):
    _fields_ = (("allowed_access", ctypes.c_uint64), ("port", ctypes.c_uint64))


def version() -> int:
    """Return the version of Landlock's interface that this kernel offers.

    Raises:
        OSError: it offers none, or Landlock is switched off.
    """
    return kernel.system_call(_CREATE_RULESET, 0, 0, _CREATE_RULESET_VERSION)


def restrict(
    readable: Iterable[str],
    writable: Iterable[str],
    *,
    listable: Iterable[str] = (),
    ports: Iterable[int] | None = None,
) -> None:
    """Let this process touch nothing but what is named, from now on; needs no_new_privs.

    Args:
        readable: files and folders to read and to run programs from; those that do not exist are passed over.
        writable: the same to write.
        listable: folders whose names may be listed, theirs and those below, and nothing read.
        ports: TCP ports to connect to, where the kernel can limit that; None for no limit.

    Raises:
        OSError: Landlock does not stand here.
    """
    offered = version()
    handled = _ALL_OF_VERSION_1
    if offered >= 2:
        handled |= _REFER
    if offered >= 3:
        handled |= _TRUNCATE
    if offered >= 5:
        handled |= _IOCTL_DEV
    limits_ports = ports is not None and offered >= 4
    attributes = _Ruleset(
        handled,
        _CONNECT_TCP if limits_ports else 0,
        _SCOPE_ABSTRACT_SOCKETS_AND_SIGNALS if offered >= 6 else 0,
    )
    size = 24 if offered >= 6 else 16 if offered >= 4 else 8
    ruleset = kernel.system_call(_CREATE_RULESET, ctypes.addressof(attributes), size, 0)
    try:
        for path in readable:
            _allow(ruleset, path, READ)
        for path in listable:
            _allow(ruleset, path, _READ_DIR)
        for path in writable:
            _allow(ruleset, path, handled & ~_MAKE_DEVICES)
        for port in ports or () if limits_ports else ():
            rule = _NetPort(_CONNECT_TCP, port)
            kernel.system_call(_ADD_RULE, ruleset, _RULE_NET_PORT, ctypes.addressof(rule), 0)
        kernel.system_call(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, access: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            access &= ~(_NEEDS_FOLDER | _REFER)
        rule = _PathBeneath(access, descriptor)
        kernel.system_call(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, ctypes.addressof(rule), 0)
    finally:
        os.close(descriptor)
