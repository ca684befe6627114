"""Jobs on a real Ray cluster: the same results as on one machine, whatever becomes of its workers."""

import json
import shutil
from contextlib import closing
from pathlib import Path

import pytest
import rough_server
from cluster_works import BlindRecognition, DyingRecognition, EndlessRecognition
from clusters import MISSING, two_nodes

if MISSING:
    pytest.skip(MISSING, allow_module_level=True)
pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")
from served import running, send, until
from waiting import wait_until

from har_ros.commands.main import main as actionnet
from har_ros.service.folder import ServiceFolder
from har_ros.service.jobs import worker as module
from har_ros.service.jobs.store import JobStore
from har_ros.service.jobs.worker import Worker
from har_ros.service.options import Models
from har_ros.workers.ray.cluster import Cluster
from har_ros.workers.workers import HERE, WorkersLostError

OPTIONS = {"model": "tiny", "threshold": 0.0}


@pytest.fixture(scope="module")
def address():
    with two_nodes() as found:
        yield found


@pytest.fixture
def cluster(address):
    with Cluster(address) as found:
        yield found


def queued(folder, video):
    """Return the id of a new job."""
    folder.path.mkdir(exist_ok=True)
    with closing(JobStore(folder.jobs)) as store:
        job, _ = store.add("disc.mp4", OPTIONS)
        folder.of(job.id).mkdir(parents=True)
        shutil.copy(video, folder.of(job.id) / "input.mp4")
        store.enqueue(job.id)
    return job.id


def found(folder, models, video, workers, dies=False):
    """Let a job be done. Returns what it wrote, by name, without what it took and its id. dies: at first?"""
    number = queued(folder, video)
    with closing(Worker(folder, Models(models), 60, workers=workers)) as worker:
        assert worker.run_one()
        job = worker._store.get(number)
        if dies:
            assert (job.state, job.error, job.attempts) == ("queued", "", 1)
            assert worker.run_one()
            job = worker._store.get(number)
    assert (job.state, job.error) == ("done", "")
    files = {path.name: path for path in folder.of(number).iterdir()}
    result = json.loads(files.pop("result.json").read_text())
    windows = [{**window, "inference_time": 0} for window in result.pop("windows")]
    texts = {name: files[name].read_text() for name in ("actions.csv", "actions.srt", "actions.vtt")}
    return (job.done, job.windows), sorted(files), windows, json.dumps(result).replace(number[:6], ""), texts


@pytest.fixture(scope="module")
def here(tmp_path_factory, models, video):
    return found(ServiceFolder(tmp_path_factory.mktemp("here")), models, video, HERE)


def test_a_job_finds_the_same_as_on_one_machine(tmp_path, models, video, cluster, here):
    assert found(ServiceFolder(tmp_path / "service"), models, video, cluster) == here


def test_a_job_whose_worker_dies_finds_the_same(tmp_path, models, video, cluster, here, monkeypatch):
    monkeypatch.setattr(module, "VideoRecognition", DyingRecognition)
    assert found(ServiceFolder(tmp_path / "service"), models, video, cluster, dies=True) == here
    assert (tmp_path / "service" / "died").exists()


def test_what_a_machine_lacks_is_logged_and_clients_hear_nothing_of_it(
    tmp_path, models, video, cluster, monkeypatch, caplog
):
    monkeypatch.setattr(module, "VideoRecognition", BlindRecognition)
    folder = ServiceFolder(tmp_path / "service")
    number = queued(folder, video)
    with closing(Worker(folder, Models(models), 60, workers=cluster)) as worker:
        assert worker.run_one()
        job = worker._store.get(number)
    assert (job.state, job.error) == (
        "failed",
        "a machine of the cluster cannot do this job; the server's log has more",
    )
    assert f"does not see {folder.of(number) / 'input.mp4'}; put recordings where" in caplog.text


def test_an_erased_job_ends_and_the_next_one_begins(tmp_path, models, video, cluster, monkeypatch):
    folder = ServiceFolder(tmp_path / "service")
    number, progress = queued(folder, video), JobStore.progress

    def erased(self, job, *how):
        if self.get(job).windows:
            assert len(list(folder.of(number).iterdir())) == 2
            self.remove(job)
        return progress(self, job, *how)

    monkeypatch.setattr(module, "VideoRecognition", EndlessRecognition)
    with closing(Worker(folder, Models(models), 60, workers=cluster)) as worker, monkeypatch.context() as patch:
        patch.setattr(JobStore, "progress", erased)
        assert worker.run_one()
    assert not folder.of(number).exists()
    monkeypatch.undo()
    found(folder, models, video, cluster)


def test_a_job_waits_for_a_machine_and_can_be_erased_meanwhile(tmp_path, models, video, address, monkeypatch):
    monkeypatch.setattr(Cluster, "_run", lambda *arguments: [arguments[-1]() for _ in range(3)])
    folder = ServiceFolder(tmp_path / "service")
    number, noted = queued(folder, video), []

    def progress(self, *how):
        noted.append(how[2:])
        if len(noted) == 3:
            self.remove(number)
        return len(noted) < 3

    monkeypatch.setattr(JobStore, "progress", progress)
    monkeypatch.setattr(module, "NOTE", 0.0)
    with Cluster(address) as cluster, closing(Worker(folder, Models(models), 60, workers=cluster)) as worker:
        assert worker.run_one()
    assert noted == [(0, 0, 0)] * 3
    assert not folder.of(number).exists()


def test_a_job_waits_for_a_cluster_that_is_gone(tmp_path, models, video):
    folder = ServiceFolder(tmp_path / "service")
    number = queued(folder, video)
    with Cluster("127.0.0.1:1") as cluster, closing(Worker(folder, Models(models), 60, workers=cluster)) as worker:
        with pytest.raises(WorkersLostError, match=r"^the Ray cluster 127.0.0.1:1 cannot be joined"):
            worker.run_one()
        job = worker._store.get(number)
    assert (job.state, job.attempts) == ("queued", 0)


def test_a_server_lets_a_cluster_do_its_jobs(tmp_path, models, video, address):
    with running(tmp_path, models, ray=address) as client:
        [process] = wait_until(lambda: client.app.state.service.workers.processes)
        assert ["--ray", address] == Path(f"/proc/{process}/cmdline").read_text().split("\0")[-3:-1]
        assert until(client, send(client, video).json()["id"], "done")["windows"]


def test_what_is_no_cluster_is_refused_at_once():
    with (
        rough_server.server(b"HTTP/1.1 400 Bad Request\r\n\r\n") as (port, _),
        Cluster(f"127.0.0.1:{port}") as cluster,
        pytest.raises(WorkersLostError, match=r"cannot be joined.*\(what listens there is no Ray cluster\)"),
    ):
        cluster.connect()


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1:1", "the Ray cluster 127.0.0.1:1 cannot be joined; run on this machine: ray start"),
        ("4", "'4' is no cluster's address; give auto or HOST:PORT"),
    ],
)
def test_a_cluster_that_is_not_there_is_refused_at_the_start(tmp_path, capsys, address, said):
    try:
        status = actionnet(["serve", "--folder", str(tmp_path / "service"), "--port", "0", "--ray", address])
    except SystemExit as end:  # of argparse
        status = end.code
    assert status
    assert said in capsys.readouterr().err
