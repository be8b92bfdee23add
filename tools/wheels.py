"""Fetches pinned files of the Python registry: a wheel goes in by name, version and sha256, a verified file comes out.

Only pip talks to the network, so mirrors, proxies and certificates are whatever the user's pip is set up with. Knows nothing of what
is inside a wheel or of who wants it. Standard library only.
"""

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
THIRD_PARTY = ROOT / "third_party"
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_25_x86_64", "manylinux_2_24_x86_64", "manylinux2014_x86_64")


class FetchError(Exception):
    """What was wrong, where, and what to do about it."""


@dataclass(frozen=True)
class Wheel:
    """One file of the registry; `file` is its exact name there, `megabytes` its size for messages and disk checks."""

    name: str
    version: str
    sha256: str
    file: str
    megabytes: int


def require_linux_x86_64():
    """The libraries are those of one platform; another one gets a sentence instead of a loader's error an hour later."""
    machine = f"{platform.system()} {platform.machine()}"
    if machine != "Linux x86_64":
        raise FetchError(f"this machine is {machine}; the pinned libraries exist for Linux x86_64 (glibc 2.28 or newer) only")


def require_space(folder, megabytes):
    """Refuses to start what cannot be finished."""
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free // 1_000_000
    if free < megabytes:
        raise FetchError(f"{folder} has {free} MB free and about {megabytes} MB are needed: free some space and run this again")


def digest(path):
    """The sha256 of a file, in hex."""
    sha = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            sha.update(block)
    return sha.hexdigest()


def fetch(wheel, cache):
    """The wheel's path inside `cache`: taken from there if it is whole, otherwise downloaded by pip and checked."""
    path = cache / wheel.file
    if path.exists():
        if digest(path) == wheel.sha256:
            return path
        path.unlink()
    print(f"fetching {wheel.name} {wheel.version} ({wheel.megabytes} MB)", flush=True)
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".making-") as folder:
        _pip_download(wheel, Path(folder))
        got = Path(folder) / wheel.file
        if not got.exists() or digest(got) != wheel.sha256:
            raise FetchError(f"pip brought something else than {wheel.file} with sha256 {wheel.sha256}; nothing was installed")
        got.rename(path)
    return path


def _pip_download(wheel, folder):
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}\n")
    pip = [sys.executable, "-m", "pip"]
    if subprocess.run([*pip, "--version"], capture_output=True).returncode != 0:
        raise FetchError(f"{sys.executable} has no pip: install it (Debian, Ubuntu: apt install python3-pip) and run this again")
    # Platform and Python version are named so that the same file is chosen whatever Python runs this script.
    platforms = [word for name in PLATFORMS for word in ("--platform", name)]
    command = [*pip, "download", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--require-hashes"]
    command += ["--python-version", "3.12", "--implementation", "cp", *platforms, "-d", str(folder), "-r", str(wanted)]
    quiet = [] if sys.stdout.isatty() else ["-q"]
    result = subprocess.run(command + quiet, stderr=subprocess.PIPE, text=True)
    if result.returncode != 0:
        lines = [line for line in result.stderr.splitlines() if line.strip() and not line.startswith("WARNING: Location")]
        raise FetchError(
            "pip could not fetch it:\n  "
            + "\n  ".join(lines[-4:])
            + f"\nIf this machine is offline, put {wheel.file} into {folder.parent} by hand and run this again; "
            "finished downloads are kept there."
        )


def unpack(wheel_path, folder, wanted):
    """Extracts the members that `wanted(name)` maps to a relative path; a member mapped to None stays behind."""
    with zipfile.ZipFile(wheel_path) as archive:
        for member in archive.infolist():
            target = None if member.is_dir() else wanted(member.filename)
            if target is None:
                continue
            path = folder / target
            path.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(member) as source, open(path, "wb") as sink:
                shutil.copyfileobj(source, sink, 1 << 20)


@contextmanager
def exclusive(folder):
    """Lets one process at a time write below `folder`; the others wait for it, and then find the work done."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left_over in [*folder.glob(".making-*"), *folder.glob("wheels/.making-*")]:
            shutil.rmtree(left_over)  # of a run that was killed
        yield


def venv(folder, requirements):
    """A private Python with exactly the packages of the file `requirements` (versions pinned there); returns its interpreter."""
    python = folder / "bin" / "python"
    stamp = folder / ".stamp"
    pinned = requirements.read_text()
    if stamp.exists() and stamp.read_text() == pinned and python.exists():
        return python
    shutil.rmtree(folder, ignore_errors=True)
    print(f"installing {', '.join(line.split()[0] for line in pinned.splitlines() if line[:1].isalpha())}", flush=True)
    made = subprocess.run([sys.executable, "-m", "venv", str(folder)], capture_output=True, text=True)
    if made.returncode != 0:
        raise FetchError(f"python3 -m venv failed (Debian, Ubuntu: apt install python3-venv):\n  {made.stdout.strip()[-400:]}")
    command = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]
    result = subprocess.run([*command, "-r", str(requirements)], stderr=subprocess.PIPE, text=True)
    if result.returncode != 0:
        raise FetchError("pip could not install them:\n  " + "\n  ".join(result.stderr.strip().splitlines()[-4:]))
    stamp.write_text(pinned)
    return python


def swap_in(fresh, final):
    """Puts a finished folder in place of an old one, so that a stopped run never leaves half of one."""
    if final.exists():
        shutil.rmtree(final)
    os.rename(fresh, final)
