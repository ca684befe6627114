"""Recordings on a real server of S3's protocol."""

from pathlib import Path

import pytest
from bags import contents, damaged_bag
from s3_server import MISSING, bucket, put

from har_ros.commands.main import main as actionnet
from har_ros.commands.shared.jobs import jobs_of
from har_ros.errors import ConfigurationError
from har_ros.recordings.recording import BagError
from har_ros.recordings.remote import Address, local, place

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)


@pytest.fixture(scope="module")
def s3():
    with bucket() as client:
        yield client


@pytest.mark.parametrize("text", ["s3://bucket/a/b.mp4", "https://example.org/b.mp4", "gs://x"])
def test_an_address_is_one(text):
    assert isinstance(place(text), Address)


@pytest.mark.parametrize("text", ["a.mp4", "/a/b.mp4", "a:b", "s3:/a", "file:///etc/passwd", "zip://a::s3://b/c.zip"])
def test_other_texts_are_paths(text):
    assert place(text) == Path(text)


def test_an_address_has_the_names_of_a_path():
    address = Address("s3://bucket/night/b.mp4")
    assert (address.parts, address.name, address.stem) == (("s3:", "bucket", "night", "b.mp4"), "b.mp4", "b")


def test_what_a_web_address_asks_for_is_no_name():
    assert Address("https://h/b.mp4?sig=a/b").name == "b.mp4"
    assert Address("s3://h/b?.mp4").name == "b?.mp4"


VALUES = {"image_topics": [], "image_transport": "raw"}


def test_recordings_at_addresses_have_names_of_their_own():
    jobs = jobs_of([Address("s3://b/x/y"), Address("gs://b/x/y"), Address("s3://b/z")], VALUES)
    assert [job.name for job in jobs] == ["s3:/b/x/y", "gs:/b/x/y", "s3:/b/z"]


def test_what_is_asked_of_web_addresses_tells_recordings_apart():
    jobs = jobs_of(
        [Address("https://h/a/get?id=1"), Address("https://h/a/get?id=2"), Address("https://h/b.mp4?x=1")], VALUES
    )
    assert [job.name for job in jobs] == ["a/get?id=1", "a/get?id=2", "h/b.mp4?x=1"]


def test_an_address_that_is_named_twice_is_refused():
    with pytest.raises(ConfigurationError, match="named more than once"):
        jobs_of([Address("s3://b/bag"), Address("s3://b/bag/")], VALUES)


def test_a_file_and_a_folder_are_fetched_and_removed(s3, bags):
    for key, path in (("one.mcap", bags[0] / "one.mcap"), ("night/one", bags[0])):
        with local(Address(put(s3, path, key))) as found:
            assert found.name == Path(key).name
            here, there = ({file.name: file.read_bytes() for file in files(one)} for one in (path, found))
            assert here == there
        assert not found.exists()


def files(path):
    return [path] if path.is_file() else sorted(path.iterdir())


@pytest.mark.parametrize(
    ("address", "error", "said"),
    [
        ("s3://recordings/absent", BagError, r"^s3://recordings/absent does not exist; check the address$"),
        ("nonsense://x/y", ConfigurationError, r"^nonsense://x/y is no address that can be read \(.*\); check it$"),
        ("http://127.0.0.1:1/a.mp4", BagError, r"^http://127.0.0.1:1/a.mp4 (cannot be fetched|does not exist)"),
    ],
)
def test_what_cannot_be_fetched_is_told(s3, address, error, said):
    with pytest.raises(error, match=said), local(place(address)):
        pass


def test_what_has_no_room_is_refused(s3, bags, monkeypatch):
    address = put(s3, bags[0], "large")
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 10}))
    with pytest.raises(BagError, match=r"large has \d+ bytes, and .* room for 10; set TMPDIR"), local(Address(address)):
        pass


def test_an_evaluation_is_the_same_and_errors_name_the_address(s3, evaluate, bags, tmp_path, capsys):
    recordings = [*bags[:2], damaged_bag(tmp_path / "damaged")]
    addresses = [put(s3, path, path.name) for path in recordings]
    here = evaluate(recordings=recordings, status=1)
    there = evaluate(recordings=addresses, output="of addresses", status=1)
    assert "s3://recordings/damaged cannot be read after" in capsys.readouterr().err
    for name, content in contents(here).items():
        paths = content.replace(str(recordings[2]).encode(), addresses[2].encode())
        assert paths == contents(there)[name], name


def test_errors_and_warnings_of_cutting_name_the_address(s3, bags, tmp_path, capsys):
    truth = tmp_path / "truth.csv"
    truth.write_text("bag,start,end,label\ncut,1,2,waving\n")
    command = ["clips", "--truth", str(truth), "--least", "60", "-o", str(tmp_path / "clips")]
    address = put(s3, bags[0], "short/cut")
    assert actionnet([*command, address]) == 0
    assert f"{address} (/cam01/image_raw): 1 clip shorter" in capsys.readouterr().err
    address = put(s3, damaged_bag(tmp_path / "cut"), "damaged/cut")
    assert actionnet([*command, address]) == 1
    assert f"{address} cannot be read after" in capsys.readouterr().err


def test_other_commands_take_addresses_too(s3, bags, brightness_card, truth, tmp_path, capsys):
    settings = ["-p", f"model:={brightness_card}", "-p", "backend:=openvino", "-p", "max_gap:=0.0"]
    addresses = [put(s3, path, path.name) for path in bags]
    assert actionnet(["truth", "check", truth[1], *addresses, *settings, *truth[2:]]) == 0
    measured = []
    for name, recordings in (("here", map(str, bags)), ("there", addresses)):
        output = tmp_path / name
        assert actionnet(["stability", *recordings, *settings, "-o", str(output)]) == 0
        measured.append(output.read_bytes())
    assert measured[0] == measured[1]
    command = ["events", "tune", *addresses, *settings, *truth, "--recall", "0.5", "-o", str(tmp_path / "tuned")]
    assert actionnet(command) == 0
    capsys.readouterr()
    damaged = put(s3, damaged_bag(tmp_path / "unsteady"), "unsteady")
    assert actionnet(["stability", damaged, *settings, "-o", str(tmp_path / "unsteady.json")]) == 0
    assert f"{damaged} cannot be read after" in capsys.readouterr().err


def test_results_are_given_also_when_a_recording_cannot_be_had_any_more(s3, evaluate, bags, capsys):
    addresses = [put(s3, path, f"going/{path.name}") for path in bags[:2]]
    before = contents(evaluate(recordings=addresses))
    del before["report.html"]  # shows pictures
    for file in sorted(bags[0].iterdir()):
        s3.delete_object(Bucket="recordings", Key=f"going/{bags[0].name}/{file.name}")
    capsys.readouterr()
    assert before.items() <= contents(evaluate(recordings=addresses)).items()
    said = capsys.readouterr().err
    assert f"the results of {bags[0].name} are given unchecked: {addresses[0]} does not exist" in said
    assert "the network need not run" in said
