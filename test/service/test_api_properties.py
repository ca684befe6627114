"""The HTTP API with arbitrary requests, made from its own description."""

import pytest

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")
pytest.importorskip("schemathesis", reason="schemathesis is not installed: pip install schemathesis")
import schemathesis
from chromium import serving
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from har_ros.service.application import application
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
def operations(tmp_path_factory, models):
    """The operations of jobs and what they need; others take bytes that are no JSON, or do not end."""
    folder = tmp_path_factory.mktemp("service")
    app = application(
        folder, ServiceSettings(models, workers=0, streams=0, most_bytes=1_000_000), Guard("127.0.0.1", "")
    )
    with serving(app) as address:
        schema = schemathesis.openapi.from_url(f"{address}/openapi.json").include(path_regex=PATHS)
        yield [found.ok() for found in schema.get_all_operations()]


def test_every_request_gets_an_answer_that_is_described(operations):
    assert len(operations) > 10
    for operation in operations:

        @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, phases=PHASES, suppress_health_check=CALM)
        @given(case=operation.as_strategy())
        def check(case):
            answer = case.call(timeout=20)
            case.validate_response(answer, checks=CHECKS)
            assert answer.status_code != 500, answer.text

        check()
