"""Links to media go to public hosts only, in whatever way a private one is written."""

from typing import Any

import pytest

from gateway.model.source import Source
from gateway.writing.media import is_public
from tests.conftest import Build
from tests.support.world import World

PRIVATE = (
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "::1", "::",
    "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "::ffff:127.0.0.1", "::ffff:a9fe:a9fe", "64:ff9b::7f00:1", "2002:7f00:1::",
    "224.0.0.1", "255.255.255.255", "198.18.0.1", "2001:db8::1", "ff02::1",
)  # fmt: skip
NUMBERS = (
    "http://127.1/x", "http://0x7f000001/x", "http://0x7f.1/x", "http://017700000001/x", "http://2130706433/x", "http://127.0.0.1./x",
    "http://[::ffff:127.0.0.1]/x", "http://[fe80::1%25eth0]/x", "http://１２７.0.0.1/x", "http://localhost/x", "http://localhost./x",
    "http://a.localhost/x", "http://metadata.google.internal/x", "http://example.com\\@127.0.0.1/x", "http://127.0.0.1#@example.com/x",
    "http://example.com@127.0.0.1/x", "http:///x", "//example.com/x", "data:text/plain,x", "http://exa\tmple.com/x", "http://example.com:0/x",
    "http://example.com:99999/x", "https://example.com/" + "x" * 3_000,
)  # fmt: skip
NAMES = {
    "inside.example.com": ["10.0.0.7"],
    "both.example.com": ["93.184.216.34", "169.254.169.254"],
    "six.example.com": ["::ffff:10.0.0.7"],
    "files.example.com": ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"],
}


async def send(world: World, url: str) -> Any:
    (contact,) = await world.some(Source.SMART_SENDER)
    given = {"contact": contact["id"], "type": "PICTURE", "mediaUrl": url}
    return await world.write("sendMessage", given, more="message { mediaUrl }")


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_of_a_private_network_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822", "2002:5db8:d822::"]
)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url", [*NUMBERS, *(f"https://{host}/x.png" for host in NAMES if host != "files.example.com")]
)
async def test_a_link_into_a_private_network_is_handed_to_nobody(new_world: Build, url: str) -> None:
    world = new_world(names=NAMES)
    payload = await send(world, url)
    assert [error["field"] for error in payload["userErrors"]] == [["mediaUrl"]]
    assert "sendContactMessage" not in world.operations


@pytest.mark.parametrize("host", ["files.example.com", "unknown.example.org"])
async def test_a_link_to_a_public_host_or_one_that_only_the_source_knows_is_sent(
    new_world: Build, host: str
) -> None:
    world = new_world(names=NAMES)
    payload = await send(world, f"https://{host}/a.png")
    assert payload["userErrors"] == []
    assert payload["message"]["mediaUrl"] == f"https://{host}/a.png"


@pytest.mark.parametrize(
    ("host", "taken"),
    [
        ("files.example.com", True), ("FILES.example.com", True), ("a.example.org", True), ("a.b.example.org", True),
        ("example.org", False), ("evilexample.org", False), ("files.example.com.evil.net", False), ("inside.example.com", False),
    ],
)  # fmt: skip
async def test_where_hosts_are_listed_no_other_is_linked_to(new_world: Build, host: str, taken: bool) -> None:
    world = new_world(names=NAMES, GATEWAY_MEDIA_HOSTS="files.example.com,.example.org")
    payload = await send(world, f"https://{host}/a.png")
    assert bool(payload["userErrors"]) is not taken
    assert ("sendContactMessage" in world.operations) is taken
