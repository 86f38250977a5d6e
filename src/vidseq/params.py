"""The typed form of params.yaml, which refuses unknown keys, wrong types and values out of range."""

from difflib import get_close_matches
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML, YAMLError

from vidseq.errors import VidseqError
from vidseq.files import atomic_write

Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
HeadInput = Literal["rgb", "rgb_delta", "rgb_deviation", "diff", "diff_delta", "diff_deviation"]
Positive = Annotated[float, Field(gt=0)]
ROUNDING = 1e-9  # 0.1 + 0.9 and the like may be above 1 by less


UNKNOWN = "unknown"  # the label of what is of no known class; no class has this name
REFUSED = 0.05  # of clips of known classes, so many may be called unknown where nothing else is asked for


class Section(BaseModel):
    """A part of params.yaml: every key is required, none may be added, and no value is converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class DemoParams(Section):
    """How much to draw: `groups` performers, `clips` a performer and action."""

    groups: Annotated[int, Field(ge=4, le=99)]
    clips: Annotated[int, Field(ge=1, le=99)]


class Ucf101Params(Section):
    """Where UCF101 lies: each a URL, a zip file or a folder."""

    videos: str
    lists: str


class DataParams(Section):
    """Where clips come from and how they are split."""

    source: Literal["demo", "ucf101", "folder", "table"]
    classes: list[str]
    split: Literal[1, 2, 3]
    test_fraction: Fraction
    val_fraction: Fraction
    limit: Count | None
    seed: Seed
    on_bad_clip: Literal["fail", "skip"]
    on_duplicate: Literal["fail", "warn"]
    demo: DemoParams
    ucf101: Ucf101Params
    path: str
    split_lists: str | None
    group_pattern: str


class FramesParams(Section):
    """Which frames of a clip become its sequence."""

    strategy: Literal["fps", "uniform", "first"]
    fps: Positive
    max_frames: Annotated[int, Field(ge=1, le=1024)]
    crop: Annotated[list[float], Field(min_length=4, max_length=4)] | None

    @field_validator("crop")
    @classmethod
    def _crop_is_within_the_frame(cls, crop: list[float] | None) -> list[float] | None:
        if crop is not None:
            x, y, width, height = crop
            if min(x, y) < 0 or min(width, height) <= 0 or max(x + width, y + height) > 1 + ROUNDING:
                raise ValueError("should be [x, y, width, height] within the frame, as fractions of its sides")
        return crop


class FeaturesParams(Section):
    """Which frozen CNN turns a frame into a vector."""

    backbone: str
    diff_seconds: Positive | None
    diff_size: Annotated[int, Field(ge=32)]
    engine: Literal["auto", "torch", "openvino"]
    precision: Literal["fp32", "bf16", "int8"]
    batch_size: Count
    executor: Literal["local", "ray"]
    cache_gb: Positive


class PreprocessingParams(Section):
    """What the heads get of the features."""

    inputs: Annotated[list[HeadInput], Field(min_length=1)]
    lag: Count
    pca_components: Count


class ModelParams(Section):
    """What both heads share."""

    layers: Annotated[int, Field(ge=1, le=32)]
    dim: Count
    dropout: Annotated[float, Field(ge=0, lt=1)]


class RnnParams(Section):
    """The recurrent head."""

    cell: Literal["gru", "lstm"]
    bidirectional: bool


class TransformerParams(Section):
    """The Transformer head."""

    heads: Count
    positions: Literal["sinusoidal", "learned"]
    pooling: Literal["max", "cls"]


class TrainParams(Section):
    """How a head is trained."""

    epochs: Count
    patience: Count
    refit: bool
    ensemble: Count
    batch_size: Count
    class_weights: Literal["none", "balanced"]
    lr: Positive
    gradient_clip_norm: Positive | None
    seed: Seed


class AlarmParams(Section):
    """Which class sets off an alarm, and how much of it must be found."""

    model_config = ConfigDict(populate_by_name=True)

    class_: str | None = Field(alias="class")
    min_recall: Annotated[float, Field(gt=0, le=1)]


class EvaluateParams(Section):
    """How the trained heads are measured."""

    shuffle_seed: Seed
    bootstrap_seed: Seed
    alarm: AlarmParams


class ReportParams(Section):
    """How the report is written, and what it says of its author."""

    language: Literal["en", "el"]
    title: str
    author: str
    course: str
    date: str
    remarks: str
    frames: bool


class Params(Section):
    """The whole of params.yaml."""

    data: DataParams
    frames: FramesParams
    features: FeaturesParams
    preprocessing: PreprocessingParams
    model: ModelParams
    rnn: RnnParams
    transformer: TransformerParams
    train: TrainParams
    evaluate: EvaluateParams
    report: ReportParams

    @model_validator(mode="after")
    def _diff_inputs_need_difference_images(self) -> "Params":
        diff = [name for name in self.preprocessing.inputs if name.startswith("diff")]
        if diff and self.features.diff_seconds is None:
            raise ValueError(
                f"preprocessing.inputs: {', '.join(diff)} need difference images: set features.diff_seconds"
            )
        return self

    @model_validator(mode="after")
    def _attention_heads_share_dim(self) -> "Params":
        if self.model.dim % self.transformer.heads:
            raise ValueError(
                f"model.dim = {self.model.dim} must be a multiple of transformer.heads = {self.transformer.heads}"
            )
        return self


def load_params(path: Path) -> Params:
    """Read and check params.yaml. Raises VidseqError with one line that names each wrong key and what is allowed."""
    try:
        content = YAML(typ="safe", pure=True).load(path)  # YAML 1.2: 1e-5 is a number
        return Params.model_validate(content)
    except FileNotFoundError as error:
        raise VidseqError(f"{path} is missing: run from the project's root") from error
    except YAMLError as error:
        raise VidseqError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        raise VidseqError(f"{path}: " + "; ".join(_explain(detail) for detail in error.errors())) from error


def write_params(path: Path, values: dict[str, Any]) -> None:
    """Set values in params.yaml by their dotted keys; its comments and all else stay as they are."""
    yaml = YAML()
    yaml.width = 4096
    yaml.representer.add_representer(
        type(None), lambda node, _: node.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    yaml.indent(mapping=2, sequence=4, offset=2)
    content = yaml.load(path)
    for key, value in values.items():
        *sections, name = key.split(".")
        reduce(getitem, sections, content)[name] = value
    with atomic_write(path) as tmp:
        yaml.dump(content, tmp)


def _explain(detail: ErrorDetails) -> str:
    key = ".".join(part if (part := str(at)).isprintable() else repr(part) for at in detail["loc"])
    if detail["type"] == "extra_forbidden":
        known = list(_section(detail["loc"][:-1]).model_fields)
        close = get_close_matches(str(detail["loc"][-1]), known, n=1)
        return f"{key}: unknown key" + (f", did you mean {close[0]}?" if close else f", known are {', '.join(known)}")
    if detail["type"] == "missing":
        return f"{key}: missing"
    message = detail["msg"].removeprefix("Value error, ").replace("Input should", "should")
    return f"{key} = {detail['input']!r}: {message}" if key else message


def _section(location: tuple[str | int, ...]) -> type[BaseModel]:
    section: Any = Params
    for name in location:
        section = section.model_fields[str(name)].annotation
    return section
