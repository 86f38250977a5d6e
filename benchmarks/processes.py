"""What a command costs: time, processor time, and the memory of all its processes. Linux only."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

BUSY = (sys.executable, "-c", "while True: pass")
SAMPLE_S = 0.03  # from one look at the memory to the next


def measure(command: list[str], project: Path) -> dict:
    """Run a command in a project; returns its seconds, its processor time (cpu, s) and its peak memory (bytes)."""
    before, start, peak = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter(), 0
    with (project / "log").open("w") as log:
        process = psutil.Popen(command, cwd=project, stdout=log, stderr=log, env=environment())
        while process.poll() is None:
            peak = max(peak, private_memory(process))
            time.sleep(SAMPLE_S)
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed in {project}:\n{(project / 'log').read_text()}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": seconds, "cpu": cpu, "memory": peak}


def private_memory(process: psutil.Process) -> int:
    """Return the memory of a process and all below it in bytes, without pages that are mapped from files."""
    shared, private = [0], 0
    with suppress(psutil.NoSuchProcess, OSError):
        for one in (process, *process.children(recursive=True)):
            status = dict(line.split(":", 1) for line in Path(f"/proc/{one.pid}/status").read_text().splitlines())
            private += 1024 * int(status.get("RssAnon", "0").split()[0])
            shared.append(1024 * int(status.get("RssShmem", "0").split()[0]))
    return private + max(shared)  # what is shared is the same for all of them


@contextmanager
def beside_a_busy_process() -> Iterator[None]:
    """Keep one core busy."""
    process = subprocess.Popen(BUSY)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def environment() -> dict[str, str]:
    """Return the environment of a user, who has set no number of threads."""
    return {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}


def size(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    return sum(file.stat().st_size for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file())
