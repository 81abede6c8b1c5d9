"""A proxy that does not open the way: what is said of it, and whether it is asked again."""

import logging
from pathlib import Path

import httpx
import pytest

from gateway import config
from gateway.app import Gateway, create_app, over_the_network
from gateway.checkup import run, table
from gateway.errors import UpstreamUnavailable
from gateway.model.source import Source
from gateway.resilience.budget import Budget
from gateway.resilience.policy import Policy
from gateway.resilience.transport import UpstreamTransport
from gateway.setting import Proxy, Secret
from gateway.terminal import BAD_CALL, carried_out
from gateway.tokens import fetch
from tests.support import certificates
from tests.support.connect_proxy import ConnectProxy
from tests.support.sources import shown
from tests.support.vendor import Player, ok, vendor
from tests.support.world import at_once

KEY = "key-7Jq2-that-nobody-may-see"
PASSWORD = "word-7Jq2"
CREDENTIALS = f"ada:{PASSWORD}"
ENCODED = "YWRhOndvcmQtN0pxMg=="  # the same in base64
SECRETS = (KEY, PASSWORD, ENCODED)


def says(status: int) -> ConnectProxy:
    body = f"{CREDENTIALS} {ENCODED}".encode()  # as a proxy may do that wants to be helpful
    return ConnectProxy(instead=b"HTTP/1.1 %d %b\r\nX-Say: %b\r\n\r\n%b" % (status, body, body, body))


async def failed(proxy: ConnectProxy, *, safe: bool) -> UpstreamUnavailable:
    async with vendor(proxy) as port:
        inner = over_the_network(Proxy("127.0.0.1", port, Secret(CREDENTIALS)))(Source.PACKAGEX)
        transport = UpstreamTransport(
            "PACKAGEX", inner, Budget(None, 60.0), Policy(attempts=3), sleep=at_once, dice=lambda: 0.0
        )
        extensions = {"operation": "getContact", "safe": safe}
        headers = {"px-api-key": KEY}
        sent = httpx.Request("POST", "https://source.example/", headers=headers, extensions=extensions)
        with pytest.raises(UpstreamUnavailable) as raised:
            await transport.handle_async_request(sent)
        await transport.aclose()
    return raised.value


@pytest.mark.parametrize("safe", [True, False])
@pytest.mark.parametrize(("status", "times"), [(407, 1), (403, 1), (302, 1), (502, 3), (503, 3)])
async def test_what_a_proxy_refuses_has_not_left_and_is_asked_again_where_that_may_help(
    safe: bool, status: int, times: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    proxy = says(status)
    error = await failed(proxy, safe=safe)
    assert proxy.connections == times
    assert (error.uncertain, error.unsent) == (False, True)
    assert f"({status})" in error.message
    assert ("Try again later" in error.message) == (times > 1)
    assert ("refuses the gateway's credentials" in error.message) == (status == 407)
    for secret in SECRETS:
        assert secret not in shown(error) + caplog.text


async def test_a_proxy_that_is_not_understood_is_named() -> None:
    error = await failed(ConnectProxy(instead=b"what?\r\n\r\n", ends=True), safe=False)
    assert "The outgoing proxy" in error.message
    assert error.uncertain is False


# Who goes through it.


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything that speaks TLS trust the authority of the tests."""
    monkeypatch.setattr(httpx, "create_ssl_context", lambda **_: certificates.authority().trusted())


def settings(port: int) -> config.Config:
    return config.read(
        {
            "GATEWAY_DATA_DIR": ":memory:",
            "GATEWAY_OUTGOING_PROXY": f"http://{CREDENTIALS}@127.0.0.1:{port}",
            "PACKAGEX_URL": "https://source.example/v1",
            "PACKAGEX_API_KEY": KEY,
            "PACKAGEX_ATTEMPTS": "1",
        }
    )


async def test_the_check_goes_through_the_proxy(
    tmp_path: Path, trusting: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    proxy, source = ConnectProxy(), Player([ok(b"{}")])
    async with vendor(source, tls=certificates.server(tmp_path, "source.example")) as behind:
        proxy.places = {"source.example:443": behind}
        async with vendor(proxy) as port:
            printed = table(await run(settings(port)))
    assert {head.split(b"\r\n")[0] for head in proxy.heads} == {b"CONNECT source.example:443 HTTP/1.1"}
    assert all(KEY.encode() in head for head in source.heads)
    assert source.heads
    for secret in SECRETS:
        assert secret not in printed + caplog.text


async def test_the_check_says_that_the_proxy_refuses_the_credentials() -> None:
    async with vendor(says(407)) as port:
        printed = table(await run(settings(port)))
    assert "The outgoing proxy refuses the gateway's credentials (407)." in printed
    assert not any(secret in printed for secret in SECRETS)


async def contacts(gateway: Gateway) -> int:
    await gateway.directories["default"].upstreams[Source.PACKAGEX].contacts(0, 1)
    return 0


async def test_the_gateway_goes_through_the_proxy() -> None:
    proxy = says(407)
    async with vendor(proxy) as port:
        gateway: Gateway = create_app(settings(port)).state.gateway
        with pytest.raises(UpstreamUnavailable, match="407"):
            await contacts(gateway)
        await gateway.aclose()
    assert len(proxy.heads) == 1


async def test_commands_on_records_go_through_the_proxy(capsys: pytest.CaptureFixture[str]) -> None:
    proxy = says(407)
    async with vendor(proxy) as port:
        assert await carried_out(settings(port), "default", contacts) == BAD_CALL
    assert len(proxy.heads) == 1
    assert "(407)" in capsys.readouterr().err


async def test_the_keys_of_an_issuer_come_through_the_proxy(tmp_path: Path, trusting: None) -> None:
    proxy, issuer = ConnectProxy(), Player([ok(b'{"keys": []}')])
    async with vendor(issuer, tls=certificates.server(tmp_path, "id.example")) as behind:
        proxy.places = {"id.example:443": behind}
        async with vendor(proxy) as port:
            through = Proxy("127.0.0.1", port, Secret(CREDENTIALS))
            assert await fetch("https://id.example/keys", through) == b'{"keys": []}'
    assert ENCODED.encode() in proxy.heads[0]
    assert ENCODED.encode() not in issuer.heads[0]
