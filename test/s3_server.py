"""A real server of S3's protocol on this machine: moto's."""

import importlib.util
import os
from contextlib import contextmanager
from unittest.mock import patch

_ABSENT = [
    name for name in ("boto3", "flask", "flask_cors", "fsspec", "moto", "s3fs") if not importlib.util.find_spec(name)
]
MISSING = f"{', '.join(_ABSENT)} is not installed; run: pip install -r dev/fleet-requirements.txt" if _ABSENT else ""


@contextmanager
def bucket():
    """Lend a client of a server that has the bucket `recordings`; every process that begins meanwhile finds it."""
    import boto3
    import fsspec
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    found = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with patch.dict(os.environ, found):
        client = boto3.client("s3")
        client.create_bucket(Bucket="recordings")
        try:
            yield client
        finally:
            server.stop()
            fsspec.filesystem("s3").clear_instance_cache()


def put(client, path, key):
    """Put a file, or a folder's files, into the bucket. Returns the address."""
    for file in [path] if path.is_file() else sorted(path.iterdir()):
        client.upload_file(str(file), "recordings", key if path.is_file() else f"{key}/{file.name}")
    return f"s3://recordings/{key}"
