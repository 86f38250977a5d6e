"""The report's results: the summary, the numbers overall and per class, and the computed comments."""

from vidseq.report import figures
from vidseq.report.inputs import ALL, HEADS, MODELS, Inputs
from vidseq.report.writer import Writer, number, percent, short

HIGHER = ("accuracy", "balanced_accuracy", "precision_macro", "recall_macro", "f1_macro", "precision_weighted",
          "recall_weighted", "f1_weighted", "top2_accuracy")  # fmt: skip
LOWER = ("log_loss", "brier_score", "expected_calibration_error")
FEW_GROUPS = 10


def summary(report: Writer, inputs: Inputs, facts: dict) -> None:
    """Add the summary: the three models in one table, and whether the heads differ."""
    evaluation, say = inputs.evaluation, report.say
    report.section("summary")
    report.para(say("summary.intro", **{name: evaluation["test"][name] for name in ("clips", "groups")}))
    rows = []
    for model in MODELS:
        of_model = evaluation[model]
        row = [report.words[model], percent(of_model["accuracy"]), report.span(of_model["intervals"]["accuracy"])]
        rows.append([*row, number(of_model["f1_macro"]), percent(of_model.get("accuracy_shuffled"))])
    columns = ("model", "accuracy", "interval")
    head = [*(say(f"columns.{name}") for name in columns), say("metrics.f1_macro"), say("columns.shuffled")]
    report.table(say("results.overall_short"), head, rows)
    test = evaluation["comparisons"]["rnn_transformer"]
    verdict = _verdict(report, "rnn", "transformer", facts["verdicts"]["rnn_transformer"])
    interval = report.span(test["interval"], "+.3f")
    difference = number(test["accuracy_difference"], "+.3f")
    report.para(say("summary.best", difference=difference, interval=interval, verdict=verdict))


def results(report: Writer, inputs: Inputs, facts: dict) -> None:
    """Add the numbers, overall and per class, and their figures."""
    evaluation, say, classes = inputs.evaluation, report.say, inputs.classes
    report.section("results")
    groups = evaluation["test"]["groups"]
    report.para(say("results.overall", groups=groups), say("results.few_groups") if groups < FEW_GROUPS else "")
    rows = []
    for name in (*HIGHER, *LOWER):
        cells = []
        for model in ALL:
            cells.append(f"{evaluation[model][name]:.3f}\n{report.span(evaluation[model]['intervals'][name])}")
        rows.append([say(f"metrics.{name}"), *cells])
    head = [say("columns.metric"), *(report.words[model] for model in ALL)]
    report.table(say("results.overall_caption", clips=evaluation["test"]["clips"]), head, rows)
    for model in MODELS:
        per_class = evaluation[model]["per_class"]
        columns = ("precision", "recall", "f1", "average_precision")
        rows = [
            [str(n), label, *(number(per_class[label][column]) for column in columns), str(per_class[label]["support"])]
            for n, label in enumerate(classes, 1)
        ]
        head = [say("columns.number"), say("columns.class"), *(say(f"metrics.{column}") for column in columns)]
        caption = f"{report.words[model]}. {say('results.class_caption')}"
        report.table(caption, [*head, say("columns.support")], rows, left=2)
    _pictures(report, inputs, facts)
    _curves(report, inputs)


def _pictures(report: Writer, inputs: Inputs, facts: dict) -> None:
    say, few, items = report.say, len(inputs.classes) <= figures.LEGIBLE, []
    for model in MODELS:
        table, name = inputs.predictions[model], report.words[model]
        figures.confusion(report.folder / f"confusion_{model}.svg", table, inputs.classes, report.words, name)
        caption = say("results.confusion_caption", model=name, shares=say("results.shares") if few else "")
        right = int((table.label == table.predicted).sum())
        alt = say("results.confusion_alt", model=name, right=right, clips=len(table))
        items.append((f"confusion_{model}.svg", caption, alt))
    per_class = {model: inputs.evaluation[model]["per_class"] for model in MODELS}
    figures.f1_by_class(report.folder / "f1.svg", per_class, inputs.classes, report.words)
    extremes = {model: _extremes(report, facts["classes"][model]) for model in HEADS}
    items.append(("f1.svg", say("results.f1_caption"), say("results.f1_alt", **extremes)))
    report.figures(*items, wide=not few)


def _curves(report: Writer, inputs: Inputs) -> None:
    say, evaluation, items = report.say, inputs.evaluation, []
    ece = {model: number(evaluation[model]["expected_calibration_error"]) for model in MODELS}
    for kind, table, x, y in (("pr", "precision_recall", "recall", "precision"),
                              ("reliability", "reliability", "confidence", "frequency")):  # fmt: skip
        for model in MODELS:
            rows, name = inputs.plots[table], report.words[model]
            rows = rows[rows.model == model]
            f1 = {label: row["f1"] for label, row in evaluation[model]["per_class"].items() if row["support"]}
            hardest = sorted(f1, key=lambda label, f1=f1: (f1[label], label))[: figures.LEGIBLE]
            path = report.folder / f"{kind}_{model}.svg"
            figures.by_class(path, rows, x, y, sorted(hardest), report.words, name)
            caption = say(f"results.{kind}_caption", model=name)
            if len(f1) > len(hardest):
                caption += say("results.hardest", n=len(hardest))
            items.append((path.name, caption, say(f"results.{kind}_alt", model=name, ece=ece[model])))
    report.para(say("results.calibration", **ece))
    report.figures(*items)


def comparison(report: Writer, inputs: Inputs, facts: dict) -> None:
    """Add the comparisons with intervals and tests, and the comments that follow from the predictions."""
    evaluation, say = inputs.evaluation, report.say
    report.section("comparison")
    rows = []
    for pair, test in evaluation["comparisons"].items():
        first, second = _models(pair)
        row = [f"{report.words[first]} – {report.words[second]}", number(test["accuracy_difference"], "+.3f")]
        counts = [str(test["only_first"]), str(test["only_second"])]
        rows.append([*row, report.span(test["interval"], "+.3f"), *counts, short(test["mcnemar_p_value"])])
    columns = ("pair", "difference", "interval", "only_first", "only_second", "p_value")
    report.table(say("comparison.caption"), [say(f"columns.{name}") for name in columns], rows)
    sentences = []
    for pair, test in evaluation["comparisons"].items():
        first, second = _models(pair)
        verdict = facts["verdicts"][pair]
        values = {"first": report.words[first], "second": report.words[second], "p": short(test["mcnemar_p_value"])}
        values |= {"difference": number(test["accuracy_difference"], "+.3f")}
        values |= {"interval": report.span(test["interval"], "+.3f")}
        key = "comparison.sentence_unknown" if verdict == "unknown" else "comparison.sentence"
        sentences.append(say(key, **values, verdict=_verdict(report, first, second, verdict)))
    report.para(*sentences, say("comparison.mcnemar"))
    for model in MODELS:
        report.para(*_errors(report, model, facts["errors"][model]))
    apart = facts["heads"]
    f1 = {model: number(value) for model, value in apart["widest_f1"].items()}
    widest = say("comparison.widest", label=apart["widest_class"], **f1)
    report.para(
        say("comparison.apart", **apart),
        say("comparison.same") if apart["same_f1"] else widest,
        *(_extremes(report, facts["classes"][model], report.words[model]) for model in HEADS),
    )
    for model in HEADS:
        accuracies = {"accuracy": percent(evaluation[model]["accuracy"])}
        accuracies["shuffled"] = percent(evaluation[model]["accuracy_shuffled"])
        sentence = say("comparison.order", model=report.words[model], **accuracies)
        report.para(sentence, say(f"comparison.order_{facts['order'][model]}", model=report.words[model]))


def _errors(report: Writer, model: str, of_model: dict) -> list[str]:
    say, wrong = report.say, of_model["wrong"]
    told = [say("comparison.errors", n=wrong, model=report.words[model], clips=of_model["clips"])]
    pairs = [
        say(
            "comparison.pair", a=pair["classes"][0], b=pair["classes"][1], n=pair["wrong"], share=percent(pair["share"])
        )
        for pair in of_model["pairs"]
    ]
    if wrong:
        told.append(say("comparison.pairs", n=wrong, pairs=report.names(pairs)))
    return told


def _extremes(report: Writer, extremes: dict, model: str = "") -> str:
    high, low = number(extremes["highest_f1"]), number(extremes["lowest_f1"])
    best, worst = (report.names(extremes[name]) for name in ("highest", "lowest"))
    if not model:
        return report.say("results.extremes", best=best, worst=worst, high=high, low=low)
    if extremes["highest"] == extremes["lowest"]:
        return report.say("comparison.level", model=model, high=high)
    return report.say("comparison.highest", model=model, best=best, worst=worst, high=high, low=low)


def _models(pair: str) -> tuple[str, str]:
    """Take "rnn_rnn_causal" apart."""
    return next((a, b) for a in ALL for b in ALL if f"{a}_{b}" == pair)


def _verdict(report: Writer, first: str, second: str, verdict: str) -> str:
    return report.say(f"verdicts.{verdict}", first=report.words[first], second=report.words[second])
