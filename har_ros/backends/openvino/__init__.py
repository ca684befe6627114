"""OpenVINO, without its telemetry.

With it, the import of OpenVINO lets a thread fork this process to tell Google Analytics of it. The copy of a process
that has threads, such as DDS's, may wait for ever for a lock of theirs, and keeps its pipes, sockets and shared memory.
"""

import sys

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # so OpenVINO goes without
