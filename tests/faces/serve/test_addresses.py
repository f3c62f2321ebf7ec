"""The other addresses: models, health, metrics, OpenAPI, and the page."""

import subprocess

import httpx
import numpy as np
import pytest
from support.serving import MODEL, ended, serving
from websockets.sync.client import connect

from undin import load
from undin.client import RemoteStream
from undin.serve.app import NO_PAGE

pytestmark = pytest.mark.needs("server")
OPTIONS = ("--streams", "2")


def test_models_say_what_they_cost(server):
    (model,) = server.get("/models").json()["models"]
    metadata = load(MODEL).metadata
    assert model["name"] == MODEL and model["is_default"]
    assert (model["sample_rate"], model["latency_samples"]) == (metadata.sample_rate, metadata.latency_samples)
    assert 0 < model["milliseconds_a_second"] < 100


def test_health_and_metrics_follow_the_voices(server):
    assert server.get("/healthz").json() == {"state": "ready"}
    before = server.metric("undin_audio_seconds_total")
    with RemoteStream(server.ws) as one, RemoteStream(server.ws) as other:
        for _ in range(10):
            one.process(np.zeros(320, np.float32))
            other.process(np.zeros(320, np.float32))
        assert server.metric("undin_streams") == 2 and server.metric("undin_load_ratio") == 1
        response = server.get("/healthz")
        assert (response.status_code, response.json()) == (503, {"state": "full"})
        assert server.metric("undin_audio_seconds_total") == pytest.approx(before + 0.4)
        assert server.metric("undin_answer_seconds_count") >= 20
        assert 0 < server.metric("undin_real_time_factor") < 0.5
    server.wait_until("undin_streams", 0)
    assert server.get("/healthz").status_code == 200


def test_openapi_is_told_for_programs_and_people(server):
    told = server.get("/openapi.json").json()
    assert told["openapi"] == "3.1.0" and set(told["paths"]) == {"/enhance", "/models", "/healthz", "/metrics"}
    names = {one["name"] for one in told["paths"]["/enhance"]["post"]["parameters"]}
    assert names == {"model", "sample_rate", "channels", "encoding", "atten_lim_db", "bypass"}
    page = server.get("/docs").text
    assert "POST /enhance" in page and "atten_lim_db" in page and "http://" not in page and "<script" not in page


def test_the_page_or_how_to_build_it(server, tmp_path):
    text = server.get("/").text
    assert "<title>" in text or text == NO_PAGE
    page = tmp_path / "page"
    page.mkdir()
    (page / "index.html").write_text("<title>mine</title>")
    (page / "one.js").write_text("export {};")
    with serving(tmp_path, "--page", str(page), "--streams", "1") as other:
        assert other.get("/").text == "<title>mine</title>"
        assert other.get("/one.js").headers["content-type"].startswith("text/javascript")
        assert other.get("/../server.log").status_code == 404
        assert other.get("/%2e%2e/server.log").status_code == 404
        assert other.get("/models").json()["models"]


def test_pages_of_others_may_not_come_in_without_a_token(server, tmp_path):
    with connect(f"{server.ws}/stream", origin="https://example.org") as socket:
        error, code = ended(socket)
    assert (error["code"], code) == ("forbidden", 1008)
    response = httpx.post(f"{server.http}/enhance", content=b"", headers={"Origin": "https://example.org"})
    assert response.status_code == 403 and response.json()["error"]["code"] == "forbidden"
    with connect(f"{server.ws}/stream", origin=server.http) as socket:
        socket.send("{}")
        assert "opened" in socket.recv()
    with serving(tmp_path, "--origin", "https://example.org", "--streams", "1") as other:
        with connect(f"{other.ws}/stream", origin="https://example.org") as socket:
            socket.send("{}")
            assert "opened" in socket.recv()


@pytest.mark.needs("openssl")
def test_tls_and_a_capacity_that_is_measured(tmp_path, monkeypatch):
    files = {name: str(tmp_path / f"{name}.pem") for name in ("key", "certificate")}
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", files["key"], "-out", files["certificate"]]
    subprocess.run(command, check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", files["certificate"])
    with serving(tmp_path, "--ssl-certfile", files["certificate"], "--ssl-keyfile", files["key"]) as server:
        with RemoteStream(f"wss://{server.host}") as stream:
            assert len(stream.process(np.zeros(3_200, np.float32))) == 3_200
        assert server.metric("undin_capacity") >= 2 and server.metric("undin_streams_opened_total") == 1
    assert "kept in time" in server.log.read_text()
