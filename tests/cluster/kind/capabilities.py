"""What root may not do here, and a runc that does not ask for it. Pure.

`docker run --privileged` asks for every capability that the kernel has. In a virtual machine or a
container root may lack some, such as CAP_SYS_RESOURCE, and runc then ends with "unable to apply
caps".
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Final

_NAMES: Final = (
    *("CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID"),
    *("SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW"),
    *("IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT"),
    *("SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD"),
    *("LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG"),
    *("WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE"),
)
"""By their numbers, as in capability.h of Linux."""
_BOUND: Final = "CapBnd:"


def lacking(status: str) -> list[str]:
    """The capabilities that nobody can have, by the `/proc/self/status` of a process of root."""
    for line in status.splitlines():
        if line.startswith(_BOUND):
            bound = int(line.removeprefix(_BOUND), 16)
            return [f"CAP_{name}" for bit, name in enumerate(_NAMES) if not bound >> bit & 1]
    return []


def runc_without(capabilities: Sequence[str]) -> str:
    """A shell script that is runc, but takes these capabilities out of what it is given.

    They stand in `config.json` of the bundle (create, run), and in the file of `--process` (exec).
    """
    names = "|".join(capabilities)
    if not names:
        return '#!/bin/sh\nexec runc "$@"\n'
    expression = shlex.quote(rf's/"({names})",?//g; s/,([[:space:]]*\])/\1/g')
    lines = [
        "#!/bin/sh",
        "file=",
        "before=",
        'for word in "$@"; do',
        '  case "$before" in',
        '    --bundle|-b) file="$word/config.json" ;;',
        '    --process|-p) file="$word" ;;',
        "  esac",
        "  before=$word",
        "done",
        f'if [ -n "$file" ]; then sed -i -E {expression} "$file"; fi',
        'exec runc "$@"',
    ]
    return "\n".join(lines) + "\n"
