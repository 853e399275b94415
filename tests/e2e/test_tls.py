"""The gateway under TLS, with a certificate made on the spot."""

import json
import socket
import ssl
import subprocess
import urllib.request
from contextlib import ExitStack

import pytest
from wire import open_socket

import programs
from editor import Editor

MODEL = "gpt2-demo"


def make_certificate(folder, name: str):
    """A certificate for loopback that signs itself, and its key."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}-key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    return certificate, key


@pytest.fixture(scope="module")
def gateway(fleet, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = make_certificate(folder, "first")
    config = {
        "listen": "127.0.0.1:0",
        "routes": [programs.route(MODEL, [fleet.models[MODEL].address])],
        "tls": {"certificate": str(certificate), "key": str(key)},
        "limits": {"handshake_ms": 2000},
    }
    with ExitStack() as stack:
        gateway = programs.start_gateway(config, folder)
        stack.callback(gateway.close)
        gateway.folder, gateway.files = folder, (certificate, key)
        gateway.wait_listening().wait_ready().wait_log("connected")
        yield gateway


def trusting(certificate) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificate)


@pytest.fixture
def context(gateway) -> ssl.SSLContext:
    return trusting(gateway.files[0])


def test_suggestions_and_pages_under_tls(gateway, context):
    with Editor(f"wss://{gateway.address}/{MODEL}", ssl=context) as editor:
        editor.complete("Once", n=3, max_tokens=20)
    with urllib.request.urlopen(f"https://{gateway.address}/v1/models", context=context, timeout=10) as answer:
        assert json.load(answer)["data"][0]["id"] == MODEL


def test_a_stream_that_is_cancelled_and_a_large_frame(gateway, context):
    with Editor(f"wss://{gateway.address}/{MODEL}", ssl=context) as editor:
        request = editor.begin(editor.ask("Once", max_tokens=200))
        editor.cancel(request)
        assert editor.finish(request).finished == {0: "cancelled"}
        editor.complete("word " * 12_000, max_tokens=2)


def test_an_editor_that_vanishes_disturbs_nobody(gateway, context):
    with Editor(f"wss://{gateway.address}/{MODEL}", ssl=context) as editor:
        lost = Editor(f"wss://{gateway.address}/{MODEL}", ssl=context)
        lost.begin(lost.ask("Once", max_tokens=200))
        lost.socket.socket.shutdown(socket.SHUT_RDWR)
        editor.complete("Once", max_tokens=2)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_1_2_and_1_3(gateway, context, version):
    context.minimum_version = context.maximum_version = version
    open_socket(f"wss://{gateway.address}/{MODEL}", ssl=context).close()


# Deliberate break: with a minimum of 0 at security level 0 the handshake goes through.
def test_tls_1_1_is_refused(gateway, context):
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError):
        open_socket(f"wss://{gateway.address}/{MODEL}", ssl=context)


def ends_without_an_answer(raw: socket.socket) -> bool:
    raw.settimeout(20)
    try:
        return b"HTTP/" not in raw.recv(4096)
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01\x02\x00", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_who_does_not_shake_hands_is_closed(gateway, said):
    with socket.create_connection((gateway.host, gateway.port), timeout=20) as raw:
        raw.sendall(said)
        assert ends_without_an_answer(raw)


def served_certificate(gateway) -> str:
    return ssl.get_server_certificate((gateway.host, gateway.port), timeout=10).strip()


# Deliberate break: a reload that does not hand the new options to the server keeps serving the first.
def test_a_new_certificate_at_sighup(gateway, context):
    certificate, key = gateway.files
    first = certificate.read_text(), key.read_text()
    second = make_certificate(gateway.folder, "second")
    with Editor(f"wss://{gateway.address}/{MODEL}", ssl=context) as editor:
        certificate.write_text(second[0].read_text())
        gateway.hang_up("the old configuration stays")  # this certificate is not of that key
        assert served_certificate(gateway) == first[0].strip()
        key.write_text(second[1].read_text())
        gateway.hang_up("new configuration is in use")
        assert served_certificate(gateway) == second[0].read_text().strip()
        editor.complete("Once", max_tokens=2)
    certificate.write_text(first[0])
    key.write_text(first[1])
    gateway.hang_up("new configuration is in use")


@pytest.mark.parametrize("lost", ["certificate", "key"])
def test_a_file_that_is_none_ends_the_start(gateway, tmp_path, lost):
    files = dict(zip(("certificate", "key"), map(str, gateway.files)), **{lost: str(tmp_path / "nothing.pem")})
    config = {"listen": "127.0.0.1:0", "routes": [programs.route("m", ["127.0.0.1:1"])], "tls": files}
    for text in (None, "no PEM"):
        if text:
            (tmp_path / "nothing.pem").write_text(text)
        started = programs.start_gateway(config, tmp_path)
        assert started.process.wait(programs.STOP_S) == 1
        assert started.errors().splitlines()[-1].startswith(f"error: {tmp_path}/nothing.pem: ")
        started.close()


def test_sigterm_says_goodbye_under_tls(gateway, tmp_path):
    config = json.loads((gateway.folder / "gateway.json").read_text())
    own = programs.start_gateway(config, tmp_path).wait_listening().wait_ready()
    own.wait_log("connected")
    try:
        with open_socket(f"wss://{own.address}/{MODEL}", ssl=trusting(gateway.files[0])) as editor:
            assert own.terminate() == 0
            with pytest.raises(Exception):
                editor.recv(timeout=10)
            assert editor.close_code == 1012
    finally:
        own.close()
