"""Bring the clips of the chosen source into data/clips and write their table."""

from stages import run
from vidseq import paths, sources
from vidseq.data.clips import store_clips
from vidseq.files import atomic_write, write_json
from vidseq.params import Params


def main(params: Params) -> None:
    """Write data/clips/, data/clips.csv (clip, path, label, group, split, sha256) and metrics/download.json."""
    with atomic_write(paths.CLIPS) as folder:
        folder.mkdir()
        clips = store_clips(sources.prepare(params.data, folder), folder)
    with atomic_write(paths.CLIP_TABLE) as table:
        clips.to_csv(table, index=False)
    counts = {split: int(count) for split, count in clips.split.value_counts().sort_index().items()}
    classes, groups = clips.label.nunique(), clips.group.nunique()
    write_json(paths.METRICS / "download.json", {"classes": classes, "groups": groups, "clips": counts})
    print(f"{len(clips)} clips of {classes} classes in {groups} groups: {counts}")


if __name__ == "__main__":
    run(main)
