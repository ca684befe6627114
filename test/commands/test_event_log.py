"""`--events FILE`: what is said of events where the file cannot be written."""

import json
from collections import deque

import pytest
from full_disk import room_for

from har_ros.commands.shared import event_log
from har_ros.commands.shared.clock import Clock
from har_ros.commands.shared.event_log import EventLog
from har_ros.errors import HarError
from har_ros.pipeline.events import Event, EventState

SECOND = 1_000_000_000
FALL, KICK = (
    Event(number, label, number * SECOND, (number + 1) * SECOND, 0.9, EventState.ENDED, said=number * SECOND)
    for number, label in ((1, "falling"), (2, "kicking"))
)


@pytest.fixture
def said(monkeypatch):
    """Stands for the networks: the events that end with each result, the last ones with the input."""
    events = deque()

    class Source:
        def __init__(self, networks):
            pass

        def take(self, result):
            return [events.popleft()]

        def finish(self):
            return list(events)

    monkeypatch.setattr(event_log, "SourceEvents", Source)
    return events


@pytest.mark.parametrize("live", [True, False])
def test_events_are_printed_where_the_disk_is_full(tmp_path, capsys, said, live):
    said += FALL, KICK
    log = EventLog(str(tmp_path / "events.csv"), None, Clock(live), live, as_json=True)
    with room_for(50), pytest.raises(HarError, match=r"cannot write .*events\.csv"), log:
        log.take(None)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["label"], line["state"]) for line in lines] == [("falling", "ended"), ("kicking", "ended")]
