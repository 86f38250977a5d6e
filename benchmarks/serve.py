"""16 clients at once against `vidseq serve`, for a minute: `python -m benchmarks.serve [--seconds 60]`.

Each sends the project's clips; a 429 is tried again after the time that it names. Every answer must be the one that its
clip gets alone. Prints how many there were, how long they took, and the server's memory.
"""

import argparse
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import psutil

CLIENTS, CLIPS = 16, 8


def main(seconds: float) -> None:
    """Start a server, measure, and end with status 1 if an answer is another clip's or is missing."""
    command = [sys.executable, "-m", "vidseq.cli.main", "serve", "--port", "0"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr is not None
        url = next(found[0] for line in server.stderr if (found := re.search(r"http://[\d.:]+", line)))
        drain = threading.Thread(target=lambda: [None for _ in server.stderr or ()], daemon=True)
        drain.start()
        sys.exit(measure(url, psutil.Process(server.pid), seconds))
    finally:
        server.terminate()
        server.wait()


def measure(url: str, server: psutil.Process, seconds: float) -> int:
    """Print the numbers; return the exit status."""
    clips = sorted(Path("data/clips").rglob("*.avi"))
    clips = clips[:: max(1, len(clips) // CLIPS)][:CLIPS]
    expected = {clip: post(url, clip)[0] for clip in clips}
    memory = [server.memory_info().rss]
    until, took, again, wrong = time.monotonic() + seconds, [], [], []

    def client(number: int) -> None:
        step = number
        while time.monotonic() < until:
            clip, begun = clips[step % len(clips)], time.monotonic()
            answer, refused = post(url, clip)
            took.append(time.monotonic() - begun)
            again.append(refused)
            if answer != expected[clip]:
                wrong.append(clip)
            step += 1

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        time.sleep(1)
        memory.append(server.memory_info().rss)
    quarter = len(memory) // 4
    early, late = np.max(memory[quarter : 2 * quarter]) / 1e6, np.max(memory[-quarter:]) / 1e6
    print(f"{CLIENTS} clients, {seconds:.0f} s: {len(took)} answers, {len(wrong)} wrong, {sum(again)} times 429")
    print(f"seconds per answer, 429 included: median {np.median(took):.2f}, 95 % {np.quantile(took, 0.95):.2f}")
    print(f"memory of the server: {early:.0f} MB in the second quarter, {late:.0f} MB in the last")
    return int(bool(wrong) or len(took) < CLIENTS)


def post(url: str, clip: Path) -> tuple[dict, int]:
    """Return the answer to a clip, and how often it was refused before."""
    refused = 0
    while True:
        with clip.open("rb") as file:
            response = httpx.post(f"{url}/predict", files={"video": file}, timeout=120)
        if response.status_code != 429:
            return response.raise_for_status().json(), refused
        refused += 1
        time.sleep(float(response.headers["retry-after"]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    main(parser.parse_args().seconds)
