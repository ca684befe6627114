"""Where pip's `actionnet` begins. Imports nothing else, so that a signal during the imports ends it quietly."""

from __future__ import annotations

import signal


def main(arguments: list[str] | None = None) -> int:
    """Run the command. Returns the exit status: 0, 1 when something failed, 2 when the command line is wrong, 130, 143
    or 129 when SIGINT, SIGTERM or SIGHUP ended it, which is a clean end (0) for a server.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # kills, as SIGTERM does: there is nothing to clean up yet
    try:
        from har_ros.commands.shared import command_line

        return command_line.main(arguments)
    finally:
        signal.signal(signal.SIGINT, before)
