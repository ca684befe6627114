"""A real Ray cluster: the same results as on one machine, whatever becomes of its workers."""

import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest
from bags import contents, damaged_bag, series, values_of, write_bag
from clips import moving, write_video
from cluster_works import DieOnce, Doubling, Dying, Keeping, LastFor, die, fill_the_disk, refuse_seven, warn
from clusters import MISSING, two_nodes
from s3_server import bucket, put
from waiting import wait_until

from har_ros.commands.main import main as actionnet
from har_ros.errors import ConfigurationError, HarError
from har_ros.evaluate import batch
from har_ros.evaluate.job import PARTS
from har_ros.learning.cutting import Cutting
from har_ros.recordings.glance import RANGE
from har_ros.workers.there import versions

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)


@pytest.fixture(scope="module")
def s3():
    with bucket() as client:
        yield client


@pytest.fixture(scope="module")
def address(s3):
    with two_nodes() as found:
        yield found


@pytest.fixture
def cluster(address):
    from har_ros.workers.ray.cluster import Cluster

    with Cluster(address) as found:
        yield found


def done_by(cluster, work, pieces):
    results, reports = {}, []
    cluster.run(work, pieces, results.__setitem__, reports.append)
    return results, reports


def test_each_piece_has_its_result_and_reports_come(cluster, tmp_path):
    results, reports, marker = {}, [], tmp_path / "reported"

    def hear(report):
        reports.append(report)
        marker.touch()

    cluster.run(Doubling(LastFor(marker)), range(20), results.__setitem__, hear)
    assert results == {number: 2 * number for number in range(20)}
    assert set(reports) <= set(range(20))
    assert reports


def test_an_error_of_a_piece_is_the_works_own(cluster):
    with pytest.raises(ConfigurationError, match=r"^seven is refused; give another$"):
        done_by(cluster, Doubling(refuse_seven), range(10))
    assert done_by(cluster, Doubling(), range(3))[0] == {0: 0, 1: 2, 2: 4}  # the cluster still works


def test_a_full_disk_of_a_node_is_told(cluster):
    with pytest.raises(HarError, match=r" cannot work \(\[Errno 28\] No space left on device\); check its temporary"):
        done_by(cluster, Doubling(fill_the_disk), range(2))


def test_other_versions_are_refused(cluster, monkeypatch):
    monkeypatch.setattr("har_ros.workers.ray.cluster.versions", lambda: {**versions(), "scipy": "0.1"})
    with pytest.raises(ConfigurationError, match=r" has scipy .*, the machine that asks has 0.1; install the same"):
        done_by(cluster, Doubling(), range(2))


def test_warnings_of_workers_are_said_here(cluster, caplog):
    done_by(cluster, Doubling(warn), range(3))
    assert sorted(caplog.messages) == ["piece 0", "piece 1", "piece 2"]


def test_what_a_dead_worker_did_is_done_again(cluster, tmp_path):
    marker = tmp_path / "died"
    assert done_by(cluster, Doubling(DieOnce(marker)), range(6))[0] == {number: 2 * number for number in range(6)}
    assert marker.exists()


def test_a_piece_that_kills_each_worker_ends_the_work(cluster):
    with pytest.raises(HarError, match=r"^3 was begun 4 times, and each time its worker died \(.*\), perhaps for want"):
        done_by(cluster, Doubling(die), range(6))


def test_pieces_that_are_ended_remove_their_folders(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr("har_ros.workers.ray.cluster.GRACE", 60.0)
    with pytest.raises(ConfigurationError, match=r"^seven is refused"):
        done_by(cluster, Doubling(Keeping(tmp_path)), range(2))  # a third might be making its folder
    assert not list(tmp_path.iterdir())


def test_a_piece_whose_workers_want_too_much_memory_ends_the_work(bags, tmp_path):
    """Ray's monitor kills all of them here, and would begin the piece again without end."""
    truth = tmp_path / "truth.csv"
    truth.write_text("start,end,label\n1,2,waving\n")
    program = "import sys; from har_ros.commands.main import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, "clips", str(bags[0]), "--truth", str(truth), "--ray", "1"]
    small = {"RAY_memory_usage_threshold": "0.001", "RAY_memory_monitor_refresh_ms": "100"}
    environment = {**os.environ, **small, "RAY_task_oom_retry_delay_base_ms": "1"}
    command += ["-o", str(tmp_path / "clips")]
    done = subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True, timeout=300, check=False)
    assert done.returncode == 1
    assert re.search(r"was begun 4 times, and each time its worker died \(OutOfMemoryError\)", done.stderr)


def evaluates_the_same(evaluate, address, **options):
    return contents(evaluate(**options)) == contents(evaluate("--ray", address, output="by the cluster", **options))


def test_an_evaluation_is_the_same_to_the_byte(evaluate, address):
    assert evaluates_the_same(evaluate, address)


def test_an_evaluation_whose_worker_is_killed_is_the_same_to_the_byte(evaluate, address, monkeypatch):
    here = contents(evaluate())
    monkeypatch.setattr(batch, "Evaluation", Dying)
    monkeypatch.setattr("har_ros.evaluate.job.PERIOD", 0.0)
    folder = evaluate("--ray", address, output="by the cluster")
    (folder / "died").unlink()  # fails where nobody died
    assert contents(folder) == here


def test_a_long_recording_whose_workers_are_killed_is_the_same_to_the_byte(evaluate, address, tmp_path, monkeypatch):
    """Its ranges are done apart, and the one whose worker has died is done again."""
    bag = write_bag(tmp_path / "long", series(values_of(7, 2 * RANGE)))
    here = contents(evaluate(recordings=[bag]))
    monkeypatch.setattr(batch, "Evaluation", Dying)
    folder = evaluate("--ray", address, output="by the cluster", recordings=[bag])
    assert (folder / "died").read_text() == "Range"
    assert contents(folder) == here


def test_a_damaged_recording_is_told_as_on_one_machine(evaluate, address, bags, tmp_path, capsys):
    recordings = [bags[0], damaged_bag(tmp_path / "damaged"), bags[1]]
    here = contents(evaluate(recordings=recordings, status=1))
    said = capsys.readouterr().err
    assert "cannot be read" in said
    assert contents(evaluate("--ray", address, output="by the cluster", recordings=recordings, status=1)) == here
    assert "cannot be read" in capsys.readouterr().err


TAUGHT = ("network.onnx", "clips.csv", "metrics.json")


def test_what_is_taught_is_the_same_to_the_byte(teach, address, dataset, tmp_path, monkeypatch, capsys):
    """Each from a cache of its own, so that everything is computed; the nodes' is the one that they began with."""
    taught = {}
    damaged = tmp_path / "damaged"
    shutil.copytree(dataset, damaged)
    (damaged / "red" / "g0" / "0.avi").write_bytes(b"no video")
    for name, options in (("here", ()), ("cluster", ("--ray", address))):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / f"cache of {name}"))
        folder = teach(*options, dataset=damaged, output=f"{name}/taught")
        said = capsys.readouterr().err
        assert "left out: " in said
        assert "23 recordings, 0 of which in the cache" in said
        taught[name] = {file: (folder / file).read_bytes() for file in TAUGHT}
    assert taught["here"] == taught["cluster"]


def test_clips_are_the_same_to_the_byte(address, tmp_path):
    videos = [write_video(tmp_path / f"{name}.avi", moving(frames=40, seed=i)) for i, name in enumerate("abc")]
    truth = tmp_path / "truth.csv"
    truth.write_text("video,start,end,label\n" + "".join(f"{name}.avi,1,2,waving\n" for name in "abc"))
    command = ["clips", *map(str, videos), "--truth", str(truth), "--least", "0.5", "-o"]
    assert actionnet([*command, str(tmp_path / "here")]) == 0
    assert actionnet([*command, str(tmp_path / "cluster"), "--ray", address]) == 0
    here, cluster = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.mp4")}
        for folder in (tmp_path / "here", tmp_path / "cluster")
    )
    assert len(here) >= 6
    assert here == cluster


def test_each_node_fetches_what_lies_at_an_address(evaluate, address, s3, bags):
    addresses = [put(s3, path, path.name) for path in bags]
    assert evaluates_the_same(evaluate, address, recordings=addresses)


def test_a_recording_that_a_node_does_not_see_is_told(cluster, tmp_path):
    with pytest.raises(HarError, match=r"does not see .*; put recordings where all nodes have them under the same"):
        done_by(cluster, Cutting(tmp_path, 1.0, True), [(tmp_path / "absent.mp4", ())])


def test_a_cluster_that_is_not_there_is_told(evaluate, capsys):
    evaluate("--ray", "127.0.0.1:1", status=1)
    assert "cannot be joined; run on this machine: ray start --address=127.0.0.1:1" in capsys.readouterr().err


def processes_with(variable):
    """Return the processes in whose environment this stands."""
    found = []
    for place in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # it ended, or is another user's
            if variable.encode() in place.read_bytes().split(b"\0"):
                found.append(place.parent.name)
    return found


def one_is_done(folder):
    return any(path.suffixes == [".json"] for path in folder.glob(f"{PARTS}/*.json"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_cluster_of_the_commands_own_and_keeps_what_is_done(brightness_card, tmp_path, number):
    recordings = [write_bag(tmp_path / name, series(values_of(7, 3000))) for name in "abcdefgh"]
    program = "import sys; from har_ros.commands.main import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, "evaluate", *map(str, recordings), "--ray", "2"]
    command += ["-p", f"model:={brightness_card}", "-p", "backend:=openvino", "-o", str(tmp_path / "results")]
    mark = f"HAR_ROS_TEST={uuid4()}"
    environment = {**os.environ, **dict([mark.split("=")])}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        # on a busy machine a cluster takes a minute to start
        wait_until(lambda: process.poll() is not None or one_is_done(tmp_path / "results"), most=300)
        assert process.poll() is None
        shown = "".join(Path("/proc", one, "cmdline").read_text() for one in processes_with(mark))
        folder = Path(re.search(r"/tmp/har-ray-\w+", shown).group())
        process.send_signal(number)
        said = process.stderr.read()
    assert process.returncode == 128 + number, said
    assert "interrupted; the same command goes on from here" in said
    assert "Traceback" not in said
    wait_until(lambda: not processes_with(mark))
    assert not folder.exists()
    assert list((tmp_path / "results").glob(f"{PARTS}/*.jsonl"))
