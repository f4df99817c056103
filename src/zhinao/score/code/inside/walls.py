"""The walls around a process, which it builds around itself and cannot take down again: limits, Landlock, seccomp, namespaces.

Linux alone, x86-64 and ARM64. Each wall says whether it stands; seccomp and the limits must. With seccomp no process is started, no
program executed, no socket opened, no other process touched, and no file's rights are changed; with Landlock only the folder of the
run is written and only libraries are read. Where Landlock is missing, seccomp lets no file be opened for writing at all.
Sources: seccomp(2), landlock(7), the kernel's tables of system calls.
"""

import ctypes
import os
import platform
import resource
import struct

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _PR_SET_DUMPABLE = 1, 22, 38, 4
_PR_CAPBSET_DROP, _PR_CAP_AMBIENT, _CLEAR_ALL, _CAPABILITIES_V3 = 24, 47, 4, 0x20080522
_NEW_NET, _NEW_USER, _NEW_IPC = 0x40000000, 0x10000000, 0x08000000
_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _ENOSYS = 1, 38
_CLONE_THREAD = 0x00010000
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

# name -> numbers on x86-64 and on ARM64; None: it does not exist there
_CALLS = {
    "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281),
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201),
    "accept": (43, 202), "accept4": (288, 242), "sendto": (44, 206), "sendmsg": (46, 211), "recvfrom": (45, 207),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424), "kill": (62, 129), "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240), "mount": (165, 40), "umount2": (166, 39),
    "mount_setattr": (442, 442), "fsconfig": (431, 431), "fspick": (433, 433), "open_tree_attr": (467, 467),
    "adjtimex": (159, 171), "clock_adjtime": (305, 266), "kexec_file_load": (320, 294), "personality": (135, 92),
    "modify_ldt": (154, None), "vhangup": (153, 58), "kcmp": (312, 272), "process_madvise": (440, 440), "quotactl_fd": (443, 443),
    "memfd_secret": (447, 447), "sched_setscheduler": (144, 119), "sched_setattr": (314, 274), "ioprio_set": (251, 30),
    "move_mount": (429, 429), "open_tree": (428, 428), "fsopen": (430, 430), "fsmount": (432, 432), "pivot_root": (155, 41),
    "chroot": (161, 51), "unshare": (272, 97), "setns": (308, 268), "bpf": (321, 280), "perf_event_open": (298, 241),
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218), "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "setrlimit": (160, 164), "setpriority": (141, 140), "sched_setaffinity": (203, 122), "reboot": (169, 142),
    "kexec_load": (246, 104), "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "swapon": (167, 224), "swapoff": (168, 225), "settimeofday": (164, 170), "clock_settime": (227, 112),
    "sethostname": (170, 161), "setdomainname": (171, 162), "syslog": (103, 116), "acct": (163, 89), "quotactl": (179, 60),
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, None),
    "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "utime": (132, None), "utimes": (235, None),
    "utimensat": (280, 88), "futimesat": (261, None), "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7),
    "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16), "mknod": (133, None), "mknodat": (259, 33),
    "setuid": (105, 146), "setgid": (106, 144), "setreuid": (113, 145), "setregid": (114, 143), "setresuid": (117, 147),
    "setresgid": (119, 149), "setgroups": (116, 159), "capset": (126, 91), "setsid": (112, 157), "setpgid": (109, 154),
    "open_by_handle_at": (304, 265), "openat2": (437, 437), "ioperm": (173, None), "iopl": (172, None),
    "shmget": (29, 194), "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180), "memfd_create": (319, 279),
    "name_to_handle_at": (303, 264), "inotify_init1": (294, 26), "fanotify_init": (300, 262),
}  # fmt: skip
# Only where Landlock is missing: whatever changes a file's name.
_NAMES = {
    "unlink": (87, None), "unlinkat": (263, 35), "rename": (82, None), "renameat": (264, 38), "renameat2": (316, 276),
    "rmdir": (84, None), "mkdir": (83, None), "mkdirat": (258, 34), "link": (86, None), "linkat": (265, 37),
    "symlink": (88, None), "symlinkat": (266, 36), "truncate": (76, 45), "creat": (85, None),
}  # fmt: skip
_NEEDED = {
    "clone": (56, 220),
    "clone3": (435, 435),
    "openat": (257, 56),
    "open": (2, None),
    "prlimit64": (302, 261),
    "tgkill": (234, 131),
    "ftruncate": (77, 46),
}


def build(*, folder: str, readable: list[str], seconds: int, memory: int, without: tuple[str, ...] = ()) -> list[str]:
    """All walls that stand here, by name; `without` leaves some out (for tests). Raises OSError where one that must stand does not."""
    _libc.prctl(_PR_SET_PDEATHSIG, 9)
    _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)  # a process of the same user does not look into it
    stand = []
    if "namespaces" not in without and _namespaces():
        stand.append("namespaces")
    _limits(seconds, memory)
    stand.append("limits")
    if _drop_capabilities():
        stand.append("no-capabilities")
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs")
    has_landlock = "landlock" not in without and _landlock(folder, readable)
    if has_landlock:
        stand.append("landlock")
    _seccomp(has_landlock)
    return [*stand, "seccomp"]


def _limits(seconds: int, memory: int) -> None:
    for what, value in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, 2**20),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
    ):
        resource.setrlimit(what, (value, value))


def _namespaces() -> bool:
    """No network but a loopback that is down. In a container without user namespaces seccomp alone stands in the way."""
    flags = _NEW_NET | _NEW_IPC
    return _libc.unshare(flags) == 0 or _libc.unshare(flags | _NEW_USER) == 0


def _drop_capabilities() -> bool:
    """Root without its powers: the list of refused calls is not the only thing between it and the machine's mounts and clock."""
    for number in range(64):
        _libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)
    _libc.prctl(_PR_CAP_AMBIENT, _CLEAR_ALL, 0, 0, 0)
    header = ctypes.create_string_buffer(struct.pack("<Ii", _CAPABILITIES_V3, 0), 8)
    return _libc.capset(header, ctypes.create_string_buffer(24)) == 0


def _landlock(folder: str, readable: list[str]) -> bool:
    """Read what is readable, and write in the folder alone."""
    create, add, restrict = 444, 445, 446
    abi = _libc.syscall(create, None, ctypes.c_size_t(0), 1)
    if abi < 1:
        return False
    reading = 1 << 0 | 1 << 2 | 1 << 3  # execute (a library is mapped so), read a file, list a folder
    handled = (1 << 13) - 1 | (1 << 13 if abi >= 2 else 0) | (1 << 14 if abi >= 3 else 0)
    attributes = ctypes.create_string_buffer(struct.pack("<Q", handled))
    ruleset = _libc.syscall(create, attributes, ctypes.c_size_t(8), 0)
    if ruleset < 0:
        return False
    for path, allowed in [(folder, handled & ~1), *((path, reading) for path in readable)]:
        if os.path.exists(path):
            number = os.open(path, os.O_PATH | os.O_CLOEXEC)
            if not os.path.isdir(path):
                allowed &= 1 << 0 | 1 << 1 | 1 << 2
            rule = ctypes.create_string_buffer(struct.pack("<Qi", allowed, number))
            _libc.syscall(add, ruleset, 1, rule, 0)
            os.close(number)
    stands = _libc.syscall(restrict, ruleset, 0) == 0
    os.close(ruleset)
    return stands


def _seccomp(has_landlock: bool) -> None:
    column = {"x86_64": 0, "aarch64": 1}.get(platform.machine())
    if column is None:
        raise OSError(_ENOSYS, f"no seccomp rules for {platform.machine()}")
    arch = _ARCH[platform.machine()]
    numbers = {name: pair[column] for name, pair in {**_CALLS, **_NEEDED, **({} if has_landlock else _NAMES)}.items()}
    code = _program(arch, numbers, has_landlock)
    buffer = ctypes.create_string_buffer(code)
    program = ctypes.create_string_buffer(struct.pack("<HxxxxxxQ", len(code) // 8, ctypes.addressof(buffer)))
    if _libc.prctl(_PR_SET_SECCOMP, 2, program, 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")


def _program(arch: int, numbers: dict, has_landlock: bool) -> bytes:
    """BPF: another architecture's calls (int 0x80, x32) end the process; what is listed is refused; the rest is let through."""
    load = lambda offset: struct.pack("<HBBI", 0x20, 0, 0, offset)  # noqa: E731
    jump = lambda kind, value, yes, no: struct.pack("<HBBI", kind, yes, no, value)  # noqa: E731
    end = lambda value: struct.pack("<HBBI", 0x06, 0, 0, value)  # noqa: E731
    equal, at_least, any_bit = 0x15, 0x35, 0x45
    code = load(4) + jump(equal, arch, 1, 0) + end(_KILL) + load(0)
    if arch == _ARCH["x86_64"]:
        code += jump(at_least, 0x40000000, 0, 1) + end(_KILL)
    special = ("clone", "clone3", "openat", "open", "prlimit64", "tgkill", "ftruncate")
    for name, number in numbers.items():
        if number is not None and name not in special:
            code += jump(equal, number, 0, 1) + end(_ERRNO | _EPERM)
    code += jump(equal, numbers["clone3"], 0, 1) + end(
        _ERRNO | _ENOSYS
    )  # glibc then takes clone, whose flags can be read
    code += (
        jump(equal, numbers["clone"], 0, 4)
        + load(16)
        + jump(any_bit, _CLONE_THREAD, 1, 0)
        + end(_ERRNO | _EPERM)
        + end(_ALLOW)
    )
    # the process's own threads alone; raising a limit needs a pointer to a new one
    code += (
        jump(equal, numbers["tgkill"], 0, 4)
        + load(16)
        + jump(equal, os.getpid(), 1, 0)
        + end(_ERRNO | _EPERM)
        + end(_ALLOW)
    )
    code += (
        jump(equal, numbers["prlimit64"], 0, 6)
        + load(32)
        + jump(equal, 0, 0, 3)
        + load(36)
        + jump(equal, 0, 0, 1)
        + end(_ALLOW)
        + end(_ERRNO | _EPERM)
    )
    if not has_landlock:
        for name, offset in (("openat", 32), ("open", 24)):
            if numbers[name] is not None:
                code += (
                    jump(equal, numbers[name], 0, 4)
                    + load(offset)
                    + jump(any_bit, _WRITING, 0, 1)
                    + end(_ERRNO | _EPERM)
                    + end(_ALLOW)
                )
        code += jump(equal, numbers["ftruncate"], 0, 1) + end(_ERRNO | _EPERM)
    return code + end(_ALLOW)
