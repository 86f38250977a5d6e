"""Bring the clips of the chosen source into data/clips and write their table."""

from stages import run
from vidseq import paths, sources
from vidseq.data.clips import check_duplicates, store_clips
from vidseq.files import atomic_write, write_json
from vidseq.params import Params


def main(params: Params) -> None:
    """Write data/clips/, data/clips.csv (its columns: `read_clips`) and metrics/download.json."""
    with atomic_write(paths.CLIPS) as folder:
        folder.mkdir()
        found = sources.prepare(params.data, folder)
        clips = store_clips(found, folder, params.data.on_bad_clip)
        check_duplicates(clips, params.data.on_duplicate)
    with atomic_write(paths.CLIP_TABLE) as table:
        clips.to_csv(table, index=False)
    counts = {split: int(count) for split, count in clips.split.value_counts().sort_index().items()}
    classes, groups = clips.label.nunique(), clips.group.nunique()
    skipped = {"skipped_clips": len(found) - len(clips)}
    write_json(paths.METRICS / "download.json", {"classes": classes, "groups": groups, "clips": counts} | skipped)
    print(f"{len(clips)} clips of {classes} classes in {groups} groups: {counts}")


if __name__ == "__main__":
    run(main)
