"""The report's first half: the task, the data, the features, the heads and their training."""

import pandas as pd
from PIL import Image

from vidseq import paths
from vidseq.report import diagrams, figures
from vidseq.report.inputs import HEADS, Inputs
from vidseq.report.writer import NONE, Writer, number, percent, short

SHEETS = 5  # classes a picture
ROW = 22 + 90 + 2  # pixels of a contact sheet's row


def write(report: Writer, inputs: Inputs) -> None:
    """Add the sections on how the results were made."""
    report.section("task")
    report.para(report.say("task"))
    _data(report, inputs)
    _features(report, inputs)
    _heads(report, inputs)
    _training(report, inputs)


def _data(report: Writer, inputs: Inputs) -> None:
    clips, counts = inputs.clips, inputs.counts
    report.section("data")
    source = report.words[inputs.params.data.source]
    report.para(
        report.say("data.source", source=source, clips=len(clips), classes=len(inputs.classes),
                   groups=clips.group.nunique()),
        report.say("data.skipped", n=counts["sample_frames"]["skipped_clips"]
                   + counts["extract_features"]["skipped_clips"]),
    )  # fmt: skip
    sides = ["train", "val", "test"]
    by_class = pd.crosstab(clips.label, clips.split).reindex(columns=sides, fill_value=0)
    groups = clips.groupby("label").group.nunique()
    rows = [[label, *(str(row[side]) for side in sides), str(groups[label])] for label, row in by_class.iterrows()]
    total = [str(by_class[side].sum()) for side in sides]
    rows.append([report.say("columns.total"), *total, str(clips.group.nunique())])
    head = [report.say("columns.class"), *(report.words[side] for side in sides), report.say("columns.groups")]
    report.table(report.say("data.split_caption"), head, rows, total=True)
    shown = [label for label in inputs.classes if (paths.CONTACT_SHEETS / f"{label}.png").is_file()]
    pictures = []
    for start in range(0, len(shown), SHEETS):
        part = shown[start : start + SHEETS]
        rows_of_sheets = [Image.open(paths.CONTACT_SHEETS / f"{label}.png") for label in part]
        rows_of_sheets = [sheet.crop((0, 0, sheet.width, ROW)) for sheet in rows_of_sheets]
        picture = Image.new("RGB", (max(row.width for row in rows_of_sheets), ROW * len(part)), "white")
        for number_of_row, row in enumerate(rows_of_sheets):
            picture.paste(row, (0, ROW * number_of_row))
        name = f"sheets_{start // SHEETS}.jpg"
        picture.save(report.folder / name, quality=82)
        caption = report.say("data.sheets_caption", n=len(part), classes=len(inputs.classes))
        pictures.append((name, caption, report.say("data.sheets_alt", names=report.names(part))))
    report.figures(*pictures, wide=True)


def _features(report: Writer, inputs: Inputs) -> None:
    frames, streams = inputs.params.frames, inputs.params.streams
    transform = inputs.backbone["transform"]
    report.section("features")
    report.para(
        report.say(f"features.strategy.{frames.strategy}", fps=short(frames.fps), max_steps=frames.max_steps),
        report.say("features.lengths", low=inputs.steps.min(), high=inputs.steps.max(),
                   median=short(inputs.steps.median()), frames=inputs.steps.sum()),
    )  # fmt: skip
    report.para(
        report.say(
            "features.backbone",
            name=inputs.backbone["name"],
            interpolation=transform["interpolation"],
            crop=percent(transform["crop_pct"]),
            size=transform["input_size"][-1],
            mean=", ".join(f"{value:.3f}" for value in transform["mean"]),
            std=", ".join(f"{value:.3f}" for value in transform["std"]),
        ),
        report.say("features.grid" if inputs.backbone["grid"] > 1 else "features.grid_one",
                   grid=inputs.backbone["grid"], dim=inputs.feature_dim),
    )  # fmt: skip
    if inputs.backbone["difference"] is not None:
        report.para(report.say("features.difference", seconds=short(inputs.backbone["difference"])))
    shown = [report.say(f"features.shown.{name}", lag=streams.lag) for name in streams.show]
    report.para(report.say("features.streams", shown=report.names(shown), components=streams.components))


def _heads(report: Writer, inputs: Inputs) -> None:
    params, say = inputs.params, report.say
    model, rnn, transformer = params.model, params.rnn, params.transformer
    direction = say("heads.both_ways" if rnn.bidirectional else "heads.one_way")
    positions, cell = say(f"heads.{transformer.positions}"), rnn.cell.upper()
    report.section("heads")
    report.para(say("heads.rnn", layers=model.layers, cell=cell, direction=direction, dim=model.dim))
    report.para(
        say("heads.transformer", layers=model.layers, heads=transformer.heads, dim=model.dim, positions=positions,
            pooling=say(f"heads.{transformer.pooling}"))
    )  # fmt: skip

    def boxes(head: str, middle: list[tuple[str, str]], pooling: str) -> list[tuple[str, str]]:
        parts = inputs.parts[head]
        return [
            (say("heads.input"), ""),
            (
                say("heads.streams", count=len(params.streams.show)),
                say("heads.streams_detail", dim=len(params.streams.show) * params.streams.components),
            ),
            (say("heads.project"), say("heads.project_detail", dim=model.dim, parameters=f"{parts['project']:,}")),
            *middle,
            (say(f"heads.{pooling}"), ""),
            (say("heads.classify"), say("heads.classify_detail", parameters=f"{parts['classify']:,}")),
            (say("heads.output", classes=len(inputs.classes)), ""),
        ]

    recurrent = say(
        "heads.rnn_detail", direction=direction, dim=model.dim, parameters=f"{inputs.parts['rnn']['rnn']:,}"
    )
    encoder = say("heads.encoder_detail", heads=transformer.heads, dim=model.dim,
                  parameters=f"{inputs.parts['transformer']['encoder']:,}")  # fmt: skip
    middles = {
        "rnn": [(say("heads.rnn_box", layers=model.layers, cell=cell), recurrent)],
        "transformer": [(say("heads.positions_box", positions=positions), ""),
                        (say("heads.encoder_box", layers=model.layers), encoder)],
    }  # fmt: skip
    pooling = {"rnn": "pool_max", "transformer": f"pool_{transformer.pooling}"}
    items = []
    for head in HEADS:
        drawn = boxes(head, middles[head], pooling[head])
        diagrams.architecture(report.folder / f"architecture_{head}.svg", drawn)
        told = "; ".join(" ".join(part.replace("\n", ", ") for part in box if part) for box in drawn)
        caption = say(f"heads.{head}_caption", parameters=f"{sum(inputs.parts[head].values()):,}")
        items.append((f"architecture_{head}.svg", caption, say(f"heads.{head}_alt", boxes=told)))
    parts = list(dict.fromkeys(part for head in HEADS for part in inputs.parts[head]))
    parts.sort(key=["project", "positions", "cls", "rnn", "encoder", "classify"].index)
    rows = [[say(f"heads.parts.{part}"), *(_count(inputs.parts[head].get(part)) for head in HEADS)] for part in parts]
    rows.append([say("heads.parts.total"), *(_count(sum(inputs.parts[head].values())) for head in HEADS)])
    head_row = [say("columns.part"), *(report.words[head] for head in HEADS)]
    report.table(say("heads.parameters_caption"), head_row, rows, total=True)
    report.figures(*items)


def _count(value: int | None) -> str:
    return NONE if value is None else f"{value:,}"


def _training(report: Writer, inputs: Inputs) -> None:
    train, trained, say = inputs.params.train, inputs.trained, report.say
    settings = train.model_dump() | {"lr": short(train.lr)}
    report.section("training")
    report.para(
        say("training.recipe", **settings),
        *([say("training.mirror")] if train.mirror and inputs.backbone["grid"] > 1 else []),
        say("training.clipped" if train.clip_norm else "training.not_clipped", clip_norm=train.clip_norm),
        say("training.refit" if train.refit else "training.no_refit"),
    )
    report.para(
        *(say("training.outcome", model=report.words[head], epochs=trained[head]["epochs"],
              best=trained[head]["best_epoch"], loss=number(trained[head]["val_loss"]),
              accuracy=number(trained[head]["val_accuracy"])) for head in HEADS)
    )  # fmt: skip
    tables = {head: inputs.plots[f"curves_{head}"] for head in HEADS}
    both = {"train_loss": ":", "val_loss": "-"}
    figures.curves(report.folder / "loss.svg", tables, both, report.words, report.words["loss"])
    figures.curves(
        report.folder / "val_accuracy.svg", tables, {"val_accuracy": "-"}, report.words, report.words["accuracy"]
    )
    best = {name: {head: number(trained[head][name]) for head in HEADS} for name in ("val_loss", "val_accuracy")}
    report.figures(
        ("loss.svg", say("training.loss_caption"), say("training.loss_alt", **best["val_loss"])),
        ("val_accuracy.svg", say("training.accuracy_caption"), say("training.accuracy_alt", **best["val_accuracy"])),
    )
