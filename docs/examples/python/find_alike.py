"""Which pictures of a folder are most alike?  python find_alike.py FOLDER [PICTURE]

Needs `pip install requests` and a server; SIMCLR_URL and SIMCLR_KEY say which (http://127.0.0.1:8080 and no key, unless set).
"""

import base64
import os
import sys
from pathlib import Path

import requests

URL = os.environ.get("SIMCLR_URL", "http://127.0.0.1:8080")
KEY = os.environ.get("SIMCLR_KEY")
ENDINGS = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp"}

session = requests.Session()
if KEY:
    session.headers["authorization"] = f"Bearer {KEY}"


def ask(method, path, **more):
    """The decoded answer; a refusal is raised with the server's own words."""
    answer = session.request(method, URL + path, timeout=120, **more)
    if not answer.ok:
        raise SystemExit(f"{answer.status_code}: {answer.json()['error']['message']}")
    return answer.json() if answer.content else None


folder = Path(sys.argv[1])
pictures = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS)
wanted = Path(sys.argv[2]) if len(sys.argv) > 2 else pictures[0]

# A collection holds embeddings of the server's model. Records are replaced by id, so that a second run changes nothing.
ask("PUT", "/v1/collections/alike")
for start in range(0, len(pictures), 32):
    records = [
        {
            "id": str(path.relative_to(folder)),
            "image": base64.b64encode(path.read_bytes()).decode(),
            "payload": {"folder": path.parent.name},
        }
        for path in pictures[start : start + 32]
    ]
    ask("POST", "/v1/collections/alike/records", json={"records": records})

found = ask("POST", "/v1/collections/alike/search", params={"limit": 5}, data=wanted.read_bytes())
for neighbour in found["neighbours"]:
    print(f"{neighbour['score']:.3f}  {neighbour['id']}")
