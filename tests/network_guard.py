"""What a command and all its descendants try to reach by network, native code included: the kernel's record of it."""

import re
import shutil
from pathlib import Path

STRACE = shutil.which("strace")
# an address with its port, as strace writes it, or a query to a resolver on this machine that asks others by network
ADDRESS = re.compile(r'sin6?_port=htons\((\d+)\).*?(?:inet_addr\(|inet_pton\(AF_INET6, )"([^"]+)"')
RESOLVERS = "/run/systemd/resolve/"
LOOPBACK = re.compile(r"127\.|::1$|::ffff:127\.|0\.0\.0\.0$|::$")
DNS_PORT = "53"


def guarded(record: Path, *command: str) -> list[str]:
    """Return the command that runs `command`, until its last descendant ends, and writes the record."""
    calls = "trace=connect,sendto,sendmsg,sendmmsg"
    return ["strace", "-f", "--seccomp-bpf", "-qq", "-e", calls, "-e", "signal=none", "-o", str(record), *command]


def attempts(record: Path) -> list[str]:
    """Return the lines of a record that reach beyond loopback, or ask for the address of a name."""
    return [line for line in record.read_text(errors="replace").splitlines() if _leaves(line)]


def _leaves(call: str) -> bool:
    found = ADDRESS.search(call)
    if found is None:
        return RESOLVERS in call
    port, address = found.groups()
    return port == DNS_PORT or not LOOPBACK.match(address)
