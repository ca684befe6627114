"""Where two results differ."""

from itertools import groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")
from served import run, running, send, until

from har_ros.service.pages import compare
from har_ros.service.pages.compare import Difference, differences

SPAN = st.tuples(st.integers(0, 20), st.integers(1, 9), st.sampled_from("ab"), st.sampled_from(["", "p_1", "p_2"]))
SPANS = st.lists(SPAN, max_size=6).map(
    lambda spans: [
        {"start": start, "end": start + length, "label": label, "person": who} for start, length, label, who in spans
    ]
)


def said(spans, moment):
    """What is said at a moment, without saying of whom."""
    return sorted((one["label"], bool(one["person"])) for one in spans if one["start"] <= moment < one["end"])


@given(SPANS, SPANS)
def test_a_moment_is_within_a_difference_when_different_things_are_said(first, second):
    found = differences(first, second).shown
    for moment in (0.5 + whole for whole in range(30)):
        inside = [one for one in found if one.start <= moment < one.end]
        assert len(inside) == (said(first, moment) != said(second, moment))
    assert all(one.start < one.end for one in found)
    for one, after in pairwise(found):
        assert one.end <= after.start
        assert one.end < after.start or (one.first, one.second) != (after.first, after.second)


def one_after_the_other(first, second):
    """The differences, by a look at all spans between each two moments at which one begins or ends."""

    def named(spans, moment):
        return tuple(f"a person: {what}" if person else what for what, person in sorted_names(spans, moment))

    def sorted_names(spans, moment):
        return sorted(said(spans, moment), key=lambda one: f"a person: {one[0]}" if one[1] else one[0])

    moments = sorted({span[side] for span in (*first, *second) for side in ("start", "end")})
    pieces = [Difference(*two, named(first, two[0]), named(second, two[0])) for two in pairwise(moments)]
    runs = [list(run) for _, run in groupby(pieces, key=lambda one: (one.first, one.second))]
    merged = [Difference(run[0].start, run[-1].end, run[0].first, run[0].second) for run in runs]
    return [one for one in merged if one.first != one.second]


@given(SPANS, SPANS, st.integers(0, 5))
def test_differences_are_those_of_a_look_at_each_moment(first, second, most):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compare, "MOST", most)
        found = differences(first, second)
    wanted = one_after_the_other(first, second)
    assert list(found.shown) == wanted[:most]
    assert found.more == len(wanted[most:])
    assert found.seconds == sum(one.end - one.start for one in wanted)


class Label(str):
    """Counts how often one was looked up or compared."""

    looks = 0

    def __str__(self):
        return self

    def __hash__(self):
        Label.looks += 1
        return super().__hash__()

    def __eq__(self, other):
        Label.looks += 1
        return super().__eq__(other)

    def __lt__(self, other):
        Label.looks += 1
        return super().__lt__(other)


def test_a_span_costs_equally_much_whatever_their_number(monkeypatch):
    """All of one result overlap, and have labels of their own."""
    monkeypatch.setattr(compare, "MOST", 5)
    looks = []
    for count in (100, 1000):
        Label.looks = 0
        spans = [{"start": n, "end": n + count, "label": Label(n), "person": ""} for n in range(count)]
        assert differences(spans, spans[::2]).more > count
        looks.append(Label.looks / count)
    assert looks[0] > 0
    assert looks[1] <= looks[0]


def test_few_are_compared_at_once_and_few_differences_are_shown(tmp_path, models, video, monkeypatch):
    monkeypatch.setattr(compare, "MOST", 2)
    result = compare.summary
    spans = [{"start": n, "end": n + 0.5, "label": "walking", "person": "", "score": 0.5} for n in range(5)]
    with running(tmp_path, models) as client:
        a, b = (send(client, video, threshold=threshold).json()["id"] for threshold in (0.0, 1.0))
        for number in (a, b):
            until(client, number, "done")
        monkeypatch.setattr(
            compare, "summary", lambda service, job: {**result(service, job), "spans": spans if job.id == a else []}
        )
        shown = client.get("/compare", params={"a": a, "b": b}).text
        assert "5 times, 2.5 s together. Only the first 2 are shown here, and 3 more are not." in shown
        monkeypatch.setattr(compare, "_places", compare.BoundedSemaphore(1))
        with compare._places:
            refused = client.get("/compare", params={"a": a, "b": b})
        assert (refused.status_code, "are being made; try again" in refused.text) == (503, True)
        assert client.get("/compare", params={"a": a, "b": b}).status_code == 200


def test_a_comparison_keeps_no_place_while_it_is_sent(tmp_path, models, monkeypatch):
    monkeypatch.setattr(compare, "_places", compare.BoundedSemaphore(1))
    sent = []

    async def receive():
        return {"type": "http.request"}

    async def send(message):  # to somebody who may read slowly
        free = compare._places.acquire(blocking=False)
        sent.append((message.get("status", 200), free))
        if free:
            compare._places.release()

    with running(tmp_path, models, workers=0) as client:
        job, _ = client.app.state.service.store.add("a.mp4", {})
        address = {"path": "/compare", "query_string": f"a={job.id}&b={job.id}".encode()}
        headers = [(b"host", b"127.0.0.1")]
        run(client.app({"type": "http", "method": "GET", "headers": headers, **address}, receive, send))
    assert set(sent) == {(200, True)}
