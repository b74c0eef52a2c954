#!/usr/bin/env bash
# Measures a release build against the peers that are there.
#
#   tools/bench.sh                    everything: the data plane against an S3
#                                     server of its own, the control plane on the
#                                     development cluster (or $KUBECONFIG's)
#   tools/bench.sh --data-only        without a cluster
#   tools/bench.sh cold_seq find_20k  some scenarios; `control` needs a cluster
#   tools/bench.sh --list             what there is and how long it takes
#
# Other arguments are those of bench/run.py.
set -euo pipefail
cd "$(dirname "$0")/.."

tools/setup.sh --cluster --bench
tools/build.sh release datashim
plan=$(/usr/bin/python3 bench/run.py --list "$@")
if [[ $plan == *$'\n  control '* ]]; then
  if [[ -z ${KUBECONFIG:-} ]]; then
    tools/devcluster/devcluster up
    eval "$(tools/devcluster/devcluster env)"
    tools/install.sh
  fi
fi
exec /usr/bin/python3 bench/run.py "$@"
