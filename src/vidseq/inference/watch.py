"""Watching a live video: a decision after every step, and events, as a security camera has them."""

import sys
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vidseq.inference.steps import sampling_rate
from vidseq.inference.video_model import VideoModel
from vidseq.video.capture import Capture, Reconnected
from vidseq.video.recorder import Recorder, Recording


@dataclass(frozen=True)
class Decision:
    """What the model says at `time` (s of the source) of the stretch that begins at `since`.

    `latency` (s) is the time from the decoded frame to this; `dropped` counts the steps that were left out so far.
    `alarms` are the classes of which there is an event now.
    """

    time: float
    since: float
    label: str
    probabilities: dict[str, float]
    latency: float
    dropped: int
    alarms: list[str]


@dataclass
class Event:
    """A class that held, from `start` to `end` (s), its largest probability, and a file of it if there is one."""

    label: str
    start: float
    end: float
    peak: float
    clip: Path | None = None


@dataclass(frozen=True)
class AlarmRule:
    """Which classes make events: those whose probability is at least their threshold, `hold` decisions in a row."""

    thresholds: dict[str, float]
    hold: int


@dataclass(frozen=True)
class Saving:
    """Where files of the events go, and how many seconds before and after each are in them."""

    folder: Path
    seconds: float


@dataclass
class _Run:
    """Decisions in a row in which a class holds."""

    event: Event
    decisions: int = 0
    recording: Recording | None = None


@dataclass
class _Alarm:
    """Turns decisions into events."""

    rule: AlarmRule
    recorder: Recorder | None
    saving: Saving | None
    runs: dict[str, _Run] = field(default_factory=dict)
    closing: list[_Run] = field(default_factory=list)  # their files go on for some seconds

    def update(self, now: float, probabilities: dict[str, float]) -> list[str]:
        """Take a decision; returns the classes of which there is an event now."""
        for label, threshold in self.rule.thresholds.items():
            probability = probabilities[label]
            if probability < threshold:
                self._finish(label)
                continue
            run = self.runs.setdefault(label, _Run(Event(label, now, now, probability)))
            run.decisions += 1
            run.event.end, run.event.peak = now, max(run.event.peak, probability)
            if run.recording and self.recorder and self.saving:
                self.recorder.extend(run.recording, now + self.saving.seconds)
            if run.decisions == self.rule.hold and self.recorder and self.saving:
                run.event.clip = _next_file(self.saving.folder)
                run.recording = self.recorder.begin(run.event.clip, run.event.start - self.saving.seconds)
        return [label for label, run in self.runs.items() if run.decisions >= self.rule.hold]

    def finish(self) -> None:
        """End all that holds: the source was lost, or has ended."""
        for label in list(self.runs):
            self._finish(label)

    def complete(self, all_of_them: bool = False) -> Iterator[Event]:
        """Yield the events that are over and whose files are written, or have failed."""
        for run in [run for run in self.closing if all_of_them or run.recording is None or run.recording.closed]:
            self.closing.remove(run)  # one by one: whoever takes them may stop in between
            if run.recording and run.recording.error:
                what = f"no clip of {run.event.label} at {run.event.start:.2f} s"
                print(f"error: {what}: {run.recording.error}", file=sys.stderr)
                run.event.clip = None
            yield run.event

    def _finish(self, label: str) -> None:
        run = self.runs.pop(label, None)
        if run and run.decisions >= self.rule.hold:
            self.closing.append(run)
            if run.recording and self.recorder and self.saving:
                self.recorder.end(run.recording, run.event.end + self.saving.seconds)


def _next_file(folder: Path) -> Path:
    """Return the name after the highest number in the folder: what an earlier run has saved stays."""
    numbers = [int(path.stem) for path in folder.glob("*.mkv") if path.stem.isdecimal()]
    return folder / f"{max(numbers, default=0) + 1:04d}.mkv"


def alarm_rule(model: VideoModel, classes: Sequence[str], min_recall: float, hold: int) -> AlarmRule:
    """Return the rule with the thresholds that find `min_recall` of each class, as `evaluate` chooses them."""
    return AlarmRule({label: model.alarm_threshold(label, min_recall) for label in classes}, hold)


def watch(
    source: str, model: VideoModel, rule: AlarmRule, window: float | None = None, saving: Saving | None = None
) -> Generator[Decision | Event | Reconnected, None, None]:
    """Yield a decision after every step of a source, and what else there is to report, until the source ends.

    `source` is that of `Capture`, `window` that of `VideoModel.stream`. An event is yielded when it is over, and its
    file, if there is `saving`, is complete; where that cannot be written, a line on standard error says why, and the
    event has no clip. A reconnection ends what holds, and the model begins anew. Whatever ends the source, or
    interrupts it, the events that are open are yielded first. Raises VideoError where the source cannot be read, or
    not any more.
    """
    stream, encode = model.live_stream(window), model.step_encoder()
    fps = sampling_rate(model.model)
    recorder = Recorder(saving.seconds + rule.hold / fps) if saving else None
    capture = Capture(source, fps, encode.diff_seconds, recorder)
    alarm = _Alarm(rule, recorder, saving)
    steps = capture.steps()
    failure: Exception | KeyboardInterrupt | None = None
    try:
        for item in steps:
            if isinstance(item, Reconnected):
                alarm.finish()
                stream, encode = model.live_stream(window), model.step_encoder()
                yield item
                continue
            prediction = model.prediction(*stream.push(item.seconds, encode(item.frame, item.before)))
            alarms = alarm.update(item.seconds, prediction.probabilities)
            yield Decision(
                item.seconds, prediction.times[0], prediction.label, prediction.probabilities,
                time.monotonic() - item.arrived, item.dropped, alarms,
            )  # fmt: skip
            yield from alarm.complete()
    except (Exception, KeyboardInterrupt) as error:
        failure = error
    steps.close()  # then all files are whole
    alarm.finish()
    yield from alarm.complete(all_of_them=True)
    if failure:
        raise failure
