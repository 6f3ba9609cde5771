"""examples/kubernetes: every object is one that Kubernetes takes, and the configuration in it is one that starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # it says nothing of its types
import pytest
import yaml

from relay.config import Config, parse

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "kubernetes"
OBJECTS: list[dict[str, Any]] = list(yaml.safe_load_all((EXAMPLE / "relay.yaml").read_bytes()))
BY_KIND = {each["kind"]: each for each in OBJECTS}
POD = BY_KIND["StatefulSet"]["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]
SECRETS = "/etc/pgp-relay-secrets"
CONFIG = BY_KIND["ConfigMap"]["data"]["config.yaml"].encode()


@pytest.mark.parametrize("described", OBJECTS, ids=lambda each: each["kind"])
def test_kubernetes_knows_every_field(described: dict[str, Any]) -> None:
    kubernetes_validate.validate(described, "1.31", strict=True)


def test_a_field_that_kubernetes_does_not_know_is_found() -> None:
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**BY_KIND["Service"], "spce": {}}, "1.31", strict=True)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """As in the pod: the secret is of root, and the relay's group may read it."""
    for name in ("password", "ca.pem"):
        (tmp_path / name).touch(mode=0o440)
    return parse(CONFIG.replace(SECRETS.encode(), bytes(tmp_path)), Path("/etc/pgp-relay/config.yaml"))


def test_the_pod_has_the_places_and_ports_that_the_configuration_names(config: Config) -> None:
    mounts = {mount["name"]: mount["mountPath"] for mount in CONTAINER["volumeMounts"]}
    ports = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}

    assert config.keyring.is_relative_to(mounts["state"])
    assert mounts["secrets"] == SECRETS
    assert CONFIG.count(f"{SECRETS}/".encode()) == 2
    assert [place.port for place in config.listen] == [ports["smtp"]]
    assert config.metrics is not None
    assert (config.metrics.port, config.nodes) == (ports["metrics"], "strict")
    assert set(mounts) == {volume["name"] for volume in POD["volumes"]} | {
        claim["metadata"]["name"] for claim in BY_KIND["StatefulSet"]["spec"]["volumeClaimTemplates"]
    }


def test_the_pod_stops_no_sooner_than_the_relay_and_has_no_rights(config: Config) -> None:
    assert POD["terminationGracePeriodSeconds"] > config.deadlines.stop
    assert POD["securityContext"]["runAsNonRoot"]
    for container in (CONTAINER, *POD["initContainers"]):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
