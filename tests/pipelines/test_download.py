import datetime
import hashlib
import http.server
import io
import ipaddress
import signal
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pipelines.download import cache_folder, mirror_folder, obtain, save, sha256_of
from pipelines.sources import SourceFile
from vaeseq.errors import InputError

CONTENT = b"CCO\nCCN\n" * 1_000
OTHER = hashlib.sha256(b"other").hexdigest()


def source_file(address="https://127.0.0.1:9/toy.smi", **changes):
    facts = {"path": "toy/toy.smi", "sha256": hashlib.sha256(CONTENT).hexdigest(), "bytes": len(CONTENT)}
    return SourceFile(address=address, **(facts | changes))


def put(folder, content=CONTENT):
    path = folder / "toy" / "toy.smi"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def test_the_mirror_comes_before_the_cache(tmp_path):
    mirrored, _ = put(tmp_path / "mirror"), put(tmp_path / "cache")
    assert obtain(source_file(), mirror=tmp_path / "mirror", cache=tmp_path / "cache") == mirrored


def test_the_cache_serves_what_the_mirror_lacks(tmp_path):
    cached = put(tmp_path / "cache")
    assert obtain(source_file(), mirror=tmp_path, cache=tmp_path / "cache") == cached


def test_a_wrong_file_in_the_mirror_names_both_hashes_and_the_file(tmp_path):
    path = put(tmp_path, b"other")
    with pytest.raises(InputError) as error:
        obtain(source_file(), mirror=tmp_path, cache=tmp_path / "cache")
    assert all(part in str(error.value) for part in (OTHER, source_file().sha256, str(path)))


@pytest.mark.parametrize("damage", [CONTENT[:-1], CONTENT + b"x", b"", CONTENT[:-1] + b"x"])
def test_nothing_is_left_of_a_stream_that_is_not_the_file(tmp_path, damage):
    path = tmp_path / "toy" / "toy.smi"
    with pytest.raises(InputError, match=r"127\.0\.0\.1"):
        save(io.BytesIO(damage), source_file(), path, lambda count: None)
    assert list(path.parent.iterdir()) == []


def test_a_stream_without_end_is_left_after_the_stated_bytes(tmp_path):
    class Endless(io.RawIOBase):
        sent = 0

        def read(self, size=-1):
            self.sent += size
            return b"x" * size

    stream = Endless()
    with pytest.raises(InputError, match="sends more"):
        save(stream, source_file(), tmp_path / "toy.smi", lambda count: None)
    assert stream.sent == len(CONTENT) + 1


KILLED = """
import io, os, signal, sys
from pathlib import Path
from pipelines.download import save
from pipelines.sources import SourceFile

class Deadly(io.RawIOBase):
    def read(self, size=-1):
        os.kill(os.getpid(), signal.SIGKILL)

save(Deadly(), SourceFile.model_validate_json(sys.argv[1]), Path(sys.argv[2]), print)
"""


def test_what_a_killed_process_left_is_removed_and_what_another_writes_is_not(tmp_path):
    path = tmp_path / "toy.smi"
    command = [sys.executable, "-c", KILLED, source_file().model_dump_json(), str(path)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    others = []

    class Meanwhile(io.BytesIO):
        def read(self, size=-1):
            if not others:  # another process, which fetches the same file at the same time, and ends first
                others.extend(tmp_path.iterdir())
                save(io.BytesIO(CONTENT), source_file(), path, lambda count: None)
                path.unlink()
            return super().read(size)

    save(Meanwhile(CONTENT), source_file(), path, lambda count: None)
    assert len(others) == 1
    assert left not in others
    assert [each.name for each in tmp_path.iterdir()] == ["toy.smi"]
    assert path.read_bytes() == CONTENT


def test_progress_adds_up(tmp_path):
    counts = []
    save(io.BytesIO(CONTENT), source_file(), tmp_path / "toy.smi", counts.append)
    assert sum(counts) == len(CONTENT)
    assert sha256_of(tmp_path / "toy.smi") == source_file().sha256


def test_without_a_network_the_error_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(InputError, match=r"data\.mirror.*LATENTPATH_MIRROR"):
        obtain(source_file(), mirror=None, cache=tmp_path)


def test_the_variable_wins_over_the_setting(tmp_path, monkeypatch):
    monkeypatch.delenv("LATENTPATH_MIRROR", raising=False)
    assert mirror_folder(None) is None
    (tmp_path / "a").mkdir()
    assert mirror_folder(str(tmp_path / "a")) == tmp_path / "a"
    monkeypatch.setenv("LATENTPATH_MIRROR", str(tmp_path))
    assert mirror_folder(str(tmp_path / "a")) == tmp_path
    for none in (str(tmp_path / "none"), "a" * 300):
        monkeypatch.setenv("LATENTPATH_MIRROR", none)
        with pytest.raises(InputError, match="mirror must be a folder"):
            mirror_folder(None)


def test_the_cache_follows_its_variables(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("LATENTPATH_CACHE", raising=False)
    assert cache_folder() == tmp_path / "latentpath"
    monkeypatch.setenv("LATENTPATH_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"


def test_without_a_home_the_error_says_what_to_do(monkeypatch):
    for name in ("XDG_CACHE_HOME", "LATENTPATH_CACHE"):
        monkeypatch.delenv(name, raising=False)

    def nowhere():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nowhere)
    with pytest.raises(InputError, match="LATENTPATH_CACHE"):
        cache_folder()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", f"https://{self.headers['Host']}/toy.smi")
        elif self.path == "/unsafe":
            self.send_response(302)
            self.send_header("Location", f"http://{self.headers['Host']}/toy.smi")
        else:
            self.send_response(200 if self.path != "/gone" else 404)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT if self.path != "/short" else CONTENT[:100])

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
        .add_extension(address, critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + built.public_bytes(pem)
    )
    return path


@pytest.fixture
def server(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("no_proxy", "*")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("place", ["toy.smi", "moved"])
def test_https_fills_the_cache(server, tmp_path, place):
    path = obtain(source_file(f"{server}/{place}"), mirror=None, cache=tmp_path)
    assert path == tmp_path / "toy" / "toy.smi"
    assert path.read_bytes() == CONTENT
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_damaged_copy_in_the_cache_is_fetched_again(server, tmp_path):
    put(tmp_path, b"damaged")
    assert obtain(source_file(f"{server}/toy.smi"), mirror=None, cache=tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("place", "says"), [("unsafe", "not https"), ("gone", "404"), ("short", r"got [0-9a-f]{64} \(100 bytes\)")]
)
def test_what_goes_wrong_on_the_way_is_an_input_error(server, tmp_path, place, says):
    with pytest.raises(InputError, match=says):
        obtain(source_file(f"{server}/{place}"), mirror=None, cache=tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_another_hash_names_the_address(server, tmp_path):
    with pytest.raises(InputError, match=rf"{server}/toy\.smi.*{OTHER}"):
        obtain(source_file(f"{server}/toy.smi", sha256=OTHER), mirror=None, cache=tmp_path)
