"""The three questions with the evidence of this run, the frames that mattered, and how to repeat it."""

from vidseq import paths
from vidseq.models import MODELS
from vidseq.report import figures
from vidseq.report.inputs import Inputs
from vidseq.report.results import difference
from vidseq.report.writer import NONE, Writer, number, percent, short


def online(report: Writer, inputs: Inputs, facts: dict) -> None:
    """Question 1: a bidirectional RNN on a live stream."""
    say, words = report.say, report.words
    report.section("q1")
    report.para(say("q1.answer"))
    report.add("list", items=[option.strip() for option in report.texts["q1"]["options"]])
    report.para(say("q1.cost", **inputs.evaluation["online"]))
    report.para(say("q1.evidence"))
    values = {
        model: {"tenth": percent(of["tenth"]), "half": percent(of["half"]), "whole": percent(of["whole"])}
        | {"nearly": f"{100 * of['nearly_from']:.0f} %"}
        for model, of in facts["early"].items()
    }
    told = [say("q1.nearly", model=words[model], **values[model]) for model in inputs.measured]
    figures.early(report.folder / "early.svg", inputs.plots["early"], words)
    report.figures(("early.svg", say("q1.caption"), say("q1.alt", values=" ".join(told))), wide=True)
    head = [say(f"columns.{name}") for name in ("model", "tenth", "half", "whole", "nearly")]
    report.table(say("q1.table_caption"), head, [[words[model], *values[model].values()] for model in inputs.measured])
    for test in inputs.evaluation["comparisons"]:
        for model, causal in ((test["first"], test["second"]), (test["second"], test["first"])):
            if model in inputs.main and MODELS.get(causal) == (MODELS[model][0], {"bidirectional": False}):
                bidirectional = inputs.configs[model]["settings"][MODELS[model][0]]["bidirectional"]
                names = {"model": words[model], "causal": words[causal]}
                report.para(say("q1.causal" if bidirectional else "q1.same", **names, **difference(report, test)))


def security(report: Writer, inputs: Inputs, facts: dict) -> None:
    """Question 2: the metric of an alarm, and what a recall target costs."""
    say, words, alarm = report.say, report.words, inputs.evaluation["alarm"]
    target = percent(alarm["min_recall"])
    report.section("q2")
    report.para(say("q2.answer"))
    report.para(say("q2.setting", label=alarm["class"], target=target))
    rows, told = [], []
    for model in inputs.measured:
        of = alarm["models"][model]
        cells = []
        for name, form in (("recall", ".3f"), ("precision", ".3f"), ("false_alarms_per_hour", ".1f")):
            cells.append(f"{number(of[name], form)}\n{report.span(of['intervals'][name], form)}")
        rows.append([words[model], number(of["threshold"]), f"{of['found']} / {of['clips']}", *cells])
        reached = {None: "absent", True: "reached", False: "missed"}[facts["alarm_reached"][model]]
        found = {"found": of["found"], "clips": of["clips"], "recall": number(of["recall"]), "target": target}
        rate = number(of["false_alarms_per_hour"], ".1f")
        price = say("q2.price", n=of["false_alarms"], others=of["other_clips"], rate=rate)
        told.append(say(f"q2.{reached}", model=words[model], **found) + price)
    head = [say(f"columns.{name}") for name in ("model", "threshold", "found", "recall", "precision", "rate")]
    hours = of["hours_of_other_clips"]  # the same for all models
    report.table(say("q2.caption", hours=f"{hours:.3f}"), head, rows)
    report.para(*told)
    if 0 < hours < 1:
        report.para(say("q2.short", minutes=f"{60 * hours:.1f}", one=f"{1 / hours:.1f}"))
    thresholds = {model: alarm["models"][model]["threshold"] for model in inputs.measured}
    table = inputs.plots["alarm_cost"]
    values = report.by_name({model: number(value) for model, value in thresholds.items()})
    for name, column, label in (("alarm_cost", "cost_10", "cost"),
                                ("alarm_rate", "false_alarms_per_hour", "false_alarms_per_hour")):  # fmt: skip
        figures.alarm(report.folder / f"{name}.svg", table, thresholds, column, words, words[label])
    report.figures(
        ("alarm_cost.svg", say("q2.cost_caption"), say("q2.cost_alt", values=values)),
        ("alarm_rate.svg", say("q2.rate_caption"), say("q2.rate_alt")),
    )


def divergence(report: Writer, inputs: Inputs) -> None:
    """Question 3: exploding gradients and their remedies."""
    say, words, runs = report.say, report.words, inputs.exploding_gradients["runs"]
    settings = {name: short(value) for name, value in inputs.exploding_gradients["settings"].items()}
    limit = settings["exploded_above"]
    report.section("q3")
    report.para(say("q3.answer"))
    report.add("list", items=[remedy.strip() for remedy in report.texts["q3"]["remedies"]])
    report.para(say("q3.setting", **settings))
    rows = []
    for name, run in runs.items():
        step = NONE if run["exploded_at_step"] is None else str(run["exploded_at_step"])
        ended = "stopped" if run["stopped"] else "fell" if run["loss_fell"] else "rose"
        cells = [short(run[column]) for column in ("grad_norm_max", "first_loss", "last_loss")]
        rows.append([words[name], say(f"q3.change.{name}", **settings), say(f"q3.ended.{ended}"), step, *cells])
    columns = ("run", "change", "ended", "exploded", "max_norm", "first_loss", "last_loss")
    report.table(say("q3.caption"), [say(f"columns.{name}") for name in columns], rows, left=3)
    exploding = runs["exploding"]
    if exploding["exploded_at_step"] is None:
        report.para(say("q3.broke" if exploding["stopped"] else "q3.not_exploded", limit=limit))
    else:
        end = say("q3.stopped") if exploding["stopped"] else "" if exploding["loss_fell"] else say("q3.diverged")
        report.para(say("q3.exploded", step=exploding["exploded_at_step"], limit=limit), end)
    if exploding["stopped"]:
        report.add("code", text=exploding["stopped"])
    remedies = [words[name] for name, run in runs.items() if name != "exploding" and run["loss_fell"]]
    norms = {model: inputs.plots[f"gradients_{model}"] for model in inputs.main}
    largest = {model: table.grad_norm.max() for model, table in norms.items()}
    report.para(
        say("q3.worked", n=len(remedies), of=len(runs) - 1, names=report.names(remedies) if remedies else ""),
        say("q3.own", norm=short(max(largest.values()))),
    )
    table = inputs.plots["exploding_gradients"]
    figures.exploding(
        report.folder / "exploding_norm.svg", table, words, inputs.exploding_gradients["settings"]["exploded_above"]
    )
    figures.norms(report.folder / "norms.svg", norms, words)
    values = report.by_name({name: short(run["grad_norm_max"]) for name, run in runs.items()})
    own = report.by_name({model: short(norm) for model, norm in largest.items()})
    report.figures(
        ("exploding_norm.svg", say("q3.norm_caption"), say("q3.norm_alt", values=values)),
        ("norms.svg", say("q3.own_caption"), say("q3.own_alt", values=own)),
    )


def frames(report: Writer, inputs: Inputs) -> None:
    """Add the film strips: clips explained, and the most confident mistakes."""
    say, strips = report.say, inputs.film_strips["strips"]
    report.section("frames")
    report.para(say("frames.intro", model=report.words[inputs.main[0]]))
    explained: list[tuple[str, str, str]] = []
    for row in inputs.film_strips["explained"]:
        clip, strip = row["clip"], strips[row["clip"]]
        path = report.folder / f"explained_{len(explained)}.jpg"
        figures.explained(
            path, paths.FILM_STRIPS / strip["file"], len(strip["steps"]), row, strip["times"], report.words
        )
        values = report.by_name({model: percent(values[-1]) for model, values in row["probability"].items()})
        alt = say("frames.alt", clip=clip, label=row["label"], values=values)
        explained.append((path.name, say("frames.caption", clip=clip, label=row["label"]), alt))
    report.figures(*explained, wide=True)
    for model, mistakes in inputs.film_strips["mistakes"].items():
        items = []
        for row in mistakes:
            name = f"strip_{strips[row['clip']]['file']}"
            (report.folder / name).write_bytes((paths.FILM_STRIPS / strips[row["clip"]]["file"]).read_bytes())
            of_row = {key: row[key] for key in ("clip", "label", "predicted")}
            caption = say("frames.mistake", **of_row, probability=percent(row["probability"]))
            items.append((name, caption, say("frames.mistake_alt", **of_row)))
        report.para(say("frames.mistakes" if items else "frames.no_mistakes", model=report.words[model]))
        if items:
            report.figures(*items, wide=True)


def reproduce(report: Writer, inputs: Inputs) -> None:
    """Add what is needed to repeat the run, and on what machine it was."""
    say, known, params = report.say, inputs.environment, inputs.params
    report.section("reproduce")
    report.para(say("reproduce.how"))
    report.add("code", text="make repro")
    if "commit" in known:
        report.para(say("reproduce.changed" if known["changed"] else "reproduce.commit"))
        report.add("code", text=known["commit"])
    else:
        report.para(say("reproduce.unknown"))
    versions = ", ".join(f"{package} {version or NONE}" for package, version in known["versions"].items())
    seeds = {"shuffle": params.evaluate.shuffle_seed, "bootstrap": params.evaluate.bootstrap_seed}
    report.para(
        say("reproduce.seeds", data=params.data.seed, train=params.train.seed, **seeds),
        say("reproduce.machine", **known["machine"]),
        say("reproduce.versions", versions=versions),
    )
    if known.get("digests"):
        rows = [[path, digest] for path, digest in known["digests"].items()]
        report.table(say("reproduce.digests_caption"), [say("columns.artifact"), say("columns.digest")], rows, left=2)
