"""Serves the page and the HTTP API of `actionnet serve` beside a robot's node, whose cameras and actions it shows."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from threading import Thread
from typing import Any

from rclpy.utilities import try_shutdown

from har_ros.commands.serve import parser, prepared
from har_ros.nodes.robot_view import RobotView
from har_ros.nodes.run import Program, run
from har_ros.nodes.usage import other_arguments

END = 10.0
"""Seconds that the server has to end."""


class Serve(Program):
    """The server runs on a thread of its own; the node's thread feeds it."""

    def __init__(self, given: argparse.Namespace, **options: Any) -> None:
        """given: the server's options. Others go to rclpy's Node."""
        super().__init__("serve", **options)
        self._given = given
        self._opened = ExitStack()

    def start(self) -> None:
        """Listen, and begin to serve. Raises HarError."""
        live = RobotView(self).live
        self._server, place = self._opened.enter_context(prepared(self._given, live))
        self._thread = Thread(target=self._serve, args=(place,), name="server", daemon=True)
        self._thread.start()
        self._opened.callback(self._end)

    def stop(self) -> None:
        """End the server, with its workers."""
        self._opened.close()

    def _serve(self, place: Any) -> None:
        try:
            self._server.run([place])
        finally:
            try_shutdown(context=self.context)  # the node ends with it

    def _end(self) -> None:
        self._server.should_exit = True
        self._thread.join(END)


def main(arguments: list[str] | None = None) -> int:
    """Run the server and its node; returns the exit status."""
    given = parser("ros2 run har_ros serve").parse_args(other_arguments(arguments))
    return run(lambda: Serve(given), arguments)
