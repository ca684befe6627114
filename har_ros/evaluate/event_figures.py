"""How well events say when actions happen, beside what the windows' first answers say.

Only classes of the truth count, in cameras of which the truth says something; changes of the label need no truth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from har_ros.evaluate.judge import Judged
from har_ros.evaluate.track import SaidSpan, predicted
from har_ros.frames.sampling import SECOND
from har_ros.stats.intervals import Figure, rate
from har_ros.stats.segmental import Span, edit_score, f1, matches, shared_part
from har_ros.truth.segments import Classes

OVERLAPS = (0.1, 0.25, 0.5)
"""For which segmental F1 is given in the literature."""
HOUR, MINUTE = 3600.0, 60.0


@dataclass(frozen=True)
class Spread:
    """Seconds of some cases: their median, and what nine in ten do not exceed; NaN where there are none."""

    median: float
    most: float


@dataclass(frozen=True)
class EventFigures:
    """How well it is said when actions happen: by events, or by the windows' first answers.

    said, segments: how many, of classes of the truth. f1: segmental F1 by overlap. edit: edit score, mean of cameras.
    start_error, end_error: of those that share 0.1 with their segment, how far their start and end are from its;
    start_delay, end_delay: until it was said that they began and ended. false_alarms: those that share nothing with a
    segment of their class.
    """

    said: int
    segments: int
    f1: Mapping[str, float]
    edit: float
    start_error: Spread
    end_error: Spread
    start_delay: Spread
    end_delay: Spread
    false_alarms: int
    false_alarms_per_hour: Figure
    label_changes_per_minute: float


def event_figures(tracks: Sequence[Judged], classes: Classes, said: Callable[[Judged], list[SaidSpan]]) -> EventFigures:
    """Return the figures of what was said of some tracks. said: events_of or windows_of."""
    right, count, true, alarms, changes, hours = dict.fromkeys(OVERLAPS, 0), 0, 0, 0, 0, 0.0
    pairs: list[tuple[SaidSpan, Span]] = []
    edits: list[float] = []
    for track in tracks:
        spans = said(track)
        changes += _changes(spans, track)
        if not track.spans:
            continue
        segments = segments_of(track, classes)
        counted = joined([span for span in spans if span.label >= 0])
        count, true = count + len(counted), true + len(segments)
        if counted or segments:
            edits.append(edit_score([span.label for span in counted], [segment.label for segment in segments]))
        hours += float(track.windows["duration"].sum()) / HOUR
        alarms += false_alarms(counted, segments)
        for overlap in OVERLAPS:
            found = matches([span.span for span in counted], segments, overlap)
            right[overlap] += len(found)
            if overlap == OVERLAPS[0]:
                pairs += [(counted[place], segments[at]) for place, at in found]
    minutes = sum(float(track.windows["duration"].sum()) for track in tracks) / MINUTE
    return EventFigures(
        said=count,
        segments=true,
        f1={f"{overlap:g}": f1(right[overlap], count, true) for overlap in OVERLAPS},
        edit=float(np.mean(edits)) if edits else float("nan"),
        start_error=spread([abs(said.start - true.start) for said, true in pairs]),
        end_error=spread([abs(said.end - true.end) for said, true in pairs]),
        start_delay=spread([said.began - true.start for said, true in pairs]),
        end_delay=spread([said.ended - true.end for said, true in pairs]),
        false_alarms=alarms,
        false_alarms_per_hour=rate(alarms, hours),
        label_changes_per_minute=changes / minutes if minutes else float("nan"),
    )


def events_of(track: Judged) -> list[SaidSpan]:
    """Return the events of a track."""
    return list(track.events)


def windows_of(track: Judged) -> list[SaidSpan]:
    """Return what the windows' first answers say: each holds from the window's newest image until the next answer."""
    windows = track.windows
    names = np.where(windows["accepted"], windows["label"], "").tolist()
    ends, restarts = windows["end"].tolist(), windows["restarts"].tolist()
    lasts = (windows["end"] + (windows["duration"] * SECOND).astype(np.int64)).tolist()
    groups = [list(group) for _, group in groupby(range(len(windows)), key=lambda at: (names[at], restarts[at]))]
    spans = []
    for group, after in zip(groups, [*groups[1:], []], strict=False):
        first, last = group[0], group[-1]
        until = ends[after[0]] if after and restarts[after[0]] == restarts[first] else lasts[last]
        if names[first]:
            label = int(predicted(windows[first : first + 1])[0])
            spans.append(SaidSpan(names[first], label, ends[first], until, ends[first], until))
    return spans


def segments_of(track: Judged, classes: Classes) -> list[Span]:
    """Return the truth, without what is no class."""
    labels = [(classes.of_label[name], start, end) for start, end, name in track.spans]
    return [Span(label, start, end) for label, start, end in labels if label is not None]


def false_alarms(said: Sequence[SaidSpan], true: Sequence[Span]) -> int:
    """Return how many share nothing with a segment of their class."""
    return sum(not any(shared_part(span.span, segment) for segment in true) for span in said)


def joined(spans: Sequence[SaidSpan]) -> list[SaidSpan]:
    """Return the spans in their order, those of a class (several outputs can be one) that overlap or touch as one."""
    made: list[SaidSpan] = []
    for span in sorted(spans, key=lambda one: (one.label, one.start, one.end)):
        last = made[-1] if made else None
        if last and last.label == span.label and span.start <= last.end:
            if span.end > last.end:
                made[-1] = last._replace(end=span.end, ended=span.ended)
        else:
            made.append(span)
    return sorted(made, key=lambda one: (one.start, one.end))


def _changes(spans: Sequence[SaidSpan], track: Judged) -> int:
    """Return how often what is said changes while windows say something: neither by the first nor after the last.

    What ends because the track does is no change.
    """
    if not len(track.windows):
        return 0
    first, last = int(track.windows["end"].min()), int(track.windows["end"].max())
    stamps = {span.start for span in spans} | {span.end for span in spans if span.ended < last}
    return len({stamp for stamp in stamps if first < stamp <= last})


def spread(nanoseconds: Sequence[float]) -> Spread:
    """Return the median and the 90th percentile in seconds, NaN of nothing."""
    if not nanoseconds:
        return Spread(float("nan"), float("nan"))
    median, most = np.percentile(np.asarray(nanoseconds, np.float64) / SECOND, (50, 90))
    return Spread(float(median), float(most))
