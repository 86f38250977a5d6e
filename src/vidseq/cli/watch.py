"""`vidseq watch`: decisions and events of a live video."""

import shlex
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Annotated

import typer

from vidseq import paths
from vidseq.cli.json_lines import json_line
from vidseq.errors import VideoError, VidseqError
from vidseq.params import REFUSED

if TYPE_CHECKING:
    from vidseq.inference.watch import Decision, Event
    from vidseq.video.capture import Reconnected

COMMAND_S = 60  # how long a command of --exec may take


def watch(
    source: Annotated[str, typer.Argument(help="A file, a URL (rtsp, rtp, udp, tcp, http), or - for standard input.")],
    model: Annotated[Path, typer.Option(help="The folder of a trained model.")] = paths.MODELS / "rnn_causal",
    window: Annotated[float | None, typer.Option(help="Seconds that a decision looks back.")] = None,
    refuse: Annotated[
        float, typer.Option(min=0, max=0.99, help="The part of clips of known classes that may be called unknown.")
    ] = REFUSED,
    alarm: Annotated[
        list[str] | None, typer.Option(help="A class that makes events, and others; by default all do.")
    ] = None,
    recall: Annotated[
        float, typer.Option(min=0.01, max=1, help="The part of its clips that the alarm's threshold must find.")
    ] = 0.9,
    hold: Annotated[int, typer.Option(min=1, help="Decisions in a row that make an event.")] = 3,
    execute: Annotated[
        str | None, typer.Option("--exec", help="Run this with each event, as JSON on its standard input.")
    ] = None,
    save_clips: Annotated[Path | None, typer.Option(help="Save a file of each event into this folder.")] = None,
    around: Annotated[float, typer.Option(min=0, help="Seconds before and after an event in its file.")] = 5.0,
) -> None:
    """Print one JSON line for each decision, event and reconnection, until the source ends.

    Exit status 1 if it cannot be read, or not any more; 130 after Ctrl-C or a SIGTERM.
    """
    command = parse_command(execute) if execute is not None else None
    from vidseq.inference.video_model import VideoModel
    from vidseq.inference.watch import Decision, Event, Saving, alarm_rule
    from vidseq.inference.watch import watch as watch_source

    trained = VideoModel(model, refused=refuse)
    rule = alarm_rule(trained, alarm or trained.classes, recall, hold)
    saving = Saving(save_clips, around) if save_clips else None
    running: list[Thread] = []  # commands

    def report(item: "Decision | Event | Reconnected") -> None:
        kind = "decision" if isinstance(item, Decision) else "event" if isinstance(item, Event) else "reconnected"
        print(json_line({"kind": kind} | asdict(item)), flush=True)
        if command and isinstance(item, Event):
            running[:] = [thread for thread in running if thread.is_alive()]
            running.append(Thread(target=run, args=(command, item)))
            running[-1].start()

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what stops a service ends it as Ctrl-C does
    items = watch_source(source, trained, rule, window, saving)
    try:
        for item in items:
            report(item)
    except VideoError as error:
        raise VidseqError(f"{source}: {error}") from error
    except KeyboardInterrupt as stop:
        with suppress(KeyboardInterrupt):  # raised again when the events that are open have come
            report(items.throw(stop))
            for item in items:
                report(item)
        sys.exit(130)
    finally:
        for thread in running:
            thread.join()


def parse_command(command: str) -> list[str]:
    """Return the words of a command, as a shell parts them. Raises VidseqError for a text that names none."""
    try:
        if words := shlex.split(command):
            return words
        reason = "it names no command"
    except ValueError as error:
        reason = str(error)
    raise VidseqError(f"--exec {command!r}: {reason}")


def run(command: list[str], event: "Event") -> None:
    """Run a command with an event as JSON on its standard input; what goes wrong is one line.

    It is a process group of its own: the Ctrl-C that ends the watch does not end the message about an event.
    """
    try:
        done = subprocess.run(
            command, input=json_line(asdict(event)), text=True, timeout=COMMAND_S, stdout=sys.stderr,
            process_group=0,
        )  # fmt: skip
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        print(f"error: --exec {shlex.join(command)}: {error}", file=sys.stderr)
    else:
        if done.returncode:
            print(f"error: --exec {shlex.join(command)}: exit status {done.returncode}", file=sys.stderr)
