#!/usr/bin/env bash
# Measures a release build: the data plane against an S3 server of its own, the
# control plane on the development cluster (or $KUBECONFIG's). Arguments are
# those of bench/run.py.
set -euo pipefail
cd "$(dirname "$0")/.."

tools/setup.sh --cluster --bench
tools/build.sh release datashim
if [[ -z ${KUBECONFIG:-} ]]; then
  tools/devcluster/devcluster up
  eval "$(tools/devcluster/devcluster env)"
  tools/install.sh
fi
/usr/bin/python3 bench/run.py "$@"
