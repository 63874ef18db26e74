"""A seccomp filter, assembled by hand: the system calls that no function needs answer EPERM.

What they have in common: they reach past the walls (namespaces, mounts, keys, other processes' memory), or into parts
of the kernel with a history (bpf, perf, io_uring, userfaultfd), or hold memory that no resident size shows (memfd,
System V shared memory).
"""

import ctypes
import errno
import platform
import struct

from outcrop.functions.sandbox import kernel

_PR_SET_SECCOMP = 22
_MODE_FILTER = 2

# struct seccomp_data: nr, arch, instruction pointer, six arguments of eight bytes.
_NUMBER = 0
_ARCHITECTURE = 4
_ARGUMENTS = 16

_LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_AND = 0x54  # BPF_ALU | BPF_AND | BPF_K
_IF_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_IF_AT_LEAST = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_IF_ANY_BIT = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_RETURN = 0x06  # BPF_RET | BPF_K

_ALLOW = 0x7FFF0000
_KILL = 0x80000000
_ERROR = 0x00050000
_REFUSE = _ERROR | errno.EPERM
_ABSENT = _ERROR | errno.ENOSYS

_X32_BIT = 0x40000000
_NEW_NAMESPACES = 0x7E020000  # every CLONE_NEW* that clone(2) takes
_ALLOWED_FAMILIES = (1, 2, 10)  # AF_UNIX, AF_INET, AF_INET6
_SOCKET_TYPE_MASK = 0xF
_REFUSED_SOCKET_TYPES = (3, 10)  # SOCK_RAW, SOCK_PACKET
_REFUSED_TERMINAL_CALLS = (0x5412, 0x541C)  # TIOCSTI and TIOCLINUX type into a terminal

_AUDIT_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_CLONE3 = 435

# name: (x86_64, aarch64); None where the machine has no such call.
_REFUSED: dict[str, tuple[int | None, int | None]] = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "unshare": (272, 97),
    "setns": (308, 268),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "create_module": (174, None),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "syslog": (103, 116),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
    "personality": (135, 92),
    "vhangup": (153, 58),
    "uselib": (134, None),
    "ustat": (136, None),
    "sysfs": (139, None),
    "lookup_dcookie": (212, 18),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262),
    "mknod": (133, None),
    "mknodat": (259, 33),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
}
_CLONE = (56, 220)
_SOCKET = (41, 198)
_IOCTL = (16, 29)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def machine_is_known() -> bool:
    """Return whether the filter can be built for this processor."""
    return platform.machine() in _AUDIT_ARCHITECTURE


def install() -> None:
    """Filter the system calls of this process and all its children, for good; needs no_new_privs.

    Raises:
        OSError: the kernel has no seccomp filters, or the processor is another.
    """
    if not machine_is_known():
        raise OSError(errno.ENOSYS, f"no filter for {platform.machine()}")
    code = assemble(platform.machine())
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.addressof(buffer))
    kernel.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.c_void_p(ctypes.addressof(program)))


def assemble(machine: str) -> bytes:
    """Return the filter as an array of struct sock_filter.

    Args:
        machine: as `platform.machine()` names it: x86_64 or aarch64.
    """
    column = 0 if machine == "x86_64" else 1
    code = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_IF_EQUAL, _AUDIT_ARCHITECTURE[machine], 1, 0),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER),
    ]
    if column == 0:
        code += [_step(_IF_AT_LEAST, _X32_BIT, 0, 1), _step(_RETURN, _ABSENT)]
    for numbers in _REFUSED.values():
        if (number := numbers[column]) is not None:
            code += [_step(_IF_EQUAL, number, 0, 1), _step(_RETURN, _REFUSE)]
    # clone3's flags lie in memory, where a filter cannot look; without it the C library uses clone.
    code += [_step(_IF_EQUAL, _CLONE3, 0, 1), _step(_RETURN, _ABSENT)]
    code += _when(
        _CLONE[column],
        [
            _step(_LOAD, _ARGUMENTS),
            _step(_IF_ANY_BIT, _NEW_NAMESPACES, 0, 1),
            _step(_RETURN, _REFUSE),
            _step(_RETURN, _ALLOW),
        ],
    )
    code += _when(_SOCKET[column], _socket_rules())
    terminal = [_step(_LOAD, _ARGUMENTS + 8)]
    for request in _REFUSED_TERMINAL_CALLS:
        terminal += [_step(_IF_EQUAL, request, 0, 1), _step(_RETURN, _REFUSE)]
    code += _when(_IOCTL[column], [*terminal, _step(_RETURN, _ALLOW)])
    code.append(_step(_RETURN, _ALLOW))
    return b"".join(code)


def _socket_rules() -> list[bytes]:
    rules = [_step(_LOAD, _ARGUMENTS)]
    left = len(_ALLOWED_FAMILIES)
    for family in _ALLOWED_FAMILIES:
        rules.append(_step(_IF_EQUAL, family, left, 0))  # past the refusal below
        left -= 1
    rules.append(_step(_RETURN, _REFUSE))
    rules += [_step(_LOAD, _ARGUMENTS + 8), _step(_AND, _SOCKET_TYPE_MASK)]
    for kind in _REFUSED_SOCKET_TYPES:
        rules += [_step(_IF_EQUAL, kind, 0, 1), _step(_RETURN, _REFUSE)]
    rules.append(_step(_RETURN, _ALLOW))
    return rules


def _when(number: int, rules: list[bytes]) -> list[bytes]:
    return [_step(_IF_EQUAL, number, 0, len(rules)), *rules]


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, if_true, if_false, value)
