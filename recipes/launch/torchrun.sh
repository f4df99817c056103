#!/usr/bin/env bash
# The same run by torchrun, without `zhinao launch`: start this on every machine, with its own NODE_RANK.
#   NODE_RANK=0 MASTER_ADDR=node-1 bash torchrun.sh recipe.yaml      (on node-1)
#   NODE_RANK=1 MASTER_ADDR=node-1 bash torchrun.sh recipe.yaml      (on node-2)
set -euo pipefail

NUM_NODES=${NUM_NODES:-2}
NUM_GPUS=${NUM_GPUS:-8}
NODE_RANK=${NODE_RANK:-0}
MASTER_ADDR=${MASTER_ADDR:-127.0.0.1}
MASTER_PORT=${MASTER_PORT:-29500}

exec torchrun \
  --nnodes "$NUM_NODES" --nproc-per-node "$NUM_GPUS" --node-rank "$NODE_RANK" \
  --master-addr "$MASTER_ADDR" --master-port "$MASTER_PORT" \
  -m zhinao.train.sft "$@"
