"""Addresses: what is public may be connected to, and nothing else, in whatever form it is written."""

from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("httpcore", reason="httpcore is not installed: pip install -r requirements-serve.txt")

from har_ros.service.incoming.links import Links
from har_ros.service.incoming.public_network import LinkError, check_public, is_public

NAT64 = 0x64FF9B << 64


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0x7f.1",
        "127.1",
        "0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "224.0.0.1",
        "239.1.1.1",
        "255.255.255.255",
        "192.0.2.1",
        "192.88.99.1",
        "[::ffff:192.88.99.1]",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:a00:1]",
        "[::7f00:1]",
        "[2002:7f00:1::]",
        "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
        "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b:1::1]",
        "[fe80::1]",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "[fec0::1]",
        "[ff02::1]",
        "[ff0e::1]",
        "[2001:db8::1]",
        "[3fff::1]",
        "[5f00::1]",
    ],
)
def test_what_is_not_public_is_not_connected_to(tmp_path, host):
    with pytest.raises(LinkError, match="not public"):
        Links(1000).fetch(f"http://{host}/", tmp_path / "video.mp4", lambda: None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_what_is_public_is_allowed_at_the_usual_ports(address):
    check_public(address, 80)
    check_public(address, 443)
    with pytest.raises(LinkError, match="port 22"):
        check_public(address, 22)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_public_whatever_its_form(address):
    public = is_public(str(address))
    assert public <= (address.is_global and not address.is_multicast)
    for prefix in ("::ffff:0:0", "64:ff9b::"):
        assert is_public(str(IPv6Address(int(IPv6Address(prefix)) + int(address)))) == public
    assert not is_public(str(IPv6Address((0x2002 << 112) + (int(address) << 80))))
    assert not is_public(str(IPv6Address(int(address))))


@given(st.ip_addresses(v=6))
def test_an_ipv6_address_that_is_public_is_global_unicast_or_has_an_ipv4_address_in_it(address):
    if is_public(str(address)):
        assert int(address) >> 125 == 1 or address.ipv4_mapped or int(address) >> 32 == NAT64
