"""Builds and runs our programs for scripts: a package's name goes in, its program or a running server comes out. Standard library only."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time

from wheels import ROOT, FetchError

# The encoders of models/artefacts: the one to use, and one of a sixteenth of its arithmetic where speed is what is looked at.
BEST, SMALL = "simclr-cifar10-resnet18", "simclr-cifar10-resnet18-w025"


def build(package, binary):
    """The release program of a package, built if need be."""
    return program(binary, "build", "-p", package, "--bin", binary)


def tested(binary, flags=""):
    """The program as `cargo test` of the whole workspace makes it for the tests, with these flags; after the tests nothing is left to build."""
    return program(binary, "test", "--workspace", *flags.split(), "--no-run")


def program(binary, command, *words):
    """Runs cargo, which says where it put the program."""
    if shutil.which("cargo") is None:
        raise FetchError("cargo is not installed: get Rust 1.92 or newer (https://rustup.rs) and run this again")
    words = ["cargo", command, "--release", "--locked", *words, "--message-format=json-render-diagnostics"]
    result = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if result.returncode != 0:
        raise FetchError(f"cargo could not build {binary}; its own message stands above")
    messages = (json.loads(line) for line in result.stdout.splitlines() if line.startswith("{"))
    made = (message for message in messages if message.get("executable") and message["target"]["name"] == binary)
    return next(message["executable"] for message in made if not message["profile"]["test"])


def shipped_encoder(name=BEST):
    """The folder of an encoder of models/artefacts."""
    folder = ROOT / "models" / "artefacts" / name
    if not (folder / "card.toml").is_file():
        raise FetchError(f"{folder} holds no encoder: fetch the whole repository, or name another with MODEL=folder")
    return folder


def free_port(preferred=0):
    """`preferred` if nothing listens there, else any free port of the loopback address."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise FetchError("no free port on 127.0.0.1")


class ServiceError(Exception):
    """An answer that is not 2xx: its status and the server's own message."""

    def __init__(self, status, message):
        super().__init__(f"{status}: {message}")
        self.status = status


class Client:
    """Speaks JSON to a server on this machine, over one connection kept open."""

    def __init__(self, port):
        self.port, self.connection = port, None

    def request(self, method, path, body=None, kind="application/json"):
        """The decoded JSON answer; a dict or list as body is sent as JSON, bytes as they are."""
        data = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            self.connection.request(method, path, data, {"content-type": kind} if data is not None else {})
            answer = self.connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        decoded = _decode(text)
        if answer.status >= 300:
            message = decoded.get("error", {}).get("message") if isinstance(decoded, dict) else None
            raise ServiceError(answer.status, message or text[:200].decode(errors="replace"))
        return decoded

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class Server(Client):
    """A running simclr-serve; `stop` ends it as Ctrl-C would."""

    def __init__(self, program, model, data_folder, port, extra=()):
        data_folder.mkdir(parents=True, exist_ok=True)
        super().__init__(port)
        self.log_path = data_folder / "server.log"
        self.command = [program, "--model", str(model), "--data-dir", str(data_folder), "--listen", f"127.0.0.1:{port}"]
        self.start(extra)

    def start(self, extra=()):
        with open(self.log_path, "w") as log:
            # A session of its own: Ctrl-C reaches this script first, which then stops the server in order.
            command = [*self.command, *extra]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT, start_new_session=True)

    def restart(self, extra=()):
        """Stops the server in order and starts it on the same data, with other options if need be."""
        status = self.stop()
        if status != 0:
            raise FetchError(f"the server ended with {status}; the end of its log:\n{self.log_tail()}")
        self.start(extra)
        self.wait_ready()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}"

    def wait_ready(self, seconds=60):
        """Returns once the server says it is ready; raises with its log when it ends or takes longer."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise FetchError(f"the server ended at once; the end of {self.log_path}:\n{self.log_tail()}")
            try:
                self.request("GET", "/health/ready")
                return
            except (OSError, http.client.HTTPException, ServiceError):
                self.close()
                time.sleep(0.1)
        raise FetchError(f"the server was not ready after {seconds} s; the end of {self.log_path}:\n{self.log_tail()}")

    def log_tail(self):
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-12:])

    def stop(self):
        """Asks the server to finish what it has and leave; returns its exit status."""
        self.close()
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGINT)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait()


def _decode(text):
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None
