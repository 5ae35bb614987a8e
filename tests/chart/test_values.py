"""Each value of the schema is described and has an effect; those of `global` reach every pod."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

CHART = Path(__file__).parents[2] / "charts/crime-prediction"
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text())
COMPONENTS = ("backend", "frontend", "mlflow", "training", "backup", "dask")
EVERY_OBJECT = {
    "frontend": {"ingress": {"enabled": True}, "httpRoute": {"enabled": True, "parentRefs": [{"name": "gateway"}]}},
    "dask": {"enabled": True},
    "backup": {"schedule": "@daily", "claim": "backups"},
    "monitoring": {"serviceMonitor": True, "rules": True, "dashboard": True, "webhookSecret": "webhook"},
    "networkPolicy": {"enabled": True},
}
PARTS = {"watch": "training"}  # whose settings a pod has that is not named like them
# a pod setting: what `global` says, what a component says over it, and what its pods then have
SETTINGS: dict[str, tuple[Any, Any, Any]] = {
    "env": (
        {"ZONE": "all", "BYTES": 419430400},
        {"ZONE": {"valueFrom": {"secretKeyRef": {"name": "zones", "key": "own"}}}},
        [
            {"name": "BYTES", "value": "419430400"},
            {"name": "ZONE", "valueFrom": {"secretKeyRef": {"name": "zones", "key": "own"}}},
        ],
    ),
    "podLabels": ({"zone": "all", "team": "analysis"}, {"zone": "own"}, {"zone": "own", "team": "analysis"}),
    "podAnnotations": ({"zone": "all"}, {"zone": "own"}, {"zone": "own"}),
    "imagePullSecrets": (["all"], ["own"], [{"name": "own"}]),
    "podSecurityContext": (
        {"runAsUser": None, "fsGroup": 1},
        {"fsGroup": 1000650000},
        {
            "runAsNonRoot": True,
            "runAsGroup": 65532,
            "fsGroup": 1000650000,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    ),
    "containerSecurityContext": (
        {"runAsUser": 1},
        {"runAsUser": None, "readOnlyRootFilesystem": False},
        {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": False, "capabilities": {"drop": ["ALL"]}},
    ),
    "nodeSelector": ({"zone": "all", "disk": "fast"}, {"zone": "own"}, {"zone": "own", "disk": "fast"}),
    "tolerations": ([{"key": "all"}], [{"key": "own"}], [{"key": "own"}]),
    "affinity": ({"nodeAffinity": {}}, {"podAffinity": {}}, {"nodeAffinity": {}, "podAffinity": {}}),
    "priorityClassName": ("all", "own", "own"),
}


# what a value needs beside it to have an effect, or to be accepted
SIGN_IN = {"clientId": "crime-page", "secret": "crime-sign-in", "pageUrl": "http://crime.example"}
NONE_TO_USE = {"dask": {"enabled": False}, "backup": {"schedule": ""}, "monitoring": {"webhookSecret": ""}}
NO_REGISTRY = {"mlflow": {"enabled": False}} | NONE_TO_USE
NEEDED: dict[str, dict[str, Any]] = {
    "mlflow.enabled": NONE_TO_USE,
    "backup.s3": {"backup": {"claim": "", "s3": "s3://others"}},
    "global.trackingUri": NO_REGISTRY,
    "global.dask": {"dask": {"enabled": False}},
    "frontend.tiles.attribution": {"frontend": {"tiles": {"url": "https://tiles.example.org/{z}/{x}/{y}"}}},
}


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema with what its references say; its own words go over them."""
    while "$ref" in schema:
        target = SCHEMA["definitions"][schema["$ref"].rsplit("/", 1)[1]]
        schema = target | {key: value for key, value in schema.items() if key != "$ref"}
    return schema


def values(schema: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """All values below a schema with their paths.

    Not what Helm itself writes, a subchart's `global` and any `exports`, and not refusals.
    """
    for name, part in schema.get("properties", {}).items():
        part = resolved(part)
        if "const" in part or (path and name in ("global", "exports")):
            continue
        yield (*path, name), part
        yield from values(part, (*path, name))


VALUES = {".".join(path): schema for path, schema in values(SCHEMA)}
LEAVES = {path: schema for path, schema in VALUES.items() if schema.get("additionalProperties") is not False}


def nested(path: str, value: Any) -> dict[str, Any]:
    for name in reversed(path.split(".")):
        value = {name: value}
    return value  # type: ignore[no-any-return]


def merged(*layers: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            both = isinstance(value, dict) and isinstance(result.get(key), dict)
            result[key] = merged(result[key], value) if both else value
    return result


@cache
def _rendered(values_text: str, release: str = "crime") -> str:
    if not shutil.which("helm"):
        pytest.skip("no helm here: scripts/tools installs it")
    command = ["helm", "template", release, str(CHART), "--kube-version", "1.30", "-f", "-"]
    done = subprocess.run(command, input=values_text, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rendered(*layers: dict[str, Any], release: str = "crime") -> str:
    """What Helm makes of values, the later over the earlier."""
    return _rendered(yaml.safe_dump(merged(*layers)), release)


def objects(*layers: dict[str, Any], release: str = "crime") -> list[dict[str, Any]]:
    return [found for found in yaml.safe_load_all(rendered(*layers, release=release)) if found]


def pods(*layers: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The pods that objects make, by the object's name."""
    found = {}
    for each in objects(EVERY_OBJECT, *layers):
        if each["kind"] == "Pod":
            pod = each
        elif each["kind"] == "Deployment":
            pod = each["spec"]["template"]
        elif each["kind"] == "CronJob":
            pod = each["spec"]["jobTemplate"]["spec"]["template"]
        else:
            continue
        found[each["metadata"]["name"]] = pod
    return found


def setting_of(pod: dict[str, Any], name: str) -> Any:
    """What a pod has of a setting; of maps of names and labels only the keys that this test sets."""
    spec, container = pod["spec"], pod["spec"]["containers"][0]
    if name == "env":
        return [variable for variable in container.get("env", ()) if variable["name"] in ("ZONE", "BYTES")]
    if name == "containerSecurityContext":
        return container["securityContext"]
    if name == "podSecurityContext":
        return spec["securityContext"]
    if name in ("podLabels", "podAnnotations"):
        labels = pod["metadata"][name.removeprefix("pod").lower()]
        return {key: labels[key] for key in ("zone", "team") if key in labels}
    return spec[name]


def other_value(path: str, schema: dict[str, Any]) -> Any:
    """A value that the schema allows and that is not the default."""
    default: Any = merged(DEFAULTS, EVERY_OBJECT)
    for name in path.split("."):
        default = (default or {}).get(name)
    if examples := schema.get("examples"):
        return next(value for value in examples if value != default)
    if options := schema.get("enum"):
        return next(value for value in options if value != default)
    if schema["type"] == "string":
        return "other"
    return not default if schema["type"] == "boolean" else (default or 0) + 1


def test_each_value_is_described() -> None:
    assert [path for path, schema in VALUES.items() if len(schema.get("description", "")) < 5] == []


def test_each_default_is_in_the_schema() -> None:
    def leaves(values: dict[str, Any], path: str = "") -> Iterator[str]:
        for name, value in values.items():
            here = f"{path}{name}"
            yield from leaves(value, f"{here}.") if isinstance(value, dict) and here not in LEAVES else [here]

    assert [path for path in leaves(DEFAULTS) if path not in LEAVES] == []


@pytest.mark.parametrize("path", LEAVES)
def test_each_value_has_an_effect(path: str) -> None:
    part, _, name = path.rpartition(".")
    # the bounds of a scale that is off have none
    needed = NEEDED.get(path, {})
    if part.endswith(".autoscaling") and name != "enabled":
        needed = nested(f"{part}.enabled", True)
    if part.startswith("global.signIn"):
        needed = {"global": {"signIn": SIGN_IN | ({} if name == "issuer" else {"issuer": "https://login.example"})}}
    changed = nested(path, other_value(path, LEAVES[path]))
    assert rendered(EVERY_OBJECT, needed, changed) != rendered(EVERY_OBJECT, needed)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_global_setting_reaches_every_pod_and_a_components_own_goes_over_it(name: str) -> None:
    of_all, own, outcome = SETTINGS[name]
    everywhere = pods({"global": {name: of_all}})
    assert len(everywhere) == 10
    before = pods()
    for component in COMPONENTS:
        changed = pods({"global": {name: of_all}, component: {name: own}})
        for pod in changed:
            if component in PARTS.get(pod, pod):
                assert setting_of(changed[pod], name) == outcome, pod
            else:
                assert setting_of(changed[pod], name) == setting_of(everywhere[pod], name), pod
                assert changed[pod] != before[pod]


def test_a_variable_that_the_chart_sets_is_refused_in_env() -> None:
    """Or a pod would have two of one name."""
    everything = {
        "global": {"signIn": SIGN_IN | {"issuer": "https://login.example"}},
        "backend": {"tokenSecret": "token"},
        "frontend": {"basePath": "/crime", "tlsSecret": "page-tls", "tiles": {"url": "https://a/{z}/{x}/{y}"}},
    }
    own = {
        variable["name"]
        for pod in pods(everything).values()
        for variable in pod["spec"]["containers"][0].get("env", ())
        if variable["name"] not in DEFAULTS["dask"]["env"]
    }
    assert {"BACKEND_URL", "CRIME_DASK", "MLFLOW_BACKEND_STORE_URI"} < own
    env = SCHEMA["definitions"]["env"]["properties"]
    assert own == {name for name in env if "const" in env[name]} - {"true", "false"}


def test_names_that_yaml_takes_for_something_else_stay_text() -> None:
    odd = {
        "global": {
            "env": {"NO": "1e3"},
            "imagePullSecrets": ["no"],
            "nodeSelector": {"on": "off"},
            "priorityClassName": "1",
        },
        "backend": {"tokenSecret": "2"},
        "frontend": {"tlsSecret": "3", "ingress": {"className": "4", "tls": [{"secretName": "5"}]}},
        "mlflow": {"secret": "6", "persistence": {"storageClassName": "7"}},
        "training": {"secret": "8", "claim": "9"},
        "backup": {"secret": "11", "claim": "12"},
        "monitoring": {"webhookSecret": "10"},
    }
    release = objects(EVERY_OBJECT, odd, release="123")

    def unlike_text(part: Any, path: str = "") -> Iterator[str]:
        """Paths of names and labels that are no text."""
        if isinstance(part, dict):
            for key, value in part.items():
                names = key in ("name", "value", "image") or key.endswith(("Name", "labels", "matchLabels"))
                if not isinstance(key, str) or (names and not isinstance(value, str | dict)):
                    yield f"{path}.{key}"
                yield from unlike_text(value, f"{path}.{key}")
            if path.endswith(("abels", "nodeSelector")):
                yield from (f"{path}.{key}" for key, value in part.items() if not isinstance(value, str))
        elif isinstance(part, list):
            for value in part:
                yield from unlike_text(value, path)

    assert [path for each in release for path in unlike_text(each, each["kind"])] == []


def test_one_registry_and_a_digest() -> None:
    digest = "sha256:" + "0" * 64
    found = pods(
        {"global": {"imageRegistry": "registry.example/crime"}},
        {"mlflow": {"image": {"registry": "other.example"}}, "backend": {"image": {"digest": digest}}},
        {"frontend": {"image": {"tag": ""}}},
    )
    images = {name: pod["spec"]["containers"][0]["image"] for name, pod in found.items()}
    backend = f"registry.example/crime/crime-backend@{digest}"
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
    frontend = f"registry.example/crime/crime-frontend:{version}"
    training = "registry.example/crime/crime-training:dev"
    assert images == {
        "backend-deployment": backend,
        "test-backend": backend,
        "frontend-deployment": frontend,
        "test-frontend": frontend,
        "mlflow-deployment": "other.example/crime-mlflow:dev",
        "training": training,
        "watch": training,
        "backup": training,
        "dask-scheduler": training,
        "dask-worker": training,
    }


def test_an_arbitrary_user_as_openshift_wants_it() -> None:
    free = {"global": {"podSecurityContext": {"runAsUser": None, "runAsGroup": None, "fsGroup": None}}}
    for name, pod in pods(free).items():
        restricted = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
        assert pod["spec"]["securityContext"] == restricted, name


def test_a_prefix_stands_before_every_name_and_changes_nothing_else() -> None:
    west = {"global": {"fullnameOverride": "west"}}
    assert [found["metadata"]["name"] for found in objects(EVERY_OBJECT, west)] == [
        f"west-{found['metadata']['name']}" for found in objects(EVERY_OBJECT)
    ]
    text = rendered(EVERY_OBJECT, west)
    assert text.replace("west-", "") == rendered(EVERY_OBJECT)
    hosts = r"[\w-]*(?:backend-service|backend-pods|frontend-service|mlflow-service|dask-scheduler):"
    assert all(host.startswith("west-") for host in re.findall(hosts, text))


def test_every_object_has_the_labels_of_the_chart() -> None:
    for found in objects(EVERY_OBJECT, {"backend": {"autoscaling": {"enabled": True}}}):
        labels = found["metadata"]["labels"]
        named = {key for key in labels if key.startswith("app.kubernetes.io/")}
        assert len(named) == 5, found["metadata"]["name"]
        assert labels["app.kubernetes.io/instance"] == "crime"


def test_each_template_is_one_object() -> None:
    for template in CHART.rglob("templates/**/*.yaml"):
        lines = template.read_text().splitlines()
        assert lines.count("---") <= (template.name == "extraobjects.yaml"), template
