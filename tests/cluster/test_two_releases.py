"""Two releases in one namespace: the second has a prefix, a path, an arbitrary user and an object store."""

import json

from cluster.cluster import Cluster

WEST = {
    "global.fullnameOverride": "west",
    # as OpenShift gives a namespace: a user of its own, the root group
    "global.podSecurityContext.runAsUser": "1000650000",
    "global.podSecurityContext.runAsGroup": "0",
    "global.podSecurityContext.fsGroup": "1000650000",
    "backend.replicas": "1",
    "frontend.replicas": "1",
    "frontend.service.type": "ClusterIP",
    "frontend.basePath": "/crime",
    "networkPolicy.enabled": "true",
    "mlflow.artifactRoot": "s3://west/models",
}
TRACES = {  # a policy of one's own: where the backend's traces go is not the chart's to know
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "west-traces"},
    "spec": {
        "podSelector": {"matchLabels": {"app.kubernetes.io/name": "backend", "app.kubernetes.io/instance": "west"}},
        "policyTypes": ["Egress"],
        "egress": [{}],
    },
}
SERVICES = {
    f"{prefix}{part}": (f"{prefix}{part}-service", port)
    for prefix in ("", "west-")
    for part, port in (("backend", "5000"), ("mlflow", "5000"), ("frontend", "8501"))
}


def serving(cluster: Cluster, service: str) -> list[str]:
    """The pods behind a service."""
    slices = cluster.get("endpointslices", "-l", f"kubernetes.io/service-name={service}")["items"]
    return [endpoint["targetRef"]["name"] for each in slices for endpoint in each["endpoints"] or ()]


def test_a_second_release_lives_beside_the_first(release: Cluster) -> None:
    before = {pod["metadata"]["name"] for pod in release.pods("backend") + release.pods("frontend")}
    values = ",".join(f"{name}={value}" for name, value in WEST.items())
    release.helm(
        "install", "west", "charts/crime-prediction", "--wait", "--timeout", "180s",
        "--set", values, "--set-json", f"extraObjects={json.dumps([TRACES])}",
    )  # fmt: skip
    try:
        output = release.helm("test", "west", "--logs")
        assert output.count("Phase:          Succeeded") == 2
        assert "west-test-backend" in output
        for part, pods in (("backend", 3), ("frontend", 3), ("mlflow", 1)):
            first, west = serving(release, f"{part}-service"), serving(release, f"west-{part}-service")
            assert len(first) == pods
            assert len(west) == 1
            assert all(name.startswith(f"{part}-deployment-") for name in first)
            assert west[0].startswith(f"west-{part}-deployment-")
        assert "//west-mlflow-service" in release.ask("/ready", pod="deployment/west-backend-deployment")["registry"]
        assert "//mlflow-service" in release.ask("/ready")["registry"]
        user = release.kubectl("exec", "deployment/west-mlflow-deployment", "--", "id", "-u").strip()
        assert user == "1000650000"
        # policies are of one release, let a registry out to a store that is set, and add up with one's own
        outside = {"outside": ("kubernetes.default", "443")}
        anywhere = {"outside", "frontend", "west-frontend"}
        for part, reached in {
            "west-frontend": {"west-backend"},
            "west-backend": {"west-mlflow"} | anywhere,
            "west-mlflow": anywhere,
            "frontend": {"backend"},
            "backend": {"mlflow"},
        }.items():
            others = {name: address for name, address in SERVICES.items() if name != part} | outside
            assert release.reached(f"deployment/{part}-deployment", others) == reached | {"names"}, part
    finally:
        release.helm("uninstall", "west", "--wait", "--timeout", "120s")
    release.until(lambda: release.gone("backend") and release.gone("frontend"))
    release.until(
        lambda: {pod["metadata"]["name"] for pod in release.pods("backend") + release.pods("frontend")} == before
    )
