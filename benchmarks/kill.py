"""Kill the pipeline and `vidseq predict` at random moments, let them finish, and compare with an undisturbed run.

`python -m benchmarks.kill` takes some minutes: it runs a small demo twice, in copies of this project.
"""

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
SMALL = {"groups: 20 ": "groups: 8 ", "clips: 4 ": "clips: 2 ", "epochs: 15": "epochs: 2"}
OUTS = ("dvc.lock", "data", "models", "metrics", "plots", "report")
REPRO = ["dvc", "repro"]
PREDICT = ["vidseq", "predict", "data/clips/SquatTwice/v_SquatTwice_g01_c01.avi"]
DATE = "2000-01-01T00:00:00Z"  # of the commit, which the report names


def copy_project(folder: Path) -> None:
    """Copy what git tracks of this project, and commit it with a small demo in params.yaml."""
    listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True)
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file() and not name.startswith(OUTS):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    params = folder / "params.yaml"
    text = params.read_text(encoding="utf-8")
    for old, new in SMALL.items():
        text = text.replace(old, new)
    params.write_text(text, encoding="utf-8")
    git = ["git", "-c", "user.name=kill", "-c", "user.email=kill@localhost"]
    env = os.environ | {"GIT_AUTHOR_DATE": DATE, "GIT_COMMITTER_DATE": DATE}
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "a small demo"]):
        subprocess.run([*git, *command], cwd=folder, env=env, check=True)


def start(command: list[str], folder: Path) -> subprocess.Popen[str]:
    """Start a command in a copy of the project, as the leader of a group of processes."""
    env = os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": str(folder / "src")}
    return subprocess.Popen(
        command,
        cwd=folder,
        env=env,
        text=True,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def kill(process: subprocess.Popen[str]) -> None:
    """Kill a command and all that it has started, as a machine does that runs out of memory or of power."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def finish(command: list[str], folder: Path) -> str:
    """Run a command to its end and return what it printed."""
    process = start(command, folder)
    log, _ = process.communicate()
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{log}")
    return log


def stage_seconds(folder: Path) -> dict[str, float]:
    """Run the whole pipeline and return how long each stage took, in the order in which they ran."""
    process, began = start(REPRO, folder), {}
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("Running stage"):
            began[line.split("'")[1]] = time.monotonic()
    ends = [*list(began.values())[1:], time.monotonic()]
    if process.wait():
        sys.exit("dvc repro failed")
    return {stage: end - begin for (stage, begin), end in zip(began.items(), ends, strict=True)}


def kill_in_stage(stage: str, after_s: float, folder: Path) -> bool:
    """Run the pipeline up to a stage and kill it so long after that began; returns whether it still ran by then."""
    process = start(REPRO, folder)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(f"Running stage '{stage}'"):
            time.sleep(after_s)
            kill(process)
            return True
    return False


def contents(folder: Path) -> dict[str, str]:
    """Return a digest of each file that the pipeline leaves, by its path; what was being written is no part of it."""
    files = [file for name in OUTS for file in [folder / name, *(folder / name).rglob("*")] if file.is_file()]
    names = [str(file.relative_to(folder)) for file in files]
    digests = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    return {name: digest for name, digest in digests.items() if ".partial" not in name}


def main(kills: int, seed: int) -> None:
    """Print where each kill fell, and whether all is as without them; exit status 1 if it is not."""
    rng = random.Random(seed)
    with TemporaryDirectory() as temporary:
        whole, killed = Path(temporary) / "whole", Path(temporary) / "killed"
        copy_project(whole)
        copy_project(killed)
        seconds = stage_seconds(whole)
        began = time.monotonic()
        said = finish(PREDICT, whole)
        predict_s = time.monotonic() - began
        print(f"undisturbed: {sum(seconds.values()):.0f} s, {len(seconds)} stages", flush=True)

        targets = sorted((list(seconds) * kills)[:kills], key=list(seconds).index)
        for stage in targets:
            after_s = rng.uniform(0, seconds[stage])
            hit = kill_in_stage(stage, after_s, killed)
            print(f"{stage}: {f'killed after {after_s:.1f} s' if hit else 'was done already'}", flush=True)
        finish(REPRO, killed)
        for _ in range(max(1, kills // 10)):
            process, after_s = start(PREDICT, killed), rng.uniform(0, predict_s)
            time.sleep(after_s)
            kill(process)
            print(f"vidseq predict: killed after {after_s:.1f} s", flush=True)

        expected, found = contents(whole), contents(killed)
        different = sorted(name for name in expected | found if expected.get(name) != found.get(name))
        same = finish(PREDICT, killed) == said
        print(f"{len(expected)} files, {len(different)} of them different; the same prediction: {same}")
        if different or not same:
            sys.exit("\n".join(different))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    main(**vars(parser.parse_args()))
