"""The exercise's three questions with the evidence of this run, the frames that mattered, and how to repeat it."""

from vidseq import paths
from vidseq.report import figures
from vidseq.report.inputs import ALL, HEADS, Inputs
from vidseq.report.writer import NONE, Writer, number, percent, short


def online(report: Writer, inputs: Inputs, facts: dict) -> None:
    """Question 1: a bidirectional RNN on a live stream."""
    say, words = report.say, report.words
    report.section("q1")
    report.para(say("q1.answer"))
    report.add("list", items=[option.strip() for option in report.texts["q1"]["options"]])
    report.para(say("q1.evidence"))
    values = {
        model: {"tenth": percent(of["tenth"]), "half": percent(of["half"]), "whole": percent(of["whole"])}
        | {"from": f"{100 * of['nearly_from']:.0f} %"}
        for model, of in facts["early"].items()
    }
    told = [say("q1.nearly", model=words[model], **values[model]) for model in ALL]
    figures.early(report.folder / "early.svg", inputs.plots["early"], words)
    report.figures(("early.svg", say("q1.caption"), say("q1.alt", values=" ".join(told))), wide=True)
    head = [say(f"columns.{name}") for name in ("model", "tenth", "half", "whole", "nearly")]
    report.table(say("q1.table_caption"), head, [[words[model], *values[model].values()] for model in ALL])
    test, verdict = inputs.evaluation["comparisons"]["rnn_rnn_causal"], facts["verdicts"]["rnn_rnn_causal"]
    verdict_text = say(f"verdicts.{verdict}", first=words["rnn"], second=words["rnn_causal"])
    difference, interval = number(test["accuracy_difference"], "+.3f"), report.span(test["interval"], "+.3f")
    key = "q1.verdict_unknown" if verdict == "unknown" else "q1.verdict"
    report.para(
        say(key, difference=difference, interval=interval, verdict=verdict_text)
        if inputs.params.rnn.bidirectional
        else say("q1.same_model")
    )
    cost = inputs.circumstances.get("online")
    if cost:
        prefix, step = (f"{1000 * cost[f'{name}_seconds']:.1f}" for name in ("prefix", "causal_step"))
        report.para(say("q1.cost", steps=cost["steps"], prefix=prefix, step=step))


def security(report: Writer, inputs: Inputs, facts: dict) -> None:
    """Question 2: the metric of an alarm, and what a recall target costs."""
    say, words, alarm = report.say, report.words, inputs.evaluation["alarm"]
    target = percent(alarm["min_recall"])
    report.section("q2")
    report.para(say("q2.answer"))
    report.para(say("q2.setting", label=alarm["class"], target=target))
    rows, told = [], []
    hours = alarm["rnn"]["hours_of_other_clips"]
    for model in ALL:
        of = alarm[model]
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
    report.table(say("q2.caption", hours=f"{hours:.3f}"), head, rows)
    report.para(*told)
    if 0 < hours < 1:
        report.para(say("q2.short", minutes=f"{60 * hours:.1f}", one=f"{1 / hours:.1f}"))
    thresholds = {model: alarm[model]["threshold"] for model in ALL}
    table = inputs.plots["alarm_cost"]
    values = ", ".join(f"{words[model]} {number(value)}" for model, value in thresholds.items())
    for name, column, label in (("alarm_cost", "cost_10", "cost"),
                                ("alarm_rate", "false_alarms_per_hour", "false_alarms_per_hour")):  # fmt: skip
        figures.alarm(report.folder / f"{name}.svg", table, thresholds, column, words, words[label])
    report.figures(
        ("alarm_cost.svg", say("q2.cost_caption"), say("q2.cost_alt", values=values)),
        ("alarm_rate.svg", say("q2.rate_caption"), say("q2.rate_alt")),
    )


def divergence(report: Writer, inputs: Inputs) -> None:
    """Question 3: exploding gradients, seen and cured."""
    say, words = report.say, report.words
    settings, runs = inputs.exploding["settings"], inputs.exploding["runs"]
    limit = short(settings["exploded_above"])
    report.section("q3")
    report.para(say("q3.answer"))
    report.add("list", items=[remedy.strip() for remedy in report.texts["q3"]["remedies"]])
    report.para(say("q3.setting", gain=short(settings["gain"]), rate=short(settings["rate"]), limit=limit))
    changes = {"exploding": say("q3.no_cure"), "clipping": say("q3.change_clipping", clip=short(settings["clip_norm"])),
               "lower_rate": say("q3.change_lower_rate", rate=short(settings["lower_rate"])),
               "orthogonal": say("q3.change_orthogonal"), "gating": say("q3.change_gating")}  # fmt: skip
    rows = []
    for name, run in runs.items():
        step = NONE if run["exploded_at_step"] is None else str(run["exploded_at_step"])
        ended = "stopped" if run["stopped"] else "fell" if run["loss_fell"] else "rose"
        cells = [short(run[column]) for column in ("grad_norm_max", "first_loss", "last_loss")]
        rows.append([words[name], changes[name], say(f"q3.ended_{ended}"), step, *cells])
    columns = ("run", "change", "ended", "exploded", "max_norm", "first_loss", "last_loss")
    report.table(say("q3.caption"), [say(f"columns.{name}") for name in columns], rows, left=3)
    sick = runs["exploding"]
    if sick["exploded_at_step"] is None:
        report.para(say("q3.broke" if sick["stopped"] else "q3.not_exploded", limit=limit))
    else:
        end = say("q3.stopped") if sick["stopped"] else "" if sick["loss_fell"] else say("q3.diverged")
        report.para(say("q3.exploded", step=sick["exploded_at_step"], limit=limit), end)
    if sick["stopped"]:
        report.add("code", text=sick["stopped"])
    cured = [words[name] for name, run in runs.items() if name != "exploding" and run["loss_fell"]]
    report.para(
        say("q3.cured", n=len(cured), of=len(runs) - 1, names=report.names(cured) if cured else ""),
        say("q3.own", norm=short(max(inputs.trained[head]["grad_norm_max"] for head in HEADS))),
    )
    table = inputs.plots["exploding"]
    figures.exploding(report.folder / "exploding_norm.svg", table, words, settings["exploded_above"])
    figures.norms(report.folder / "norms.svg", {head: inputs.plots[f"gradients_{head}"] for head in HEADS}, words)
    values = ", ".join(f"{words[name]} {short(run['grad_norm_max'])}" for name, run in runs.items())
    own = {head: short(inputs.trained[head]["grad_norm_max"]) for head in HEADS}
    report.figures(
        ("exploding_norm.svg", say("q3.norm_caption"), say("q3.norm_alt", values=values)),
        ("norms.svg", say("q3.own_caption"), say("q3.own_alt", **own)),
    )


def frames(report: Writer, inputs: Inputs) -> None:
    """Add the film strips: clips explained, and the most confident mistakes."""
    say, strips = report.say, inputs.film_strips["strips"]
    report.section("frames")
    report.para(say("frames.intro"))
    items = []
    for row in inputs.film_strips["explained"]:
        clip, strip = row["clip"], strips[row["clip"]]
        path = report.folder / f"explained_{len(items)}.jpg"
        figures.explained(
            path, paths.FILM_STRIPS / strip["file"], len(strip["steps"]), row, strip["times"], report.words
        )
        values = ", ".join(f"{report.words[m]} {percent(values[-1])}" for m, values in row["probability"].items())
        alt = say("frames.alt", clip=clip, label=row["label"], values=values)
        items.append((path.name, say("frames.caption", clip=clip, label=row["label"]), alt))
    report.figures(*items, wide=True)
    for head, mistakes in inputs.film_strips["mistakes"].items():
        items = []
        for row in mistakes:
            name = f"strip_{strips[row['clip']]['file']}"
            (report.folder / name).write_bytes((paths.FILM_STRIPS / strips[row["clip"]]["file"]).read_bytes())
            values = {key: row[key] for key in ("clip", "label", "predicted")}
            caption = say("frames.mistake", **values, probability=percent(row["probability"]))
            items.append((name, caption, say("frames.mistake_alt", **values)))
        report.para(say("frames.mistakes" if items else "frames.no_mistakes", model=report.words[head]))
        if items:
            report.figures(*items, wide=True)


def reproduce(report: Writer, inputs: Inputs) -> None:
    """Add what is needed to repeat the run, and on what machine it was."""
    say, known, params = report.say, inputs.circumstances, inputs.params
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
    if known["seconds"]:
        rows = [[stage, f"{seconds:.1f}"] for stage, seconds in known["seconds"].items()]
        caption = say("reproduce.times_caption", total=f"{sum(known['seconds'].values()):.0f}")
        report.table(caption, [say("columns.stage"), say("columns.seconds")], rows)
    else:
        report.para(say("reproduce.no_times"))
