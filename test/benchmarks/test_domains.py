"""No two programs have the same ROS domain."""

import os
from contextlib import ExitStack

import pytest

import domains
from domains import DOMAINS, keep_domain, reserved_domain
from har_ros.errors import HarError


@pytest.fixture(autouse=True)
def locks(monkeypatch, tmp_path):
    monkeypatch.setattr(domains, "LOCKS", tmp_path)  # else other tests would find none
    monkeypatch.setenv("ROS_DOMAIN_ID", "")
    monkeypatch.delenv("ROS_DOMAIN_ID")


def test_what_a_program_keeps_nobody_else_gets():
    keep_domain()
    kept = int(os.environ["ROS_DOMAIN_ID"])
    keep_domain()
    assert int(os.environ["ROS_DOMAIN_ID"]) == kept
    with ExitStack() as stack:
        others = [stack.enter_context(reserved_domain()) for _ in DOMAINS[1:]]
        assert {kept, *others} == set(DOMAINS)
        with pytest.raises(HarError, match="all ROS domains are taken; see who holds the files in"):
            stack.enter_context(reserved_domain())
    with reserved_domain() as again:
        assert again in others


def test_a_domain_that_was_named_stays(monkeypatch):
    monkeypatch.setenv("ROS_DOMAIN_ID", "42")
    keep_domain()
    assert os.environ["ROS_DOMAIN_ID"] == "42"
