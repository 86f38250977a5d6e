"""The report's results: the summary, the numbers overall and per class, and the computed comments."""

from vidseq.report import figures
from vidseq.report.facts import verdict
from vidseq.report.inputs import Inputs
from vidseq.report.writer import Writer, number, percent, short

HIGHER = ("accuracy", "balanced_accuracy", "precision", "recall", "f1", "precision_weighted", "recall_weighted",
          "f1_weighted", "top2_accuracy")  # fmt: skip
LOWER = ("log_loss", "brier_score", "expected_calibration_error")
PER_CLASS = ("precision", "recall", "f1", "average_precision")
FEW_GROUPS = 10


def summary(report: Writer, inputs: Inputs) -> None:
    """Add the summary: the main models and the baseline in one table, and whether the main ones differ."""
    evaluation, say, words = inputs.evaluation, report.say, report.words
    report.section("summary")
    clips, groups = evaluation["test"]["clips"], evaluation["test"]["groups"]
    names = report.names([words[model] for model in inputs.main])
    report.para(say("summary.intro", models=names, clips=clips, groups=groups))
    rows = []
    for model in inputs.compared:
        metrics = evaluation["models"][model]
        row = [words[model], percent(metrics["accuracy"]), report.span(metrics["intervals"]["accuracy"])]
        rows.append([*row, number(metrics["f1"]), percent(metrics.get("accuracy_shuffled"))])
    columns = ("model", "accuracy", "interval")
    head = [*(say(f"columns.{name}") for name in columns), say("metrics.f1"), say("columns.shuffled")]
    report.table(say("summary.caption"), head, rows)
    report.para(*(say("summary.difference", **difference(report, test)) for test in _among(inputs, inputs.main)))


def results(report: Writer, inputs: Inputs, facts: dict) -> None:
    """Add the numbers, overall and per class, and their figures."""
    evaluation, say, classes, words = inputs.evaluation, report.say, inputs.classes, report.words
    models, clips, groups = evaluation["models"], evaluation["test"]["clips"], evaluation["test"]["groups"]
    report.section("results")
    report.para(say("results.overall", groups=groups), say("results.few_groups") if groups < FEW_GROUPS else "")
    rows = []
    for name in (*HIGHER, *LOWER):
        cells = [f"{models[m][name]:.3f}\n{report.span(models[m]['intervals'][name])}" for m in inputs.measured]
        rows.append([say(f"metrics.{name}"), *cells])
    head = [say("columns.metric"), *(words[model] for model in inputs.measured)]
    report.table(say("results.overall_caption", clips=clips), head, rows)
    for model in inputs.compared:
        per_class = models[model]["per_class"]
        rows = [
            [str(n), label, *(number(per_class[label][name]) for name in PER_CLASS), str(per_class[label]["support"])]
            for n, label in enumerate(classes, 1)
        ]
        head = [say(f"columns.{name}") for name in ("number", "class", *PER_CLASS, "support")]
        report.table(say("results.class_caption", model=words[model]), head, rows, left=2)
    _confusions(report, inputs, facts)
    _curves(report, inputs)


def _confusions(report: Writer, inputs: Inputs, facts: dict) -> None:
    say, few, items = report.say, len(inputs.classes) <= figures.LEGIBLE, []
    for model in inputs.compared:
        table, name = inputs.predictions[model], report.words[model]
        figures.confusion(report.folder / f"confusion_{model}.svg", table, inputs.classes, report.words, name)
        caption = say("results.confusion_caption", model=name, fractions=say("results.fractions") if few else "")
        if len(inputs.classes) > figures.MANY:
            caption = say("results.confusion_many", model=name)
        right = int((table.label == table.predicted).sum())
        alt = say("results.confusion_alt", model=name, right=right, clips=len(table))
        items.append((f"confusion_{model}.svg", caption, alt))
    per_class = {model: inputs.evaluation["models"][model]["per_class"] for model in inputs.compared}
    lowest = {label: min(of_model[label]["f1"] for of_model in per_class.values()) for label in inputs.classes}
    shown = sorted(sorted(inputs.classes, key=lowest.__getitem__)[: figures.MANY])
    figures.f1_by_class(report.folder / "f1.svg", per_class, shown, report.words)
    extremes = " ".join(_extremes(report, model, facts["classes"][model]) for model in inputs.main)
    caption = say("results.f1_caption")
    if len(shown) < len(inputs.classes):
        caption += say("results.lowest", n=len(shown))
    items.append(("f1.svg", caption, say("results.f1_alt", extremes=extremes)))
    report.figures(*items, wide=not few)


def _curves(report: Writer, inputs: Inputs) -> None:
    say, models, items = report.say, inputs.evaluation["models"], []
    ece = {model: number(models[model]["expected_calibration_error"]) for model in inputs.compared}
    for kind, table, x, y in (("pr", "precision_recall", "recall", "precision"),
                              ("reliability", "reliability", "confidence", "frequency")):  # fmt: skip
        for model in inputs.compared:
            rows, name = inputs.plots[table], report.words[model]
            rows = rows[rows.model == model]
            f1 = [(row["f1"], label) for label, row in models[model]["per_class"].items() if row["support"]]
            hardest = sorted(label for _, label in sorted(f1)[: figures.LEGIBLE])
            path = report.folder / f"{kind}_{model}.svg"
            figures.by_class(path, rows, x, y, hardest, report.words, name)
            caption = say(f"results.{kind}.caption", model=name)
            if len(f1) > len(hardest):
                caption += say("results.hardest", n=len(hardest))
            items.append((path.name, caption, say(f"results.{kind}.alt", model=name, ece=ece[model])))
    report.para(say("results.calibration", values=report.by_name(ece)))
    report.figures(*items)


def comparison(report: Writer, inputs: Inputs, facts: dict) -> None:
    """Add the comparisons with intervals and tests, and the comments that follow from the predictions."""
    evaluation, say, words = inputs.evaluation, report.say, report.words
    report.section("comparison")
    rows = []
    for test in evaluation["comparisons"]:
        row = [f"{words[test['first']]} – {words[test['second']]}", number(test["accuracy_difference"], "+.3f")]
        counts = [str(test["only_first"]), str(test["only_second"])]
        rows.append([*row, report.span(test["interval"], "+.3f"), *counts, short(test["mcnemar_p_value"])])
    columns = ("pair", "difference", "interval", "only_first", "only_second", "p_value")
    report.table(say("comparison.caption"), [say(f"columns.{name}") for name in columns], rows)
    sentences = [say("comparison.sentence", **difference(report, test)) for test in _among(inputs, inputs.compared)]
    report.para(*sentences, say("comparison.mcnemar"), say("comparison.one_seed"))
    for model in inputs.compared:
        report.para(*_errors(report, model, facts["errors"][model]))
    for pair in facts["agreement"]:
        names = {"first": words[pair["first"]], "second": words[pair["second"]], "label": pair["widest_class"]}
        f1 = {name: number(pair[name]) for name in ("first_f1", "second_f1")}
        told = say("comparison.same") if pair["same_f1"] else say("comparison.widest", **names, **f1)
        report.para(say("comparison.agreement", **pair | names), told)
    report.para(*(_extremes(report, model, facts["classes"][model]) for model in inputs.main))
    for model in inputs.main:
        metrics = evaluation["models"][model]
        accuracies = {name: percent(metrics[name]) for name in ("accuracy", "accuracy_shuffled")}
        sentence = say("comparison.order", model=words[model], **accuracies)
        told = say(f"comparison.order_told.{verdict(evaluation['order'][model])}", model=words[model])
        report.para(sentence, told)


def difference(report: Writer, test: dict) -> dict[str, str]:
    """Return what sentences say of two models' difference in accuracy: first, second, difference, p, verdict."""
    names = {name: report.words[test[name]] for name in ("first", "second")}
    told = report.say(f"verdicts.{verdict(test)}", interval=report.span(test["interval"], "+.3f"), **names)
    numbers = {"difference": number(test["accuracy_difference"], "+.3f"), "p": short(test["mcnemar_p_value"])}
    return names | numbers | {"verdict": told}


def _among(inputs: Inputs, models: list[str]) -> list[dict]:
    return [test for test in inputs.evaluation["comparisons"] if {test["first"], test["second"]} <= {*models}]


def _errors(report: Writer, model: str, errors: dict) -> list[str]:
    say, name = report.say, report.words[model]
    pairs = [
        say(
            "comparison.pair", a=pair["classes"][0], b=pair["classes"][1], n=pair["wrong"], share=percent(pair["share"])
        )
        for pair in errors["pairs"]
    ]
    told = say("comparison.pairs", n=errors["wrong"], pairs=report.names(pairs)) if pairs else ""
    return [say("comparison.errors", n=errors["wrong"], model=name, clips=errors["clips"]), told]


def _extremes(report: Writer, model: str, extremes: dict) -> str:
    high, low = number(extremes["highest_f1"]), number(extremes["lowest_f1"])
    best, worst = (report.names(extremes[name]) for name in ("highest", "lowest"))
    key = "comparison.level" if extremes["highest"] == extremes["lowest"] else "comparison.extremes"
    return report.say(key, model=report.words[model], best=best, worst=worst, high=high, low=low)
