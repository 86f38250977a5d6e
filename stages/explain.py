"""Show which frames mattered in a few test clips, and the most confident mistakes of each head, as film strips."""

import numpy as np
import pandas as pd

from stages import run
from vidseq import features, paths, pictures, video
from vidseq.attribution import occlusion, over_time
from vidseq.files import replacing, write_json
from vidseq.params import Params
from vidseq.prediction_tables import read_predictions
from vidseq.trained_model import load_model

HEADS, MISTAKES, STRIP_STEPS = ("rnn", "transformer"), 3, 12


def main(_: Params) -> None:
    """Write data/film_strips/: a JPEG a clip, and index.json with what the heads said of it."""
    clips = features.clips_with_features(paths.CLIP_TABLE, paths.FEATURES)
    classes = sorted(clips.label.unique())
    models = {name: load_model(paths.MODELS / name) for name in ("rnn", "rnn_causal", "transformer")}
    said = {name: read_predictions(paths.PREDICTIONS / f"{name}.csv", classes) for name in HEADS}
    mistakes = {name: confident_mistakes(*said[name]) for name in HEADS}
    explained = []
    for clip, label in telling_clips(*said["rnn"], classes):
        [x_TD], column = features.load_sequences(paths.FEATURES, [clip]), classes.index(label)
        chances = {name: over_time(model, x_TD, column).tolist() for name, model in models.items()}
        falls = {name: occlusion(models[name], x_TD, column).tolist() for name in HEADS}
        explained.append({"clip": clip, "label": label, "probability": chances, "occlusion": falls})

    plan, table = pd.read_parquet(paths.FRAME_PLAN), clips.set_index("clip")
    strips: dict[str, dict] = {}
    with replacing(paths.FILM_STRIPS) as folder:
        folder.mkdir()
        for row in [*explained, *(row for of_head in mistakes.values() for row in of_head)]:
            clip = row["clip"]
            if clip not in strips:
                times = plan[plan["clip"] == clip].timestamp.to_numpy()
                shown = np.unique(np.linspace(0, len(times) - 1, STRIP_STEPS).round().astype(int))
                frames = list(video.read_frames(paths.CLIPS / table.path[clip], times[shown]))
                strips[clip] = {"file": f"{len(strips)}.jpg", "steps": shown.tolist(), "times": times.tolist()}
                pictures.film_strip(frames, folder / strips[clip]["file"])
        write_json(folder / "index.json", {"explained": explained, "mistakes": mistakes, "strips": strips})
    print(f"{len(explained)} clips explained, {sum(map(len, mistakes.values()))} mistakes shown")


def confident_mistakes(table: pd.DataFrame, p_NC: np.ndarray) -> list[dict]:
    """Return the mistakes with the highest probability of the predicted class, the most confident first."""
    rows = table[["clip", "label", "predicted"]].assign(probability=p_NC.max(1))
    wrong = rows[rows.label != rows.predicted].sort_values(["probability", "clip"], ascending=[False, True])
    return wrong.head(MISTAKES).to_dict("records")


def telling_clips(table: pd.DataFrame, p_NC: np.ndarray, classes: list[str]) -> list[tuple[str, str]]:
    """Choose three clips by the probability of their own class: the lowest, the lowest that is still right, the median.

    Returns (clip, label) each, fewer where they coincide.
    """
    own_N = p_NC[np.arange(len(table)), [classes.index(label) for label in table.label]]
    order_N = np.argsort(own_N, kind="stable")
    right = [row for row in order_N if table.label.iloc[row] == table.predicted.iloc[row]]
    chosen = dict.fromkeys([order_N[0], *right[:1], order_N[len(order_N) // 2]])
    return [(table["clip"].iloc[row], table.label.iloc[row]) for row in chosen]


if __name__ == "__main__":
    run(main)
