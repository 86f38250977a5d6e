"""Show which frames mattered in a few test clips, and the most confident mistakes of each model, as film strips."""

from itertools import chain

import numpy as np
import pandas as pd

from stages import run
from vidseq import paths
from vidseq.data.clips import clip_files
from vidseq.data.features import clips_with_features, load_features
from vidseq.data.frame_plan import read_frame_plan
from vidseq.data.predictions import read_predictions
from vidseq.files import atomic_write, write_json
from vidseq.models import MAIN_MODELS, MODELS
from vidseq.models.attribution import occlusion, probabilities_over_time
from vidseq.models.trained_model import load_model
from vidseq.params import Params
from vidseq.video.read import read_frames
from vidseq.video.sheets import film_strip

MISTAKES, STRIP_FRAMES = 3, 12


def main(params: Params) -> None:
    """Write data/film_strips/: a JPEG per clip, and index.json with what the models predict for it."""
    clips = clips_with_features()
    classes = sorted(clips.label.unique())
    models = {name: load_model(paths.MODELS / name) for name in MODELS}
    predictions = {name: read_predictions(paths.PREDICTIONS / f"{name}.csv", classes) for name in MAIN_MODELS}
    mistakes = {name: confident_mistakes(*of_model) for name, of_model in predictions.items()}
    explained = []
    for clip, label in clips_to_explain(*predictions[MAIN_MODELS[0]], classes):
        [features_TD], index = load_features([clip]), classes.index(label)
        probability = {
            name: probabilities_over_time(model, features_TD)[:, index].tolist() for name, model in models.items()
        }
        falls = {name: occlusion(models[name], features_TD, index).tolist() for name in MAIN_MODELS}
        explained.append({"clip": clip, "label": label, "probability": probability, "occlusion": falls})

    shown = dict.fromkeys(row["clip"] for row in chain(explained, *mistakes.values()))
    table = clips[clips["clip"].isin(shown)]
    files = dict(zip(table["clip"], clip_files(table), strict=True))
    plan, strips = read_frame_plan(), {}
    with atomic_write(paths.FILM_STRIPS) as folder:
        folder.mkdir()
        for number, clip in enumerate(shown):
            times = np.array(plan[clip])
            steps = np.unique(np.linspace(0, len(times) - 1, STRIP_FRAMES).round().astype(int))
            frames = list(read_frames(files[clip], times[steps], params.frames.crop))
            film_strip(frames).save(folder / f"{number}.jpg", quality=85)
            strips[clip] = {"file": f"{number}.jpg", "steps": steps.tolist(), "times": times.tolist()}
        write_json(folder / "index.json", {"explained": explained, "mistakes": mistakes, "strips": strips})
    print(f"{len(explained)} clips explained, {sum(map(len, mistakes.values()))} mistakes shown")


def confident_mistakes(table: pd.DataFrame, p_NC: np.ndarray) -> list[dict]:
    """Return the mistakes with the highest probability of the predicted class, the most confident first."""
    rows = table[["clip", "label", "predicted"]].assign(probability=p_NC.max(1))
    wrong = rows[rows.label != rows.predicted].sort_values(["probability", "clip"], ascending=[False, True])
    return wrong.head(MISTAKES).to_dict("records")


def clips_to_explain(table: pd.DataFrame, p_NC: np.ndarray, classes: list[str]) -> list[tuple[str, str]]:
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
