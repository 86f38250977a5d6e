"""The report's first half: the task, the data, the features, the architectures and their training."""

import pandas as pd
from PIL import Image

from vidseq import paths
from vidseq.data.splits import SPLITS
from vidseq.report import diagrams, figures
from vidseq.report.inputs import Inputs, part_order
from vidseq.report.writer import NONE, Writer, number, percent, short

SHEETS = 5  # classes per image
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
    by_class = pd.crosstab(clips.label, clips.split).reindex(columns=list(SPLITS), fill_value=0)
    groups = clips.groupby("label").group.nunique()
    rows = [[label, *(str(row[split]) for split in SPLITS), str(groups[label])] for label, row in by_class.iterrows()]
    total = [str(by_class[split].sum()) for split in SPLITS]
    rows.append([report.say("columns.total"), *total, str(clips.group.nunique())])
    head = [report.say("columns.class"), *(report.words[split] for split in SPLITS), report.say("columns.groups")]
    report.table(report.say("data.split_caption"), head, rows, total=True)
    shown = [label for label in inputs.classes if (paths.CONTACT_SHEETS / f"{label}.png").is_file()]
    items = []
    for start in range(0, len(shown), SHEETS):
        part = shown[start : start + SHEETS]
        sheets = [Image.open(paths.CONTACT_SHEETS / f"{label}.png") for label in part]
        image = Image.new("RGB", (max(sheet.width for sheet in sheets), ROW * len(part)), "white")
        for row, sheet in enumerate(sheets):
            image.paste(sheet.crop((0, 0, sheet.width, ROW)), (0, ROW * row))
        name = f"sheets_{start // SHEETS}.jpg"
        image.save(report.folder / name, quality=82)
        caption = report.say("data.sheets_caption", n=len(part), classes=len(inputs.classes))
        items.append((name, caption, report.say("data.sheets_alt", names=report.names(part))))
    report.figures(*items, wide=True)


def _features(report: Writer, inputs: Inputs) -> None:
    frames, preprocessing, features = inputs.params.frames, inputs.params.preprocessing, inputs.feature_config
    transform, lengths = features["transform"], inputs.lengths
    report.section("features")
    report.para(
        report.say(f"features.strategy.{frames.strategy}", fps=short(frames.fps), max_frames=frames.max_frames),
        report.say("features.lengths", low=lengths.min(), high=lengths.max(), median=short(lengths.median()),
                   frames=lengths.sum()),
        report.say("features.crop", crop=", ".join(map(short, frames.crop))) if frames.crop else "",
    )  # fmt: skip
    report.para(
        report.say(
            "features.backbone",
            name=features["name"],
            interpolation=transform["interpolation"],
            crop=percent(transform["crop_pct"]),
            size=transform["input_size"][-1],
            mean=", ".join(f"{value:.3f}" for value in transform["mean"]),
            std=", ".join(f"{value:.3f}" for value in transform["std"]),
        ),
        report.say("features.dim", dim=inputs.feature_dim),
    )
    if features["diff"] is not None:
        report.para(
            report.say("features.diff", seconds=short(features["diff"]["seconds"]), size=features["diff"]["size"])
        )
    shown = [report.say(f"features.inputs.{name}", lag=preprocessing.lag) for name in preprocessing.inputs]
    listed = ", ".join(shown)
    report.para(report.say("features.preprocessing", inputs=listed, components=preprocessing.pca_components))


def _heads(report: Writer, inputs: Inputs) -> None:
    say, texts, preprocessing, items = report.say, report.texts["heads"], inputs.params.preprocessing, []
    report.section("heads")
    for model in inputs.main:
        head, settings, parts = inputs.configs[model]["head"], inputs.configs[model]["settings"], inputs.parts[model]
        chosen = settings["model"] | settings[head]
        values = {key: texts["choices"].get(key, {}).get(str(value), value) for key, value in chosen.items()}
        values |= {"model": report.words[model], "parameters": {part: f"{count:,}" for part, count in parts.items()}}
        values["settings"] = ", ".join(f"{key} {value}" for key, value in chosen.items())
        report.para(say(f"heads.about.{head if head in texts['about'] else 'other'}", **values))
        inputs_dim = len(preprocessing.inputs) * preprocessing.pca_components
        boxes = [say("heads.input"), say("heads.preprocessing", count=len(preprocessing.inputs), dim=inputs_dim)]
        if head in texts["boxes"]:
            boxes += [box.format(**values) for box in texts["boxes"][head]]
        else:
            boxes += [say("heads.box", part=_part(report, part), parameters=f"{parts[part]:,}") for part in parts]
        boxes.append(say("heads.output", classes=len(inputs.classes)))
        diagrams.architecture(report.folder / f"architecture_{model}.svg", boxes)
        caption = say("heads.caption", model=report.words[model], parameters=f"{sum(parts.values()):,}")
        told = "; ".join(box.replace("\n", ", ") for box in boxes)
        items.append((f"architecture_{model}.svg", caption, say("heads.alt", model=report.words[model], boxes=told)))
    every = sorted({part for model in inputs.main for part in inputs.parts[model]}, key=part_order)
    rows = [[_part(report, part), *(_count(inputs.parts[model].get(part)) for model in inputs.main)] for part in every]
    rows.append([say("columns.total"), *(_count(sum(inputs.parts[model].values())) for model in inputs.main)])
    columns = [say("columns.part"), *(report.words[model] for model in inputs.main)]
    report.table(say("heads.parameters_caption"), columns, rows, total=True)
    report.figures(*items)


def _part(report: Writer, part: str) -> str:
    return report.texts["heads"]["parts"].get(part, part)


def _count(value: int | None) -> str:
    return NONE if value is None else f"{value:,}"


def _training(report: Writer, inputs: Inputs) -> None:
    train, trained, say, words = inputs.params.train, inputs.trained, report.say, report.words
    report.section("training")
    report.para(
        say("training.recipe", lr=short(train.lr), batch_size=train.batch_size, patience=train.patience,
            epochs=train.epochs),
        say("training.clipped" if train.gradient_clip_norm else "training.not_clipped", norm=train.gradient_clip_norm),
        say("training.ensemble", n=train.ensemble) if train.ensemble > 1 else "",
        say("training.balanced") if train.class_weights == "balanced" else "",
        say("training.temperature", values=report.by_name({m: number(trained[m]["temperature"]) for m in inputs.main})),
        say("training.refit" if train.refit else "training.no_refit"),
    )  # fmt: skip
    tables = {model: inputs.plots[f"curves_{model}"] for model in inputs.main}
    loss, accuracy = ({m: number(trained[m][name]) for m in inputs.main} for name in ("val_loss", "val_accuracy"))
    report.para(
        *(say("training.outcome", model=words[model], epochs=len(tables[model]), best=_best_epoch(tables[model]),
              loss=loss[model], accuracy=accuracy[model]) for model in inputs.main)
    )  # fmt: skip
    both = {"train_loss": ":", "val_loss": "-"}
    figures.curves(report.folder / "loss.svg", tables, both, words, words["loss"])
    figures.curves(report.folder / "val_accuracy.svg", tables, {"val_accuracy": "-"}, words, words["accuracy"])
    accuracy_alt = say("training.accuracy_alt", values=report.by_name(accuracy))
    report.figures(
        ("loss.svg", say("training.loss_caption"), say("training.loss_alt", values=report.by_name(loss))),
        ("val_accuracy.svg", say("training.accuracy_caption"), accuracy_alt),
    )


def _best_epoch(curves: pd.DataFrame) -> int:
    return int(curves.epoch[curves.val_loss.idxmin()])
