"""What every stage costs on up to all of UCF101: time, memory and disk by the number of clips; writes docs/scale.md.

For each number, a project in data/benchmark/scale/ gets the clip table and the feature cache; then the stages run as
`dvc repro` runs them, each in its own process. What is measured is kept there, so that a killed run resumes, and
`--again` measures stages whose code has changed since. Linux only: memory is what the kernel counts as anonymous or
shared, so that mapped pages of files are left out.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir
from hashlib import sha256 as digest
from pathlib import Path

import numpy as np
import pandas as pd
from ruamel.yaml import YAML

from benchmarks.hardware import hardware
from benchmarks.heads import load_folders
from benchmarks.processes import SAMPLE_S, beside_a_busy_process, environment, measure, size
from vidseq import files, paths
from vidseq.data.clips import clip_files
from vidseq.data.frame_plan import read_frame_plan
from vidseq.data.splits import FOLDS, with_validation
from vidseq.extraction.cache import FeatureCache
from vidseq.extraction.cache_key import plan_jobs
from vidseq.params import load_params, write_params
from vidseq.sources.lists import read_lists

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / "data" / "benchmark" / "scale"
CLIPS = (600, 1800, 5000, 13320)
COLUMNS = ["clip", "path", "start", "end", "label", "group", "split", "sha256"]  # of the clip table
VARIANCE = (0.5, 0.3, 0.2)  # of a drawn clip's mean: its class's, its group's, its own
STAGE_NAMES = {
    "extract_features": "extract_features, one clip not in the cache",
    "nothing": "`dvc repro`, nothing to do",
}
TEXT = """# Scale

Measured by `python -m benchmarks.scale {arguments}`
on {hardware}: every stage after `download`, in its own process, on clips of the official list of split 1, in all 101
classes. {real} of the {most:,} clips have real features. Those of the others are **drawn from the real ones'
statistics**: their means have the real means' covariance ({variance} of the variance is the class's, the group's
and the clip's own), and a real clip lends each its length, its frames and how its features change. So time and memory
are those of UCF101, and accuracies say nothing about it. Each head is trained once and for one epoch
(`train.ensemble` 1, `train.epochs` 1), with the five for its out-of-fold logits and one with validation: 7 trainings
a stage. The defaults are {trainings} trainings of {epochs} epochs, with the same memory. Some stages
were measured once more (`--again`): their code had changed since, or something else had run beside them.

## Time

Seconds; in brackets the processor time. The last column is the time at {least:,} clips beside one busy process.

{seconds}

## Memory

The peak of a stage's private memory in MB, of all its processes together, looked at every {sample:.0f} ms; pages mapped
from files, which the system can drop, are not counted. The last column is the growth from {least:,} to {most:,} clips.
Libraries take most of it: a stage that trains heads is a process for each core and their parent, each of some 0.5 GB
with torch and Lightning alone. What is fitted on a sample of the clips (the preprocessing, the exploding RNN, the
regularisation of the baseline) grows up to some 2,000 clips and no further.

{memory}

## Disk

What a stage writes, in MB.

{disk}
"""


def main() -> None:
    """Measure what is not measured yet, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ucf101", type=Path, nargs="+", help="folders that hold videos/<Class>/ and splits/, the lists")
    parser.add_argument("--clips", type=int, nargs="+", default=CLIPS)
    cached = ("download", "extract_features")  # done already where a project is used a second time
    again = [name for name in read_stages(ROOT) if name not in cached]
    parser.add_argument("--again", nargs="+", choices=again, default=[], help="stages to measure once more")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "scale.md")
    arguments = parser.parse_args()
    measured = {}
    for count in sorted(arguments.clips):
        project, result, busy = HOME / str(count), HOME / f"{count}.json", count == min(CLIPS)
        if not result.exists():
            files.remove(project)
            real = make_project(project, arguments.ucf101, count)
            files.write_json(result, {"real": real, "uses": measure_stages(project, busy)})
        elif arguments.again:
            copy_code(project)
            before = files.read_json(result)
            before["uses"] |= {name: measure_stage(project, name, busy) for name in arguments.again}
            files.write_json(result, before)
        measured[count] = files.read_json(result)
    text = report(measured, " ".join(["<ucf101> <more>", "--clips", *map(str, measured)]))
    arguments.out.write_text(text, encoding="utf-8")
    print(text)


def make_project(project: Path, folders: list[Path], count: int) -> int:
    """Make a copy of this project in which `download` has run on `count` clips, and their features are cached.

    Returns how many clips are real. One of them is left out of the cache.
    """
    copy_code(project)
    (project / ".dvc" / "config.local").write_text("[core]\n    no_scm = true\n")
    (project / ".cache").mkdir()
    (project / ".cache" / "models").symlink_to(paths.cache("models").absolute())

    params, rng = load_params(ROOT / "params.yaml"), np.random.default_rng(0)
    real, features, feature_config = load_folders(folders, params)
    videos = [
        folder / "videos" / path for folder in folders for path in real.path if (folder / "videos" / path).exists()
    ]
    row_of = {clip: row for row, clip in enumerate(real["clip"])}
    clips = ucf101_clips(folders[0] / "splits", count)
    source_N = np.array([row_of.get(clip, -1) for clip in clips["clip"]])
    drawn_N = source_N < 0
    source_N[drawn_N] = rng.integers(0, len(real), drawn_N.sum())  # which real clip each stands on
    clips["path"] = [f"{clip}{videos[row].suffix}" for clip, row in zip(clips["clip"], source_N, strict=True)]
    clips["sha256"] = [
        digest(clip.encode()).hexdigest() if drawn else real.sha256[row]
        for clip, row, drawn in zip(clips["clip"], source_N, drawn_N, strict=True)
    ]
    with chdir(project):
        (project / "data").mkdir(exist_ok=True)
        clips.assign(start="", end="")[COLUMNS].to_csv(paths.CLIP_TABLE, index=False)
        files.write_json(paths.METRICS / "download.json", {"clips": count})
        for path, sha256, row in zip(clips.path, clips.sha256, source_N, strict=True):
            files.link(videos[row].absolute(), paths.cache("clips") / sha256[:2] / f"{sha256}{Path(path).suffix}")
        subprocess.run([sys.executable, "-m", "stages.sample_frames"], check=True, env=environment())
        cache = FeatureCache(paths.cache("features"))
        jobs = plan_jobs(clips, clip_files(clips), read_frame_plan(), feature_config)
        drawn = draw_features(clips, source_N, drawn_N, features, rng)
        for job, x_TD in zip(jobs, drawn, strict=True):
            cache.store(job.key, x_TD)
        cache.path(jobs[int(np.flatnonzero(~drawn_N)[0])].key).unlink()
    return int((~drawn_N).sum())


def copy_code(project: Path) -> None:
    """Copy what git knows of this project, with the shortest training."""
    listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True)
    for name in filter(None, listed.split("\0")):
        if name.split("/")[0] not in ("dvc.lock", "metrics", "plots"):
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, project / name)
    write_params(project / "params.yaml", {"train.ensemble": 1, "train.epochs": 1})


def ucf101_clips(lists: Path, count: int) -> pd.DataFrame:
    """Return `count` clips of split 1: as many of each class, of as many groups as there can be."""
    clips = read_lists(lists, 1)
    clips["clip"] = clips.name.str.removesuffix(".avi")
    clips["group"] = clips["clip"].str.extract(r"/v_(.+_g\d+)_c\d+$", expand=False)
    numbers = clips["clip"].str.extract(r"_g(\d+)_c(\d+)$").astype(int)
    # 11 goes through all 25 groups, and so alternates between training and test
    clips = clips.assign(number=numbers[1], turn=numbers[0] * 11 % 25).sort_values(["number", "turn", "label"])
    return with_validation(clips.head(count).sort_values("clip", ignore_index=True), 0.2, 0)


def draw_features(
    clips: pd.DataFrame, source_N: np.ndarray, drawn_N: np.ndarray, features: list[np.ndarray], rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Yield each clip's features, float16 (T, D): those of its source, with another mean where they are drawn."""
    means_JD = np.stack([x_TD.mean(0, dtype=np.float32) for x_TD in features])
    centred_JD = means_JD - means_JD.mean(0)
    low_D, high_D = (np.stack([getattr(x_TD, end)(0) for x_TD in features]) for end in ("min", "max"))
    low_D, high_D = low_D.min(0), high_D.max(0)

    def weights(names: pd.Series) -> np.ndarray:  # one row of weights for each name, whose sums have the covariance
        codes_N, unique = pd.factorize(names)
        return rng.normal(0, len(features) ** -0.5, (len(unique), len(features))).astype(np.float32)[codes_N]

    parts = zip(VARIANCE, (clips.label, clips.group, clips["clip"]), strict=True)
    weights_NJ = sum(share**0.5 * weights(names) for share, names in parts)
    for row, source in enumerate(source_N):
        x_TD = features[source]
        if drawn_N[row]:
            mean_D = means_JD.mean(0) + weights_NJ[row] @ centred_JD
            x_TD = np.clip(x_TD - means_JD[source] + mean_D, low_D, high_D).astype(np.float16)
        yield x_TD


def measure_stages(project: Path, busy: bool) -> dict[str, dict]:
    """Run every stage but `download`, and `dvc repro` after them; returns what each used, by its name."""
    uses = {name: measure_stage(project, name, busy) for name in read_stages(project) if name != "download"}
    dvc = [sys.executable, "-m", "dvc"]
    subprocess.run([*dvc, "commit", "--force", "--quiet"], cwd=project, check=True, env=environment())
    uses["nothing"] = measure([*dvc, "repro"], project)
    assert "up to date" in (project / "log").read_text()
    return uses


def measure_stage(project: Path, name: str, busy: bool) -> dict:
    """Run a stage, with `busy` once more beside a busy process; returns what it used."""
    stage = read_stages(project)[name]
    command = [sys.executable, *stage["cmd"].split()[1:]]
    uses = measure(command, project)
    outs = [next(iter(out)) if isinstance(out, dict) else out for out in stage["outs"]]
    uses["disk"] = sum(size(project / out) for out in outs)
    if busy:
        with beside_a_busy_process():
            uses["busy"] = measure(command, project)["seconds"]
    return uses


def read_stages(project: Path) -> dict[str, dict]:
    """Return the stages of dvc.yaml, by name."""
    return YAML(typ="safe", pure=True).load(project / "dvc.yaml")["stages"]


def report(measured: dict[int, dict], arguments: str) -> str:
    """Return the page: one table each of seconds, memory and disk, with one column for each number of clips."""
    counts, least, most = [f"{count:,} clips" for count in measured], min(measured), max(measured)
    by_stage = {name: [of["uses"][name] for of in measured.values()] for name in measured[least]["uses"]}
    seconds, memory, disk = [], [], []
    for name, uses in by_stage.items():
        title = STAGE_NAMES.get(name, name)
        busy = f"{uses[0]['busy']:.1f}" if "busy" in uses[0] else ""
        seconds.append([title, *(f"{use['seconds']:.1f} ({use['cpu']:.1f})" for use in uses), busy])
        growth = (uses[-1]["memory"] - uses[0]["memory"]) / 1e6 / max((most - least) / 1000, 1)
        memory.append([title, *(f"{use['memory'] / 1e6:.0f}" for use in uses), f"{growth:+.1f}"])
        if "disk" in uses[0]:
            disk.append([title, *(f"{use['disk'] / 1e6:.1f}" for use in uses)])
    train = load_params(ROOT / "params.yaml").train
    return TEXT.format(
        trainings=1 + (FOLDS + 1) * train.ensemble, epochs=train.epochs,
        arguments=arguments, hardware=hardware(), real=measured[most]["real"], least=least, most=most,
        variance=", ".join(f"{share:.0%}" for share in VARIANCE), sample=1000 * SAMPLE_S,
        seconds=table([*counts, "busy"], seconds), memory=table([*counts, "MB per 1,000 clips"], memory),
        disk=table(counts, disk),
    )  # fmt: skip


def table(columns: list[str], rows: list[list[str]]) -> str:
    """Return a table of stages."""
    lines = [["stage", *columns], ["---", *["---:"] * len(columns)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
