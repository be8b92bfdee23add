# %% [markdown]
# # From pictures to a classifier
# Cells as VS Code, Spyder and Jupytext know them; `python notebook.py FOLDER` runs them all. FOLDER holds a folder of pictures a class.
# Needs `pip install numpy pandas openai requests` and a server; SIMCLR_URL and SIMCLR_KEY say which.

# %%
import base64
import os
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import requests
from openai import OpenAI

URL = os.environ.get("SIMCLR_URL", "http://127.0.0.1:8080")
KEY = os.environ.get("SIMCLR_KEY", "")
FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else "pictures")
HEADERS = {"authorization": f"Bearer {KEY}"} if KEY else {}

# %%
paths = sorted(FOLDER.glob("*/*.png"))
table = pd.DataFrame({"file": [path.name for path in paths], "label": [path.parent.name for path in paths]})
table.groupby("label").size()

# %% [markdown]
# ## Embeddings
# OpenAI's client asks for a few; `/v1/embed` answers with an array that numpy reads as it is.

# %%
client = OpenAI(base_url=f"{URL}/v1", api_key=KEY or "none")
model = client.models.list().data[0].id
uri = "data:image/png;base64," + base64.b64encode(paths[0].read_bytes()).decode()
one = np.array(client.embeddings.create(model=model, input=[uri]).data[0].embedding)


def embed(batch):
    files = [("image", (path.name, path.read_bytes(), "image/png")) for path in batch]
    answer = requests.post(f"{URL}/v1/embed", files=files, headers={**HEADERS, "accept": "application/x-npy"}, timeout=120)
    answer.raise_for_status()
    return np.load(BytesIO(answer.content))


rows = np.concatenate([embed(paths[start : start + 32]) for start in range(0, len(paths), 32)])
assert np.abs(rows[0] - one).max() < 1e-3
print(f"{rows.shape[0]} embeddings of {rows.shape[1]} numbers by {model}")

# %% [markdown]
# ## Are pictures of one class near one another?

# %%
unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
cosine = pd.DataFrame(unit @ unit.T, index=table.label, columns=table.label)
between = cosine.groupby(level=0).mean().T.groupby(level=0).mean()
print(between.round(2))

nearest = np.argsort(-(unit @ unit.T - 2 * np.eye(len(unit))), axis=1)[:, 0]
same = (table.label.to_numpy()[nearest] == table.label.to_numpy()).mean()
print(f"{100 * same:.0f} % have their nearest neighbour in their own class")

# %% [markdown]
# ## A classifier of our own
# The embeddings go into a collection with their labels; the server fits a linear probe on them and says what it is worth.


# %%
def ask(method, path, body=None):
    answer = requests.request(method, URL + path, json=body, headers=HEADERS, timeout=120)
    answer.raise_for_status()
    return answer.json() if answer.content else None


ask("PUT", "/v1/collections/notebook", {})
records = [
    {"id": f"{label}/{file}", "vector": vector.tolist(), "payload": {"label": label}}
    for file, label, vector in zip(table.file, table.label, rows)
]
for start in range(0, len(records), 500):
    ask("POST", "/v1/collections/notebook/records", {"records": records[start : start + 500]})
made = ask("PUT", "/v1/classifiers/notebook", {"collection": "notebook", "field": "label"})
worth = made["validation"]
print(f"{worth['top1']:.1f} % right on {worth['rows']} records set aside; probabilities are off by {worth['calibration_error']:.1f} %")

# %%
answer = ask("POST", "/v1/classify/notebook", {"embeddings": rows[:200].tolist(), "top_k": 1})
table.loc[: len(answer["predictions"]) - 1, "guess"] = [one["top"][0]["label"] for one in answer["predictions"]]
print(pd.crosstab(table.label, table.guess))
