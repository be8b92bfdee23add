"""Runs every example of a page against a running server: `documentation.py ADDRESS PAGE NODE_FOLDER`, in a folder with cat.jpg and dog.jpg.

A block of sh, python, javascript or rust is run as it stands, but for the address; one of another language is an error. NODE_FOLDER holds
OpenAI's package for JavaScript; where it is `-`, those blocks are not run. Runs inside the environment that tools/clients/run makes.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import yaml

ADDRESS, PAGE, NODE = sys.argv[1:]
ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def shell(number, text):
    # What a reader sees as an error must be one here too.
    return ["bash", "-euo", "pipefail", "-c", text.replace("curl ", "curl -sS --fail-with-body ")]


def python(number, text):
    file = Path(f"example_{number}.py")
    file.write_text(text)
    return [sys.executable, file]


def javascript(number, text):
    if NODE == "-":
        return None
    file = Path(NODE) / f"example_{number}.mjs"
    file.write_text(text)
    return ["node", file]


def rust(number, text):
    """A program of its own, as a reader would have it, with the workspace's versions."""
    project = Path(f"example_{number}")
    (project / "src").mkdir(parents=True)
    (project / "src" / "main.rs").write_text(text)
    manifest = '[package]\nname = "example"\nedition = "2024"\n\n[dependencies]\n'
    (project / "Cargo.toml").write_text(f'{manifest}simclr-client = {{ path = "{ROOT}/serve/client" }}\n\n[workspace]\n')
    shutil.copy(ROOT / "Cargo.lock", project)
    os.environ["CARGO_TARGET_DIR"] = str(ROOT / "target" / "clients" / "rust")
    return ["cargo", "run", "--quiet", "--release", "--manifest-path", project / "Cargo.toml"]


def check_manifests():
    """Every Kubernetes example is YAML, names what it makes, and its selectors find its pods."""
    for file in sorted((ROOT / "docs" / "examples").rglob("kubernetes*.yaml")):
        objects = list(yaml.safe_load_all(file.read_text()))
        labels = [one["spec"]["template"].get("metadata", {}).get("labels", {}) for one in objects if one["kind"] in ("Deployment", "Job")]
        for one in objects:
            assert {"apiVersion", "kind", "metadata", "spec"} <= one.keys() and one["metadata"]["name"], f"{file}: {one.get('kind')}"
            selector = one["spec"].get("selector", {})
            selector = selector.get("matchLabels", selector)
            assert any(selector.items() <= pod.items() for pod in labels) or not selector, f"{file}: {one['kind']} selects {selector}"
        print(f"  ok yaml: {file.name}: {', '.join(one['kind'] for one in objects)}")


RUN = {"sh": shell, "python": python, "javascript": javascript, "rust": rust}


def main():
    blocks, failed, ran = BLOCK.findall(Path(PAGE).read_text()), 0, set()
    for number, (language, text) in enumerate(blocks):
        text = text.replace("http://localhost:8080", ADDRESS).replace("localhost:8080", ADDRESS.removeprefix("http://"))
        first = text.splitlines()[0][:90]
        if language not in RUN:
            sys.exit(f"{PAGE}: a block of {language!r} cannot be run; it begins with {first}")
        command = RUN[language](number, text)
        if command is None:
            print(f"  SKIPPED {language}: {first}")
            continue
        done = subprocess.run(command, capture_output=True, text=True)
        print(f"  {'ok' if done.returncode == 0 else 'FAILED'} {language}: {first}", flush=True)
        ran.add(language)
        if done.returncode != 0:
            failed += 1
            print(done.stdout[-2000:], done.stderr[-2000:], sep="\n")
    check_manifests()
    assert {"sh", "python", "rust"} <= ran, f"{PAGE} shows only {ran}"
    rows = np.load("rows.npy")
    assert rows.shape[0] == 1 and np.allclose(rows, np.fromfile("rows", "<f4").reshape(rows.shape)), "rows.npy and rows differ"
    sys.exit(1 if failed else 0)


main()
