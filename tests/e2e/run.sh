#!/usr/bin/env bash
# Brings up the development cluster (or uses $KUBECONFIG's, with the S3_*
# variables of `make cluster-env`), installs this checkout and runs the
# end-to-end tests. Argument: folder for the JUnit report.
set -euo pipefail
cd "$(dirname "$0")/../.."

results=${1:?folder for the results}
tools/setup.sh --cluster
if [[ -z ${KUBECONFIG:-} ]]; then
  # A cluster that is up already stays up.
  tools/devcluster/devcluster status >/dev/null 2>&1 || trap 'tools/devcluster/devcluster down' EXIT
  tools/devcluster/devcluster up
  eval "$(tools/devcluster/devcluster env)"
fi
tools/install.sh
/usr/bin/python3 -m pytest -q --junitxml="$results/pytest.xml" tests/e2e
