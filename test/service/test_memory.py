"""What the server's own process loads: what looks at images is in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")

VISITED = """
import sys
from pathlib import Path
from served import running, send

folder, models, video = map(Path, sys.argv[1:])
with running(folder, models, workers=0) as client:
    send(client, video)
    client.post("/v1/datasets", json={"name": "mine"}).raise_for_status()
    for path in ("/", "/models", "/webcam", "/teach", "/teach/mine", "/docs", "/v1/models"):
        client.get(path).raise_for_status()
print(*(name for name in ("av", "cv2", "onnx", "openvino") if name in sys.modules))
"""


def test_the_server_itself_loads_nothing_that_looks_at_images(tmp_path, models, video):
    """Each of these takes 15 to 45 MB, and can be crashed by what somebody made up."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])}
    command = [sys.executable, "-c", VISITED, tmp_path / "s", models, video]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=True)
    assert ran.stdout == "\n"
