"""Whether others use the machine."""

import machine as machine_module
from machine import busy_cores, machine


def test_the_cores_that_are_busy_are_what_neither_idled_nor_waited_for_a_disk(tmp_path, monkeypatch):
    readings = iter(["cpu  10 1 5 100 20 0 2 0 50 0\ncpu0 0 0", "cpu  40 1 15 140 30 4 6 2 90 0\ncpu0 0 0"])

    def path(_):
        (tmp_path / "stat").write_text(next(readings))
        return tmp_path / "stat"

    monkeypatch.setattr(machine_module, "Path", path)
    monkeypatch.setattr(machine_module.os, "cpu_count", lambda: 4)
    assert busy_cores(0.0) == 2  # 50 of 100 ticks, of four cores


def test_the_machine_is_described():
    found = machine()
    assert found["cores"] >= 1
    assert found["cpu"]
    assert {"numpy", "openvino"} <= found["versions"].keys()
