#!/usr/bin/env bash
# One shard of an evaluation for each task of a Slurm array:  sbatch docs/examples/evaluation/slurm-array.sh
# A task that is killed or requeued goes on where it was. Folders must be on storage that every node sees.
#SBATCH --job-name=simclr-eval
#SBATCH --array=0-7
#SBATCH --cpus-per-task=8
#SBATCH --mem=16G
#SBATCH --time=12:00:00
#SBATCH --requeue
set -euo pipefail

simclr-eval run \
  --encoder models/artefacts/mine,models/artefacts/other \
  --datasets all --data /datasets --partial \
  --out /shared/runs/transfer \
  --threads "${SLURM_CPUS_PER_TASK}" \
  --shard "${SLURM_ARRAY_TASK_ID}/${SLURM_ARRAY_TASK_COUNT}" \
  --json

# When every task is done:
#   simclr-eval report /shared/runs/transfer
