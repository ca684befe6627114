"""Links: what is fetched, and what of all that is not public is left alone."""

import ssl

import pytest
from certificates import certificate
from hypothesis import given
from hypothesis import strategies as st
from rough_server import (
    FOUND,
    body_without_end,
    chunks_without_end,
    drip,
    headers_without_end,
    one_chunk_of_everything,
    server,
    silence,
)
from waiting import WAIT

pytest.importorskip("httpcore", reason="httpcore is not installed: pip install -r requirements-serve.txt")

from har_ros.errors import ConfigurationError, HarError
from har_ros.service import room
from har_ros.service.folder import ServiceFolder
from har_ros.service.incoming import links
from har_ros.service.incoming.links import MOST_REDIRECTS, Links, read_link, shown_link, suffix_of
from har_ros.service.incoming.public_network import LinkError, addresses_of

VIDEO = bytes(range(256)) * 100
MOVED = "HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n"


def nothing():
    pass


def let_through(*allowed):
    """Return a check that lets only these addresses through, at any port."""

    def check(address, port):
        if address not in allowed:
            raise LinkError(f"{address} is not allowed here")

    return check


def fetch(link, path, note=nothing, most_bytes=10_000_000, **given):
    given = {"resolve": lambda host, port: ["127.0.0.1"], "check": let_through("127.0.0.1"), **given}
    Links(most_bytes, **given).fetch(link, path, note)
    return path.read_bytes()


def refused(link, path, **given):
    """Return why a link is not fetched; nothing is left of it."""
    with pytest.raises(HarError) as caught:
        fetch(link, path, **given)
    assert list(path.parent.iterdir()) == []
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "video.mp4"


def test_a_video_is_fetched_without_proxies_and_with_the_name_of_its_server(path, monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    noted = []
    with server(FOUND % len(VIDEO) + VIDEO) as (port, requests):
        link = f"http://video.test:{port}/a%20b é.mp4?key=ü#part"
        assert fetch(link, path, lambda: noted.append(1)) == VIDEO
    assert requests[0].startswith("GET /a%20b%20%C3%A9.mp4?key=%C3%BC HTTP/1.1\r\n")
    assert f"Host: video.test:{port}\r\n" in requests[0]
    assert noted


def test_names_outside_ascii_are_asked_for_as_dns_has_them(path):
    asked = []

    def resolve(host, port):
        asked.append(host)
        return ["127.0.0.1"]

    with server(FOUND % 1 + b"x") as (port, requests):
        fetch(f"http://bücher.test:{port}/", path, resolve=resolve)
    assert asked == ["xn--bcher-kva.test"]
    assert "Host: xn--bcher-kva.test" in requests[0]


def test_a_name_that_changes_its_mind_gets_the_address_that_was_checked(path):
    """DNS rebinding: the name means a public address when it is checked, and this machine ever after."""
    answers = iter(["127.0.0.2", "127.0.0.1", "127.0.0.1"])

    def resolve(host, port):
        return [next(answers)]

    given = {"resolve": resolve, "check": let_through("127.0.0.2")}
    with (
        server(FOUND % 6 + b"public", "127.0.0.2") as (port, public),
        server(FOUND % 6 + b"secret", "127.0.0.1", port) as (_, secret),
    ):
        link = f"http://video.test:{port}/"
        assert fetch(link, path, **given) == b"public"
        path.unlink()
        assert "127.0.0.1 is not allowed" in refused(link, path, **given)
    assert (len(public), secret) == (1, [])


def test_a_redirect_to_the_same_name_is_checked_again(path):
    answers = iter(["127.0.0.1", "127.0.0.3"])
    with server(MOVED.format("/again").encode()) as (port, requests):
        assert "127.0.0.3 is not allowed" in refused(
            f"http://video.test:{port}/", path, resolve=lambda *_: [next(answers)]
        )
    assert len(requests) == 1


def test_one_address_that_is_not_allowed_spoils_the_name(path):
    with server(FOUND % 1 + b"x") as (port, requests):
        link = f"http://video.test:{port}/"
        assert "not allowed" in refused(link, path, resolve=lambda *_: ["127.0.0.1", "10.0.0.1"])
    assert requests == []


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("http://127.0.0.9/", "127.0.0.9 is not allowed"),
        ("http://[::1]/", "::1 is not allowed"),
        ("//169.254.169.254/latest", "169.254.169.254 is not allowed"),
        ("file:///etc/passwd", "not one of http or https"),
        ("gopher://127.0.0.1:70/_x", "not one of http or https"),
        ("http://user:secret@video.test/", "password in it"),
        ("http://[", "cannot be read"),
        ("http://video.test:x/", "cannot be read"),
        ("", "redirected more than"),
    ],
)
def test_redirects_are_checked_like_links(path, location, said):
    def resolve(host, port):
        return ["127.0.0.1"] if host == "video.test" else addresses_of(host, port)

    with server(MOVED.format(location).encode()) as (port, requests):
        assert said in refused(f"http://video.test:{port}/", path, resolve=resolve)
    assert len(requests) == (1 if location else 1 + MOST_REDIRECTS)


def test_a_link_is_fetched_only_while_there_is_room(path, tmp_path, monkeypatch):
    """Also one whose server does not say how much it sends."""
    monkeypatch.setattr(room, "FRESH", 0.0)
    monkeypatch.setattr(links, "NOTE", 0.0)
    small = room.Room(ServiceFolder(tmp_path), 2000)
    with server(FOUND % len(VIDEO) + VIDEO) as (port, _):
        assert "25,600 bytes do not fit into the 2,000" in refused(
            f"http://video.test:{port}/", path, check_room=small.check
        )

    with server(body_without_end) as (port, _):
        assert "do not fit into the 0" in refused(f"http://video.test:{port}/", path, check_room=small.check)


def test_a_redirect_is_followed(path):
    def answer(send, request, stopped):
        send(FOUND % 3 + b"abc" if "/b" in request else MOVED.format("b?x=1").encode())

    with server(answer) as (port, requests):
        assert fetch(f"http://video.test:{port}/a/", path) == b"abc"
    assert requests[1].startswith("GET /a/b?x=1 ")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (drip, "too slow"),
        (headers_without_end, "too slow"),
        (silence, "too slow"),
        (body_without_end, "more than 1 MB"),
        (chunks_without_end, "more than 1 MB"),
        (one_chunk_of_everything, "more than 1 MB"),
        (FOUND % 2_000_000, "more than 1 MB"),
        (FOUND % 100 + b"x" * 99, "cannot be fetched"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx", "cannot be fetched"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", "cannot be fetched"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n", "cannot be fetched"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "answers 404"),
        (b"SSH-2.0-OpenSSH_9\r\n", "cannot be fetched"),
        (b"", "cannot be fetched"),
    ],
)
def test_servers_that_misbehave_are_given_up(path, answer, said):
    limits = {"seconds": 1.0, "silence": 0.5} if said == "too slow" else {"seconds": WAIT, "silence": WAIT}
    with server(answer) as (port, _):
        assert said in refused(f"http://video.test:{port}/", path, most_bytes=1_000_000, **limits)


def test_no_wait_for_bytes_goes_beyond_the_time_for_all_of_it(path):
    def late(send, request, stopped):
        stopped.wait(2)
        send(FOUND % 1 + b"x")

    with server(late) as (port, _):
        assert "too slow" in refused(f"http://video.test:{port}/", path, seconds=0.5, silence=30.0)


def test_a_body_that_is_longer_than_its_server_said_ends_where_it_said(path):
    with server(FOUND % 3 + b"abcdef") as (port, _):
        assert fetch(f"http://video.test:{port}/", path) == b"abc"


def test_whoever_waits_for_it_may_give_it_up(path):
    def note():
        raise InterruptedError("enough")

    with server(body_without_end) as (port, _), pytest.raises(InterruptedError):
        fetch(f"http://video.test:{port}/", path, note)
    assert list(path.parent.iterdir()) == []


def test_a_server_proves_its_name_and_not_its_address(path, tmp_path_factory):
    names, pair = [], certificate(tmp_path_factory.mktemp("pair"), "video.test")
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(*pair)
    theirs.sni_callback = lambda _, name, __: names.append(name)
    ours = ssl.create_default_context(cafile=str(pair[0]))
    with server(FOUND % 3 + b"abc", context=theirs) as (port, requests):
        assert fetch(f"https://video.test:{port}/", path, context=ours) == b"abc"
        path.unlink()
        assert "Hostname mismatch" in refused(f"https://other.test:{port}/", path, context=ours)
        assert "certificate verify failed" in refused(f"https://video.test:{port}/", path)
    assert names == ["video.test", "other.test", "video.test"]
    assert len(requests) == 1


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ("file:///etc/passwd", "not one of http or https"),
        ("gopher://example.com/", "not one of http or https"),
        ("ftp://example.com/a.mp4", "not one of http or https"),
        ("a.mp4", "not one of http or https"),
        ("http://", "not one of http or https"),
        ("http:///a.mp4", "not one of http or https"),
        ("https://user@example.com/", "password in it"),
        ("https://:secret@example.com/", "password in it"),
        ("https://example.com\\@127.0.0.1/", "password in it"),
        ("https://example.com:99999/", "cannot be read"),
        ("https://[::1/", "cannot be read"),
        ("https://" + "a" * 64 + "ü.test/", "cannot be read"),
        ("https://example.com/\r\nHost: x", "control characters"),
        ("https://example.com/" + "a" * 2000, "more than 2000"),
    ],
)
def test_links_that_are_not_followed_are_refused_in_a_sentence(link, said):
    with pytest.raises(ConfigurationError, match=said):
        read_link(link)


def test_a_link_is_shown_without_what_may_be_secret():
    assert shown_link("https://Example.com:443/a/b.webm?key=secret#x") == "https://Example.com:443/a/b.webm"
    assert suffix_of("https://example.com/a/B.WebM?key=a.txt") == ".webm"
    assert suffix_of("https://example.com/watch?v=1") == ".video"


@given(st.text())
def test_no_text_makes_a_link_that_crashes(text):
    for link in (text, f"http://{text}", f"https://example.com/{text}"):
        try:
            shown_link(link)
        except ConfigurationError:
            continue


def test_a_link_that_is_no_text_is_refused_in_a_sentence():
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_link("http://x/\ud800.mp4")
