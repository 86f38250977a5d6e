"""Train the pooling baseline on the packed features."""

from stages import run
from vidseq import paths
from vidseq.data.features import clips_with_features, load_features
from vidseq.files import atomic_write, read_json, write_json
from vidseq.models import BASELINE
from vidseq.params import Params
from vidseq.training.pooling import train_pooling


def main(params: Params) -> None:
    """Write models/baseline/ and metrics/train_baseline.json: what was chosen, and how well it does out of fold."""
    clips = clips_with_features()
    clips = clips[clips.split != "test"]
    feature_config = read_json(paths.FEATURES / "meta.json")["features"]
    features = load_features(clips["clip"])
    training = train_pooling(features, clips.label.tolist(), clips.group.tolist(), params, feature_config)
    with atomic_write(paths.MODELS / BASELINE) as folder:
        folder.mkdir()
        training.model.save(folder)
        training.out_of_fold.save(folder)
    metrics = {
        "C": training.chosen["C"],
        "cv_loss": training.out_of_fold.log_loss(),
        "cv_accuracy": training.out_of_fold.accuracy(),
    }
    write_json(paths.METRICS / "train_baseline.json", metrics)
    print(f"{BASELINE}: C {metrics['C']:g}, cross-validated accuracy {metrics['cv_accuracy']:.3f}")


if __name__ == "__main__":
    run(main)
