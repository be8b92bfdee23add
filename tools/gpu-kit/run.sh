#!/usr/bin/env bash
# Trains what tools/gpu-kit/pack packed, on a machine without network, or goes on where an earlier call stopped.
#   bash run.sh --limit-seconds 1500            stop in time with a checkpoint; without it, train to the end
#     --kit FOLDER      where kit.tar.gz.000, … and kit.tar.gz.sha256 lie   (default: beside this script)
#     --work FOLDER     where to unpack and train                           (default: ./gpu-work)
#     --out FOLDER      where to write what is to be carried back           (default: ./gpu-out)
#     --from FOLDER     an earlier --out to go on from, where --work was lost
#     --device D        cuda (default) or cpu
#     --python P        the Python that has torch 2.11.0                    (default: python3)
#     -- …              the rest goes to simclr-train as it is, for instance --threads 1
# Carried back: metrics.jsonl, curves.svg, log.txt, summary.json, and the checkpoint in pieces under 16 MiB, 60 MiB at most in all. At home,
#   tools/gpu-kit/parcel.py join OUT runs/NAME/checkpoint.safetensors      and then `simclr-train resume` or `export`.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
kit=$here work=gpu-work out=gpu-out from='' device=cuda python=python3 limit='' more=()
while [ $# -gt 0 ]; do
  case $1 in
    --kit | --work | --out | --from | --device | --python) [ $# -ge 2 ] || { echo "run.sh: $1 needs a value" >&2; exit 2; }; declare "${1#--}=$2"; shift 2 ;;
    --limit-seconds) limit=$2; shift 2 ;;
    --) shift; more=("$@"); break ;;
    -h | --help) sed -n '2,14s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "run.sh: unknown option $1; see --help" >&2; exit 2 ;;
  esac
done
mkdir -p "$work" "$out"
work=$(cd "$work" && pwd) out=$(cd "$out" && pwd)

unpack() { # once for each kit: the sums name it
  cmp -s "$kit/kit.tar.gz.sha256" "$work/kit.sha256" && return
  (cd "$kit" && sha256sum --quiet -c kit.tar.gz.sha256) || { echo "run.sh: a piece in $kit is missing or damaged: carry it again" >&2; exit 1; }
  cat "$kit"/kit.tar.gz.[0-9][0-9][0-9] | tar -xz -C "$work" --strip-components=1
  cp "$kit/kit.tar.gz.sha256" "$work/kit.sha256"
}

torch_libraries() { # prints the folder of torch's libraries, of the one version that the program was built against
  "$python" - <<'PY'
import os, sys
try:
    import torch
except ImportError as error:
    sys.exit(f"run.sh: this Python has no torch ({error}): name one that has with --python")
if torch.__version__.split("+")[0] != "2.11.0":
    sys.exit(f"run.sh: this Python has torch {torch.__version__}; the program was built against 2.11.0")
print(os.path.join(os.path.dirname(torch.__file__), "lib"))
PY
}

newest() { # the run's newest checkpoint; nothing when there is none. What was carried here is older than what was made here
  local steps=("$work"/run/checkpoints/step-*.safetensors)
  if [ -e "${steps[-1]}" ]; then
    echo "${steps[-1]}"
  elif [ -e "$work/run/checkpoint.safetensors" ]; then
    echo "$work/run/checkpoint.safetensors"
  fi
}

train() {
  local how=(--data "$work/data" --device "$device" "${more[@]}")
  [ -z "$limit" ] || how+=(--limit-seconds "$limit")
  if [ -n "$(newest)" ]; then
    "$work/simclr-train" resume "$work/run" "${how[@]}"
  else
    [ ! -d "$work/from" ] || how+=(--from "$work/from")
    "$work/simclr-train" pretrain "$work/recipe.toml" --out "$work/run" "${how[@]}"
  fi
}

carry_back() {
  cp "$work/run/metrics.jsonl" "$out/"
  "$python" "$work/curves.py" "$out/metrics.jsonl" "$out/curves.svg"
  local finished=() # of a finished run the velocities are of no use
  "$python" -c 'import json, sys; row = json.loads(sys.stdin.read()); sys.exit(row["step"] < row["steps"])' < <(tail -n 1 "$out/metrics.jsonl") && finished=(--finished)
  mkdir -p "$work/carry"
  cp "$(newest)" "$work/carry/checkpoint.safetensors"
  "$python" "$work/parcel.py" split "$work/carry/checkpoint.safetensors" "$out" "${finished[@]}"
  printf '{"exit": %s, "finished": %s, "seconds": %s, "last": %s}\n' \
    "$1" "$([ ${#finished[@]} -gt 0 ] && echo true || echo false)" "$SECONDS" "$(tail -n 1 "$out/metrics.jsonl")" | tee "$out/summary.json"
}

unpack
LD_LIBRARY_PATH=$(torch_libraries)${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH
if [ -n "$from" ] && [ -z "$(newest)" ]; then
  "$python" "$work/parcel.py" join "$from" "$work/run/checkpoint.safetensors"
  cp "$from/metrics.jsonl" "$work/run/"
fi
rc=0
train > >(tee -a "$out/log.txt") 2>&1 || rc=$?
[ -n "$(newest)" ] || { echo "run.sh: no checkpoint was written (exit $rc); $out/log.txt says why" >&2; exit 1; }
carry_back "$rc"
exit "$rc"
