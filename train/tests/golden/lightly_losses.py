"""Writes lightly_losses.json: what lightly's NT-Xent and LARS and PyTorch's optimisers give on a few small tensors.

  pip install torch==2.11.0 && pip install --no-deps lightly==1.6.0
  python train/tests/golden/lightly_losses.py

lightly's LARS divides by |g| + λ|w| and multiplies the velocity by the rate; it leaves tensors without weight decay
unadapted, as ours leaves everything that is not a weight.

lightly's loss with a memory bank is another one than ours, so that there is no figure for it here: it compares only
the first views, with the second view of the same picture and the bank, and no view of the same batch; its bank begins
with random rows and keeps second views alone. Ours adds the queue to the 2N − 2 negatives of the batch.
"""

import json
from pathlib import Path

import torch
from lightly.loss import NTXentLoss
from lightly.utils.lars import LARS

RATES = [0.1, 0.4, 0.3, 0.2, 0.05]
KINDS = ["weight", "scale", "shift", "bias"]


def numbers(tensor):
    return [float(f"{x:.9g}") for x in tensor.detach().flatten().tolist()]


def nt_xent(pictures, width, temperature):
    z = torch.randn(2 * pictures, width, requires_grad=True)
    loss = NTXentLoss(temperature=temperature)(z[:pictures], z[pictures:])
    loss.backward()
    return {
        "pictures": pictures,
        "width": width,
        "temperature": temperature,
        "projections": numbers(z),
        "loss": loss.item(),
        "gradient": numbers(z.grad),
    }


def steps(rule, make):
    """Five steps on a matrix and three vectors; `make` gets the decayed and the undecayed ones."""
    tensors = [torch.randn(4, 3), torch.randn(4), torch.zeros(4), torch.randn(4)]
    record = {"rule": rule, "kinds": KINDS, "start": [numbers(t) for t in tensors], "steps": []}
    parameters = [torch.nn.Parameter(t) for t in tensors]
    optimiser = make(parameters)
    for rate in RATES:
        for group in optimiser.param_groups:
            group["lr"] = rate
        for parameter in parameters:
            parameter.grad = torch.randn_like(parameter)
        gradients = [numbers(p.grad) for p in parameters]
        optimiser.step()
        record["steps"].append({"rate": rate, "gradients": gradients, "after": [numbers(p) for p in parameters]})
    return record


def main():
    torch.manual_seed(7)
    sgd = {"kind": "sgd", "momentum": 0.9, "weight_decay": 0.01}
    lars = {"kind": "lars", "momentum": 0.9, "weight_decay": 0.05, "trust_coefficient": 0.02}
    adam = {"kind": "adam", "betas": [0.9, 0.99], "epsilon": 1e-6, "weight_decay": 0.1}
    ported = {**lars, "rate_in_velocity": False, "norm_of_sum": False}
    moments = {"lr": 1.0, "betas": (0.9, 0.99), "eps": 1e-6, "weight_decay": 0.1}
    golden = {
        "made_by": f"torch {torch.__version__.split('+')[0]}, lightly 1.6.0",
        "nt_xent": [nt_xent(n, d, t) for n, d in [(2, 3), (6, 8)] for t in [0.1, 0.5]],
        "optimisers": [
            steps({**sgd, "nesterov": False}, lambda p: torch.optim.SGD(p, 1.0, 0.9, weight_decay=0.01)),
            steps(
                {**sgd, "nesterov": True},
                lambda p: torch.optim.SGD(p, 1.0, 0.9, weight_decay=0.01, nesterov=True),
            ),
            steps(
                ported,
                lambda p: LARS(
                    [{"params": p[:1]}, {"params": p[1:], "weight_decay": 0.0}],
                    lr=1.0,
                    momentum=0.9,
                    weight_decay=0.05,
                    trust_coefficient=0.02,
                ),
            ),
            steps({**adam, "decoupled": False}, lambda p: torch.optim.Adam(p, **moments)),
            steps({**adam, "decoupled": True}, lambda p: torch.optim.AdamW(p, **moments)),
        ],
    }
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(golden) + "\n")
    print(path, path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
