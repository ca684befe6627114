"""A real Ray cluster on this machine: two nodes with one processor each."""

import importlib.util
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir, mkdtemp

MISSING = "" if importlib.util.find_spec("ray") else "Ray is not installed; run: pip install -r requirements-fleet.txt"


@contextmanager
def two_nodes():
    """Lend the address of a cluster."""
    from ray.cluster_utils import Cluster

    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    folder = mkdtemp(prefix="har-ray-")  # a short path: there are sockets in it
    options = {"num_cpus": 1, "object_store_memory": 100 << 20, "include_dashboard": False, "temp_dir": folder}
    Path(gettempdir(), "ray").mkdir(exist_ok=True)  # where it writes its address, whatever its own folder is
    cluster = Cluster(initialize_head=True, head_node_args=options)
    try:
        cluster.add_node(num_cpus=1, object_store_memory=100 << 20)
        yield cluster.address
    finally:
        cluster.shutdown()
        shutil.rmtree(folder, ignore_errors=True)
