"""All paths that a stage reads or writes, relative to the project's root."""

from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1]  # the folder that holds this copy of the library

PARAMS = Path("params.yaml")

CLIPS = Path("data/clips")
CLIP_TABLE = Path("data/clips.csv")
FRAME_PLAN = Path("data/frames.parquet")
CONTACT_SHEETS = Path("data/contact_sheets")
FEATURES = Path("data/features")
PREDICTIONS = Path("data/predictions")
FILM_STRIPS = Path("data/film_strips")
MODELS = Path("models")
MODEL_CARDS = Path("model_cards")
METRICS = Path("metrics")
PLOTS = Path("plots")
REPORT = Path("report")


def project_root() -> Path:
    """Return the project that the working directory belongs to.

    A queued experiment runs in a copy at `<project>/.dvc/tmp/exps/<copy>`. What lies outside the copy (caches, and
    paths that the user gave relative to the project) is found from the project itself.
    """
    here = Path.cwd()
    for parent in here.parents:
        if parent.parts[-3:] == (".dvc", "tmp", "exps"):
            return parent.parents[2]
    return here


def cache(name: str) -> Path:
    """Return a folder for work that must outlive the outs, which DVC deletes before it runs their stage."""
    return project_root() / ".cache" / name


def user_path(path: str) -> Path:
    """Return a path from the params, absolute or relative to the project, as an absolute one."""
    return project_root() / Path(path).expanduser()
