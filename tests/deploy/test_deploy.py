"""What is deployed fits what is there: settings, metrics, labels, ports, paths, and words for every alert.

Schemas are held by `make deploy-check`, whose tools are large.
"""

import asyncio
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway import cli, config
from gateway.app import LAST_WRITES
from gateway.setting import LOOPBACK
from gateway.telemetry import metrics
from tests.conftest import Build
from tests.deploy.promql import SCRAPED, Query
from tests.support import world as worlds

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy"
DOCKERFILE = (ROOT / "Dockerfile").read_text()

ALERTS = yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"][0]["rules"]
DASHBOARD = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
KUBERNETES = {
    (each["kind"], each["metadata"]["name"]): each
    for each in yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())
}
DEPLOYMENT = KUBERNETES["Deployment", "contacts-gateway"]["spec"]
POD = DEPLOYMENT["template"]["spec"]
CONTAINER = POD["containers"][0]
SETTINGS = KUBERNETES["ConfigMap", "contacts-gateway"]["data"]


@pytest.fixture(scope="module")
def known() -> Mapping[str, tuple[str, ...]]:
    """Every metric of a gateway, with its labels."""
    return {"up": (), **asyncio.run(exposed())}


async def exposed() -> dict[str, tuple[str, ...]]:
    """What a gateway tells of itself, and its process."""
    world = worlds.build(people=1)
    of_gateway = world.gateway.voice.metrics
    of_process = re.findall(r"^(process_\w+) ", of_gateway.text().decode(), re.MULTILINE)
    await worlds.close(world)
    return {**dict.fromkeys(of_process, ()), **metrics.names(of_gateway)}


def of_docker(instruction: str) -> str:
    """What an instruction of the last stage says."""
    return re.findall(rf"^{instruction} (.*)$", DOCKERFILE, re.MULTILINE)[-1]


def in_grafana(expression: str) -> str:
    """A query as Grafana sends it."""
    return re.sub(r"\$\w+", ".*", expression.replace("$__rate_interval", "5m"))


# ── Alerts ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_what_there_is(rule: dict[str, Any], known: Mapping[str, tuple[str, ...]]) -> None:
    query = Query(rule["expr"], known)
    assert list(query.faults()) == []
    told = "".join(rule["annotations"].values())
    assert set(re.findall(r"\$labels\.(\w+)", told)) <= query.labels()
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}


def test_every_alert_has_its_words() -> None:
    page = (ROOT / "docs" / "operate.md").read_text()
    words = re.findall(r"^### (\w+)\n\n(\w+)\. ", page.partition("\n## Alerts\n")[2], re.MULTILINE)
    assert dict(words) == {rule["alert"]: rule["labels"]["severity"].capitalize() for rule in ALERTS}
    for rule in ALERTS:
        assert rule["annotations"]["runbook_url"] == f"docs/operate.md#{rule['alert'].lower()}"


def test_alerts_follow_the_settings() -> None:
    index_age = float(config.all_settings()["GATEWAY_INDEX_MAX_AGE_SECONDS"].default)
    rules = {rule["alert"]: rule["expr"] for rule in ALERTS}
    assert rules["IndexStale"].endswith(f"> {3 * index_age:.0f}")
    assert "> 2.5e9" in rules["MemoryGrowing"]
    assert CONTAINER["resources"]["limits"]["memory"] == "2560Mi"


# ── Dashboard ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_asks_for_what_there_is(panel: dict[str, Any], known: Mapping[str, tuple[str, ...]]) -> None:
    for target in panel["targets"]:
        query = Query(in_grafana(target["expr"]), known)
        assert list(query.faults()) == []
        assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= query.labels()
        assert target["datasource"] == panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_says_what_it_shows(panel: dict[str, Any]) -> None:
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert re.fullmatch(r"[A-Z][^.]+\.", panel["description"])


def test_panels_lie_side_by_side_in_rows() -> None:
    places: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        taken = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert places.isdisjoint(taken)
        places |= taken
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    rows = [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"]
    assert rows == ["Requests", "Sources", "Index", "Process"]


def test_variables_are_made_of_labels(known: Mapping[str, tuple[str, ...]]) -> None:
    queries = [each["query"]["query"] for each in DASHBOARD["templating"]["list"] if each["type"] == "query"]
    for query in queries:
        found = re.fullmatch(r"label_values\((\w+)(?:\{.*\})?, (\w+)\)", query)
        assert found
        assert found[2] in SCRAPED | set(known[found[1]])
    declared = {each["name"] for each in DASHBOARD["templating"]["list"]}
    assert declared == {"datasource", "job", "instance", "account", "source"}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(DASHBOARD["panels"])))
    assert used - {"__rate_interval"} == declared


def test_every_metric_is_shown(known: Mapping[str, tuple[str, ...]]) -> None:
    shown = json.dumps(PANELS)
    quiet = {"up", "process_virtual_memory_bytes"}
    missing = {name for name in known if re.sub(r"_(sum|count)$", "_bucket", name) not in shown}
    assert missing <= quiet


# ── Kubernetes ──────────────────────────────────────────────────────────────────────────────────────────


def environment_of(container: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each.get("value", "") for each in container["env"]}


def test_kubernetes_sets_what_can_be_set() -> None:
    assert SETTINGS.keys() | environment_of(CONTAINER) <= config.all_settings().keys()
    chosen = config.read({**SETTINGS, "GATEWAY_API_KEYS": f"x:{'0' * 64}:read"})
    assert chosen.host == "0.0.0.0"
    assert not chosen.explorer
    assert int(SETTINGS["GATEWAY_REPLICAS"]) == DEPLOYMENT["replicas"]


def test_no_secret_stands_in_kubernetes() -> None:
    secret = {
        "GATEWAY_STATE_URL",
        *(name for name in config.all_settings() if name.endswith(("_KEY", "_KEYS", "_TOKEN"))),
    }
    assert secret.isdisjoint(SETTINGS)
    assert not any(environment_of(CONTAINER).values())
    assert not any(kind == "Secret" for kind, _ in KUBERNETES)


def test_kubernetes_agrees_with_the_image() -> None:
    user = POD["securityContext"]
    assert f"{user['runAsUser']}:{user['runAsGroup']}" == of_docker("USER") == "10001:10001"
    assert [port["containerPort"] for port in CONTAINER["ports"]] == [int(of_docker("EXPOSE"))]
    assert SETTINGS["GATEWAY_PORT"] == of_docker("EXPOSE")
    mounts = {mount["mountPath"]: mount["name"] for mount in CONTAINER["volumeMounts"]}
    assert mounts.keys() == {of_docker("VOLUME"), "/tmp"}
    assert SETTINGS["GATEWAY_DATA_DIR"] == of_docker("VOLUME")
    assert {volume["name"] for volume in POD["volumes"] if "emptyDir" in volume} == set(mounts.values())


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_pods_may_do_nothing_but_their_work(kind: str) -> None:
    (spec,) = [each["spec"]["template"]["spec"] for (of, _), each in KUBERNETES.items() if of == kind]
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in spec["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]


async def test_probes_are_answered(new_world: Build) -> None:
    world = new_world(GATEWAY_API_KEYS=f"x:{'0' * 64}:read")  # without a key
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert (await world.client.get(CONTAINER[probe]["httpGet"]["path"])).status_code == 200
        assert CONTAINER[probe]["httpGet"]["port"] in {port["name"] for port in CONTAINER["ports"]}


def test_what_is_under_way_may_end() -> None:
    before = float(CONTAINER["lifecycle"]["preStop"]["exec"]["command"][-1])
    needed = float(SETTINGS["GATEWAY_GRACE_SECONDS"]) + LAST_WRITES
    assert before + needed < POD["terminationGracePeriodSeconds"]
    grace = float(config.all_settings()["GATEWAY_GRACE_SECONDS"].default)
    for name in ("gateway-1", "gateway-2"):
        assert grace + LAST_WRITES < float(COMPOSE["services"][name]["stop_grace_period"].removesuffix("s"))


def test_selectors_meet_their_pods() -> None:
    for (kind, name), each in KUBERNETES.items():
        labels = {"app.kubernetes.io/name": name}
        assert each["metadata"]["labels"] == labels
        if kind == "Service":
            assert each["spec"]["selector"] == labels
        elif kind == "NetworkPolicy":
            assert each["spec"]["podSelector"] == {"matchLabels": labels}
        elif kind != "ConfigMap":
            assert each["spec"]["selector"] == {"matchLabels": labels}
        if kind in {"Deployment", "StatefulSet"}:
            assert each["spec"]["template"]["metadata"]["labels"] == labels


# ── Compose ─────────────────────────────────────────────────────────────────────────────────────────────


def gateways() -> Iterator[tuple[str, dict[str, Any]]]:
    return ((name, each) for name, each in COMPOSE["services"].items() if name.startswith("gateway-"))


def test_compose_sets_what_can_be_set() -> None:
    addresses = {"SAMESPACE_URL": "http://127.0.0.1:1", "PACKAGEX_URL": "http://127.0.0.1:2/v1"}
    for _, each in gateways():
        assert each["environment"].keys() <= config.all_settings().keys()
        assert config.read({**addresses, **each["environment"]}).keys.find("example-key")
        assert each["environment"]["GATEWAY_REPLICAS"] == str(len(list(gateways())))
        assert any(mount.endswith(f":{of_docker('VOLUME')}") for mount in each["volumes"])


def test_the_keys_of_compose_are_those_that_it_tells() -> None:
    (keys,) = {each["environment"]["GATEWAY_API_KEYS"] for _, each in gateways()}
    for entry, scope in zip(keys.split(";"), ("read", "admin"), strict=True):
        name, digest, scopes = entry.split(":")
        assert digest == hashlib.sha256(f"{name}-key".encode()).hexdigest()
        assert scope in scopes.split(",")


def test_all_that_needs_loopback_is_in_one_namespace() -> None:
    services = COMPOSE["services"]
    assert all(each["environment"]["GATEWAY_HOST"] in LOOPBACK for _, each in gateways())
    for name in ("proxy", *(name for name, _ in gateways())):
        assert services[name]["network_mode"] == "service:emulators"
    ports = [each["environment"]["GATEWAY_PORT"] for _, each in gateways()]
    proxy = (DEPLOY / "nginx.conf").read_text()
    assert re.findall(r"server 127\.0\.0\.1:(\d+);", proxy) == ports
    (listening,) = re.findall(r"listen (\d+);", proxy)
    assert services["emulators"]["ports"] == [f"127.0.0.1:8000:{listening}"]
    assert len({listening, *ports}) == 3


def test_commands_of_compose_are_those_of_the_gateway() -> None:
    for name in ("emulators", *(name for name, _ in gateways())):
        command = re.search(r"exec gateway ([^>]+)", COMPOSE["services"][name]["command"][-1])
        assert command
        cli.parser().parse_args(command[1].split())


def test_the_proxy_takes_and_waits_for_all_that_the_gateway_does() -> None:
    proxy = (DEPLOY / "nginx.conf").read_text()
    settings = {name: each.default for name, each in config.all_settings().items()}
    (most,) = re.findall(r"client_max_body_size (\d+)m;", proxy)
    needed = int(settings["GATEWAY_IMPORT_BYTES"]) + 2 * int(settings["GATEWAY_BODY_BYTES"])
    assert int(most) * 1024 * 1024 >= needed
    (wait,) = re.findall(r"proxy_read_timeout (\d+)s;", proxy)
    assert float(wait) > float(settings["GATEWAY_DEADLINE_SECONDS"])


def test_kubernetes_and_compose_use_one_valkey() -> None:
    (image,) = [
        each["image"]
        for each in KUBERNETES["StatefulSet", "contacts-valkey"]["spec"]["template"]["spec"]["containers"]
    ]
    assert COMPOSE["services"]["valkey"]["image"] == image
