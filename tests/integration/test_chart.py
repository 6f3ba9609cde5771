"""examples/kubernetes: Helm lints the chart, Kubernetes takes what it becomes, and the relay starts with it."""

from __future__ import annotations

import re
import tomllib
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from lab.helm import Helm, HelmError, needs_helm

from relay.config import load, load_public
from relay.config.sections import Deadlines
from relay.model.errors import ConfigError

pytestmark = needs_helm

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "kubernetes"
CHART = EXAMPLE / "pgp-relay"
SECRETS = "/etc/pgp-relay-secrets"

SITES = {
    "one": ["one"],
    "one, inbound": ["one", "inbound"],
    "one, web": ["one", "web"],
    "two": ["two"],
    "two, inbound, web": ["two", "inbound", "web"],
}
"""The files of values of each site that is tried."""

Objects = dict[str, dict[str, Any]]
"""Kind and name, such as `Service relay-web`: the object."""


@pytest.fixture(scope="module")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return Helm.unpacked(tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="module")
def kubernetes() -> ModuleType:
    """What validates objects; it takes seconds to load, and whoever collects the tests does not need it."""
    return import_module("kubernetes_validate")


@pytest.fixture(params=SITES, scope="module")
def values(request: pytest.FixtureRequest) -> list[Path]:
    return [EXAMPLE / f"values-{name}.yaml" for name in SITES[request.param]]


@pytest.fixture(scope="module")
def objects(helm: Helm, values: list[Path]) -> Objects:
    return _named(helm.objects("relay", CHART, *values))


def test_helm_finds_nothing_wrong_with_the_chart(helm: Helm, values: list[Path]) -> None:
    helm.lint(CHART, *values)


def test_kubernetes_knows_every_field(kubernetes: ModuleType, objects: Objects) -> None:
    for version in ("1.31", "1.36"):
        for described in objects.values():
            kubernetes.validate(described, version, strict=True)


def test_a_field_that_kubernetes_does_not_know_is_found(kubernetes: ModuleType, objects: Objects) -> None:
    with pytest.raises(kubernetes.ValidationError):
        kubernetes.validate({**objects["Service relay"], "spce": {}}, "1.31", strict=True)


def test_the_relay_starts_with_the_configuration_and_the_pod_has_its_places_and_ports(
    objects: Objects, tmp_path: Path
) -> None:
    container = _container(objects, "relay")
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    config = load(_installed(objects, "relay", container, tmp_path))

    assert config.keyring.is_relative_to(mounts["state"])
    assert config.metrics is not None
    listens = {place.port for place in (*config.listen, *config.inbound.listen)} | {config.metrics.port}
    assert listens == {port["containerPort"] for port in container["ports"]}
    assert {port["targetPort"] for port in objects["Service relay"]["spec"]["ports"]} | {"metrics"} == {
        port["name"] for port in container["ports"]
    }


def test_the_public_service_is_where_the_relay_looks_for_it_and_has_nothing_of_the_relays(
    objects: Objects, tmp_path: Path
) -> None:
    relay = load(_installed(objects, "relay", _container(objects, "relay"), tmp_path / "relay"))
    assert relay.web.linked == ("StatefulSet relay-web" in objects)
    if not relay.web.linked:
        return
    container = _container(objects, "relay-web")
    web = load_public(_installed(objects, "relay-web", container, tmp_path / "web")).web

    assert web.public is not None
    assert web.channel is not None
    assert relay.web.channel is not None
    assert [web.public.port, web.channel.port] == [port["containerPort"] for port in container["ports"]]
    service = objects["Service relay-web"]
    assert (relay.web.channel.host, relay.web.channel.port) == (service["metadata"]["name"], web.channel.port)
    assert not _secrets(objects, "relay") & _secrets(objects, "relay-web")


def test_every_service_policy_and_budget_is_for_the_pods_of_its_name(objects: Objects) -> None:
    pods = {
        name.removeprefix("StatefulSet "): each["spec"]["template"]["metadata"]["labels"]
        for name, each in objects.items()
        if each["kind"] == "StatefulSet"
    }
    for each in objects.values():
        spec = each.get("spec", {})
        chosen = spec.get("podSelector") or spec.get("selector") or {}
        labels = chosen.get("matchLabels", chosen)
        matching = [name for name, has in pods.items() if labels.items() <= has.items()]
        assert not labels or matching == [each["metadata"]["name"]], each["kind"]


def test_the_pods_stop_no_sooner_than_the_relay_and_have_no_rights(objects: Objects) -> None:
    for each in objects.values():
        if each["kind"] != "StatefulSet":
            continue
        pod = each["spec"]["template"]["spec"]
        assert pod["terminationGracePeriodSeconds"] > Deadlines().stop
        assert pod["securityContext"]["runAsNonRoot"]
        assert not pod["automountServiceAccountToken"]
        for container in (*pod["containers"], *pod["initContainers"]):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


def test_a_changed_configuration_replaces_the_pods_and_nothing_else_does(helm: Helm) -> None:
    def digest(**changed: object) -> str:
        (found,) = (each for each in helm.objects("relay", CHART, **changed) if each["kind"] == "StatefulSet")
        return str(found["spec"]["template"]["metadata"]["annotations"]["checksum/config"])

    assert digest() == digest(storage__size="2Gi")
    assert digest() != digest(config__hostname="relay.hopital.example")


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"replicas": 2}, "database"),
        ({"replica": 1}, "replica"),
        ({"config__listen": ["smtp://0.0.0.0:25"]}, "listen"),
        ({"config__policy": []}, "policy"),
        ({"config__web": {"channel": "other:1"}}, "channel"),
        ({"secrets": {"Database": "x"}}, "Database"),
        ({"secrets": {"channel": "x"}}, "channel"),
        ({"inbound": True}, "inbound"),
        ({"web__enabled": True}, "channel"),
    ],
    ids=str,
)
def test_wrong_values_are_refused_by_name(helm: Helm, wrong: dict[str, object], named: str) -> None:
    with pytest.raises(HelmError, match=named):
        helm.objects("relay", CHART, **wrong)


def test_helm_finds_what_is_wrong_with_a_chart(helm: Helm, tmp_path: Path) -> None:
    chart = tmp_path / "pgp-relay"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: pgp-relay\nversion: one\n")

    with pytest.raises(HelmError, match="not a valid SemVer"):
        helm.lint(chart)


def test_without_values_the_relay_asks_who_may_connect(helm: Helm, tmp_path: Path) -> None:
    helm.lint(CHART)
    objects = _named(helm.objects("relay", CHART))

    with pytest.raises(ConfigError, match="allow names the loopback alone"):
        load(_installed(objects, "relay", _container(objects, "relay"), tmp_path))


def test_the_chart_is_for_this_version_of_the_relay() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_bytes())

    assert (chart["version"], chart["appVersion"]) == (project, project)


def _named(objects: list[dict[str, Any]]) -> Objects:
    return {f"{each['kind']} {each['metadata']['name']}": each for each in objects}


def _container(objects: Objects, name: str) -> dict[str, Any]:
    (container,) = objects[f"StatefulSet {name}"]["spec"]["template"]["spec"]["containers"]
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    described = objects[f"StatefulSet {name}"]["spec"]
    assert mounted == {volume["name"] for volume in described["template"]["spec"]["volumes"]} | {
        claim["metadata"]["name"] for claim in described["volumeClaimTemplates"]
    }
    assert isinstance(container, dict)
    return container


def _installed(objects: Objects, name: str, container: dict[str, Any], folder: Path) -> Path:
    """The configuration as a file, and every file that it names as in the pod: the relay's group may read it."""
    text = objects[f"ConfigMap {name}"]["data"]["config.yaml"]
    mounted = [mount["mountPath"] for mount in container["volumeMounts"] if mount["mountPath"].startswith(SECRETS)]
    for place in re.findall(rf"{SECRETS}/[\w./-]+", text):
        assert any(place.startswith(f"{mount}/") for mount in mounted), place
        file = folder / place.removeprefix("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o440)
    folder.mkdir(exist_ok=True)
    config = folder / "config.yaml"
    config.write_text(text.replace(SECRETS, f"{folder}{SECRETS}"))
    return config


def _secrets(objects: Objects, name: str) -> set[str]:
    volumes = objects[f"StatefulSet {name}"]["spec"]["template"]["spec"]["volumes"]
    return {volume["secret"]["secretName"] for volume in volumes if "secret" in volume}
