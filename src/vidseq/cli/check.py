"""`vidseq check`: what a run would see in a folder of videos, before it."""

import sys
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vidseq import paths
from vidseq.errors import VidseqError
from vidseq.params import Params, load_params, write_params

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 10  # lines of a list
MEASURED = 4  # clips that extraction is timed on
NO_GROUPS = """
groups: none found, each of the {} clips counts as its own
  Clips cut from one recording, or of one person, must share a group, or the test score is inflated. If there are such,
  - put each recording's clips into a folder of their own, <Class>/<recording>/,
  - or say what captures the recording's name in a file's name: --group-pattern '^(.+)_',
  - or list the clips in a CSV with a column group, and check that.
  If every clip is a recording of its own, there is nothing to do."""


def check(
    folder: Annotated[Path, typer.Argument(help="A folder with one folder of videos per class, or a CSV of clips.")],
    group_pattern: Annotated[str | None, typer.Option(help="What it captures in a file's name is its group.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Set the printed lines in params.yaml.")] = False,
) -> None:
    """Say what a run on these videos would see, what is wrong with them, and how long it takes here.

    Exit status 1 if a run would stop.
    """
    params = load_params(paths.PARAMS)
    clips, changes = _find(folder, params, group_pattern)
    params = params.model_copy(update={"data": params.data.model_copy(update=changes)})
    stops = _readable(clips)
    _duplicates(clips)
    good = clips[clips.error.isna()]
    if good.empty:
        raise VidseqError(f"no clip of {folder} can be read")
    _groups(good, changes)
    stops += _split(good, params)
    _durations(good, params)
    lines = {f"data.{key}": value for key, value in changes.items()}
    print(
        "\nparams.yaml:" + "".join(f"\n  {key}: {'null' if value is None else value}" for key, value in lines.items())
    )
    if write:
        write_params(paths.PARAMS, lines)
        print("set; run dvc repro")
    else:
        print("vidseq check --write sets these lines")
    if stops:
        sys.exit("\na run would stop: " + "; ".join(stops))


def _find(folder: Path, params: Params, group_pattern: str | None) -> "tuple[pd.DataFrame, dict[str, Any]]":
    """Return all that the source finds and the files tell, and the params of the source."""
    from vidseq.paths import user_path
    from vidseq.sources import SOURCES
    from vidseq.sources.folder import find_files
    from vidseq.sources.groups import RULES, find_rule
    from vidseq.sources.survey import survey

    changes: dict[str, Any] = {"source": "table" if folder.is_file() else "folder", "path": folder.as_posix()}
    changes |= {"classes": [], "split_lists": None}
    if changes["source"] == "folder":
        rule = None if group_pattern else find_rule(find_files(user_path(str(folder)), []))
        changes["group_pattern"] = group_pattern or RULES.get(rule or "", params.data.group_pattern)
    clips = SOURCES[changes["source"]].find(params.data.model_copy(update=changes))
    for bound in ("start", "end"):
        clips[bound] = clips[bound] if bound in clips else float("nan")
    return survey(clips, params.frames), changes


def _readable(clips: "pd.DataFrame") -> list[str]:
    """Print classes, durations, sizes and rates, and what cannot be read."""
    hours = clips.seconds.sum() / 3600
    print(f"{len(clips)} clips of {clips.label.nunique()} classes in {clips.file.nunique()} files, {hours:.2f} hours\n")
    by_class = clips.groupby("label")
    table = by_class.agg(clips=("clip", "size"), groups=("group", "nunique"), median=("seconds", "median"))
    table = table.join(by_class.seconds.agg(["min", "max"])).round(2)
    print(table.rename(columns={"median": "median s", "min": "min s", "max": "max s"}).rename_axis(None).to_string())
    rates = clips.fps.map("{:.4g}".format, na_action="ignore")
    for name, counts in (("sizes", clips["size"].value_counts()), ("frames per second", rates.value_counts())):
        rest = f", and {len(counts) - SHOWN} others" if len(counts) > SHOWN else ""
        print(f"{name}: " + ", ".join(f"{value} ({count})" for value, count in counts.head(SHOWN).items()) + rest)
    bad = clips[clips.error.notna()]
    if bad.empty:
        return []
    _list(f"{len(bad)} clips cannot be read", [f"{row.clip}: {row.error}" for row in bad.itertuples()], len(bad))
    return [f"{len(bad)} clips cannot be read (fix or remove them, or set data.on_bad_clip: skip)"]


def _groups(clips: "pd.DataFrame", changes: dict[str, Any]) -> None:
    """Print which groups there are and what found them, or what to do where nothing does."""
    from vidseq.sources.groups import RULES

    count, pattern = clips.group.nunique(), changes.get("group_pattern")
    rule = next((name for name, known in RULES.items() if known == pattern), "--group-pattern")
    if pattern is None:
        print(f"\ngroups: {count}, by the column group, or else by file")
    elif count < len(clips):
        print(f"\ngroups: {count}, by {rule} ({pattern})")
    else:
        print(NO_GROUPS.format(count))
        return
    largest = clips.groupby("group")["clip"].agg(list).sort_values(key=lambda names: -names.str.len())
    print(
        f"  the largest is {largest.index[0]}: {', '.join(largest.iloc[0][:3])}{', ...' * (len(largest.iloc[0]) > 3)}"
    )


def _duplicates(clips: "pd.DataFrame") -> None:
    """Print which clips have content in common, exactly or nearly."""
    import numpy as np

    from vidseq.data.clips import equal_clips
    from vidseq.sources.duplicates import near_pairs

    known = clips[clips.sha256.notna()]
    exact = list(equal_clips(known))
    hashed = list(clips[clips.hash.notna()].itertuples(index=False))
    equal = {(a.clip, b.clip) for a, b in exact} | {(b.clip, a.clip) for a, b in exact}
    near = []
    if hashed:
        alike = ((hashed[a], hashed[b]) for a, b, _ in near_pairs(np.stack([row.hash for row in hashed])))
        near = [(a, b) for a, b in alike if (a.clip, b.clip) not in equal]
    for said, pairs in (("the same content", exact), ("nearly the same frames", near)):
        places: dict[str, list[str]] = {}
        for a, b in pairs:
            where = "two classes" if a.label != b.label else "two groups" if a.group != b.group else "one group"
            places.setdefault(where, []).append(f"{a.clip} and {b.clip}")
        for where, names in sorted(places.items(), reverse=True):
            _list(f"{said} in {where}: {len(names)} pair(s)", names, 0 if where == "one group" else SHOWN)


def _split(clips: "pd.DataFrame", params: Params) -> list[str]:
    """Print the split that a run would make, with the classes that are too small for it."""
    import pandas as pd

    from vidseq.data.clips import check_duplicates
    from vidseq.data.splits import SPLITS
    from vidseq.sources import divide
    from vidseq.sources.groups import FEWEST

    counts = clips.groupby("label").group.nunique()
    small = counts[counts < FEWEST] if "split" not in clips else counts[:0]
    if len(small):
        said = f"classes too small to split (each needs {FEWEST} groups, one for each part)"
        _list(said, [f"{label}: {count}" for label, count in small.items()])
    print()
    try:
        divided = divide(clips, params.data)
        table = pd.crosstab(divided.label, divided.split)[list(SPLITS)]
        print(table.rename_axis(None).rename_axis(None, axis=1).to_string())
        check_duplicates(divided, params.data.on_duplicate)
    except VidseqError as error:
        return [str(error).partition("\n")[0].rstrip(":")]
    return []


def _durations(clips: "pd.DataFrame", params: Params) -> None:
    """Print how long extraction and training take here, measured on a few clips."""
    import numpy as np

    from vidseq.extraction.backbone import load_backbone
    from vidseq.extraction.encode import Job, diff_of
    from vidseq.extraction.engines import choose_runtime
    from vidseq.extraction.estimate import measure_extraction
    from vidseq.training.estimate import estimate_training

    settings, diff = params.features, diff_of(params.features)
    chosen = clips.iloc[np.unique(np.linspace(0, len(clips) - 1, MEASURED).round().astype(int))]
    jobs = [
        Job(row.clip, row.file, row.times, diff=diff, crop=params.frames.crop, start=row.begin)
        for row in chosen.itertuples()
    ]
    runtime = choose_runtime(settings.engine, settings.precision)
    backbone = load_backbone(settings.backbone, paths.cache("models"))
    per_step, features = measure_extraction(jobs, backbone, runtime, settings.batch_size)
    steps = int(clips.times.map(len).sum())
    with redirect_stderr(StringIO()):  # the log of trainings that are for the clock alone
        training = estimate_training(features, len(clips), params, backbone.feature_config(runtime, diff))
    print(f"\nhere, as measured on {len(jobs)} clips ({runtime}, {1 / per_step:.0f} steps per s):")
    print(f"  extraction about {_time(per_step * steps)}, training of all heads about {_time(training)}")


def _time(seconds: float) -> str:
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds > 1.5 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def _list(said: str, lines: list[str], shown: int = SHOWN) -> None:
    print(f"\n{said}" + "".join(f"\n  {line}" for line in lines[:shown]))
    if len(lines) > shown > 0:
        print(f"  ... and {len(lines) - shown} more")
