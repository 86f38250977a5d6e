"""Let the gradients of a plain RNN explode on the training clips, and cure it by four remedies, each alone."""

import pandas as pd
import torch

from stages import run
from vidseq import paths
from vidseq.data.features import clips_with_features, load_features
from vidseq.files import atomic_write, read_json, write_json
from vidseq.models.preprocessing import by_image_type, to_tensor
from vidseq.params import Params
from vidseq.training import exploding_gradients as exploding
from vidseq.training.batches import Batches


def main(params: Params) -> None:
    """Write plots/exploding_gradients.csv (run, step, grad_norm, loss) and metrics/exploding_gradients.json."""
    clips = clips_with_features()
    clips = clips[clips.split == "train"]
    looked_at = exploding.STEPS * params.train.batch_size
    if len(clips) > looked_at:
        clips = clips.sample(looked_at, random_state=params.train.seed)
    classes = sorted(clips.label.unique())
    image_types = read_json(paths.FEATURES / "meta.json")["features"]["image_types"]
    # of frames alone: a wider input would start the recurrence, which is to be seen here, too far from 0
    features = load_features(clips["clip"])
    frames_ND = torch.cat([by_image_type(to_tensor(x_TD), image_types)["rgb"] for x_TD in features])
    mean_D, deviation_D = frames_ND.mean(0), frames_ND.std(0).clamp(min=1e-6)
    sequences = ((frames_ND - mean_D) / deviation_D).split([len(x_TD) for x_TD in features])
    y = [classes.index(label) for label in clips.label]
    batches = Batches(list(zip(sequences, y, strict=True)), params.train.batch_size, shuffle=True)

    runs = {
        name: exploding.train(setting, batches, frames_ND.shape[1], len(classes), params.train)
        for name, setting in exploding.RUNS.items()
    }
    verdicts = {name: exploding.verdict(run) for name, run in runs.items()}
    settings = {"gain": exploding.GAIN, "lr": exploding.LR, "lower_lr": exploding.LOWER_LR}
    settings |= {"clip_norm": exploding.CLIP_NORM, "dim": exploding.DIM, "exploded_above": exploding.EXPLODED}
    write_json(paths.METRICS / "exploding_gradients.json", {"settings": settings, "runs": verdicts})
    with atomic_write(paths.PLOTS / "exploding_gradients.csv") as tmp:
        exploding.table(runs).to_csv(tmp, index=False, float_format="%.6g")

    summary = pd.DataFrame(verdicts).T.drop(columns="stopped")
    print(summary.to_string(float_format="{:.3g}".format))
    for name, verdict in verdicts.items():
        if verdict["stopped"]:
            print(f"{name}: {verdict['stopped']}")


if __name__ == "__main__":
    run(main)
