"""Bring the clips of the chosen source into data/clips and write their table: clip, path, label, group, split."""

from stages import run
from vidseq import paths, sources
from vidseq.files import replacing, write_json
from vidseq.params import Params


def main(params: Params) -> None:
    """Write data/clips/, data/clips.csv and metrics/download.json."""
    with replacing(paths.CLIPS) as folder:
        folder.mkdir()
        clips = sources.prepare(params.data, folder)
    with replacing(paths.CLIP_TABLE) as table:
        clips.to_csv(table, index=False)
    counts = {side: int(count) for side, count in clips.split.value_counts().sort_index().items()}
    classes, groups = clips.label.nunique(), clips.group.nunique()
    write_json(paths.METRICS / "download.json", {"classes": classes, "groups": groups, "clips": counts})
    print(f"{len(clips)} clips of {classes} classes in {groups} groups: {counts}")


if __name__ == "__main__":
    run(main)
