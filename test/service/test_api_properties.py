"""The HTTP API with arbitrary requests, made from its own description."""

import pytest
from waiting import WAIT

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")
pytest.importorskip("schemathesis", reason="schemathesis is not installed; run: pip install schemathesis")
import schemathesis
from chromium import serving
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from har_ros.service.application import application
from har_ros.service.folder import EVENTS, RESULT, SUMMARY, VIDEO
from har_ros.service.guard import Guard
from har_ros.service.settings import ServiceSettings

CHECKS = (status_code_conformance, content_type_conformance, response_schema_conformance)
PATHS = "^/v1/(jobs|models)"
PHASES = (Phase.explicit, Phase.generate)
"""Not that of shrinking: it sends thousands of requests."""
CALM = tuple(HealthCheck)
EXAMPLES = 5
"""Of each operation."""


@pytest.fixture(scope="module")
def app(tmp_path_factory, models):
    folder = tmp_path_factory.mktemp("service")
    settings = ServiceSettings(models, workers=0, streams=0, most_bytes=1_000_000)
    return application(folder, settings, Guard("127.0.0.1", ""))


@pytest.fixture(scope="module")
def operations(app):
    """The operations of jobs and what they need; others take bytes that are no JSON, or do not end."""
    with serving(app) as address:
        schema = schemathesis.openapi.from_url(f"{address}/openapi.json").include(path_regex=PATHS)
        yield [found.ok() for found in schema.get_all_operations()]


def finished(service):
    """Return the id of a new job that is done."""
    number = service.store.add("a.mp4", {})[0].id
    service.store.enqueue(number)
    while service.store.claim(1).id != number:  # others were sent
        pass
    place = service.folder.of(number)
    place.mkdir()
    for name in (RESULT, SUMMARY, VIDEO, *EVENTS):
        (place / name).write_text('{"spans": [], "persons": []}')
    service.store.finish(number, 1)
    return number


def succeeds(case):
    """Send a request whose answer has to be described. Returns whether it succeeded."""
    answer = case.call(timeout=WAIT)
    case.validate_response(answer, checks=CHECKS)
    assert answer.status_code != 500, answer.text
    return answer.status_code < 300


def examine(operation, service):
    """Send requests, and the same for a job that is done. Returns whether each of these succeeded."""
    succeeded = []

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, phases=PHASES, suppress_health_check=CALM)
    @given(case=operation.as_strategy())
    def check(case):
        succeeds(case)
        if "number" in case.path_parameters:
            case.path_parameters["number"] = finished(service)
            succeeded.append(succeeds(case))

    check()
    return succeeded


def test_every_request_gets_an_answer_that_is_described(operations, app):
    assert len(operations) > 10
    for operation in operations:
        succeeded = examine(operation, app.state.service)
        assert any(succeeded) or "{number}" not in operation.path, operation.path
