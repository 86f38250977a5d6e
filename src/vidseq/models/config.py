"""The typed form of a trained model's config, model.json: what is wrong in it is named before anything is built."""

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, create_model, model_validator

from vidseq.errors import VidseqError
from vidseq.models import HEADS
from vidseq.params import UNKNOWN, Count, FramesParams, ModelParams, Positive, PreprocessingParams, Section

POOLING = "pooling"  # the head of the pooling baseline, which is not in the table of heads


class DiffConfig(Section):
    """Difference images, as `extraction.encode.Diff`."""

    seconds: Positive
    size: Count


class FeatureConfig(Section):
    """What computed the features, as `Backbone.feature_config` has it."""

    name: str
    weights: str
    transform: dict
    engine: str
    precision: str
    device: str
    kernel: str | None
    diff: DiffConfig | None
    image_types: Annotated[list[Literal["rgb", "diff"]], Field(min_length=1)]


class PoolingSettings(Section):
    """The settings of the pooling baseline."""

    unit_length: bool


class ModelConfig(Section):
    """What every model has; `settings` has a type for each head."""

    format: int
    head: str
    ensemble: Count
    classes: Annotated[list[str], Field(min_length=2)]
    feature_dim: Count
    median_steps: Count
    settings: Any
    frames: FramesParams
    features: FeatureConfig
    versions: dict[str, str]

    @model_validator(mode="after")
    def _parts_agree(self) -> "ModelConfig":
        if UNKNOWN in self.classes:
            raise ValueError(f"a class is called {UNKNOWN}, which is the answer for what is of no class")
        types = self.features.image_types
        if types != (["rgb"] if self.features.diff is None else ["rgb", "diff"]):
            raise ValueError("features.image_types and features.diff contradict each other")
        if self.feature_dim % len(types):
            raise ValueError("feature_dim is no multiple of the number of image types")
        if self.head != POOLING:
            if not {name.partition("_")[0] for name in self.settings.preprocessing.inputs} <= set(types):
                raise ValueError("settings.preprocessing.inputs need images that features.image_types lacks")
            if self.head == "transformer" and self.settings.model.dim % self.settings.transformer.heads:
                raise ValueError("settings.model.dim is no multiple of settings.transformer.heads")
        return self


def check_config(config: dict) -> None:
    """Raise VidseqError, which names the first wrong key, if this is not the config of a model."""
    head, known = config.get("head"), [*HEADS, POOLING]
    if head not in known:
        raise VidseqError(f"head = {head!r}: should be {' or '.join(known)}")
    try:
        _config_type(head).model_validate(config)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        message = first["msg"].removeprefix("Value error, ").replace("Input should", "should")
        raise VidseqError(f"{key}: {message}" if key else message) from error


def _config_type(head: str) -> type[ModelConfig]:
    """Return the type of the config of a model with this head."""
    sections: dict[str, Any] = {POOLING: PoolingSettings}
    if head != POOLING:
        sections = {"preprocessing": PreprocessingParams, "model": ModelParams, head: HEADS[head][1]}
        sections["train"] = (dict, {})  # how it was trained changes nothing in how it is used
    settings = create_model("Settings", __base__=Section, **sections)
    return create_model("Config", __base__=ModelConfig, settings=settings)
