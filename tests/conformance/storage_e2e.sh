#!/usr/bin/env bash
# Runs Kubernetes' own end-to-end tests of storage against the StorageClass
# csi-s3 on the development cluster. Argument: folder for the JUnit report.
# STORAGE_E2E_FOCUS is a regular expression that chooses among the tests.
set -euo pipefail
cd "$(dirname "$0")/../.."

results=${1:?folder for the results}
mkdir -p "$results"
results=$(realpath "$results")
tools/setup.sh --cluster --conformance
work=$(mktemp -d)
cleanup() {
  [[ -z ${secrets_pid:-} ]] || kill "$secrets_pid" 2>/dev/null || true
  rm -rf "$work"
  [[ -z ${started:-} ]] || tools/devcluster/devcluster down
}
trap cleanup EXIT
# A cluster that is up already stays up.
tools/devcluster/devcluster status >/dev/null 2>&1 || started=yes
tools/devcluster/devcluster up
eval "$(tools/devcluster/devcluster env)"
tools/install.sh

agnhost=$(tools/devcluster/devcluster bin agnhost)
program=$(tools/devcluster/devcluster bin storage-e2e)
# The names that the tests of this release ask for; of nginx they use the shell.
for image in busybox:1.37.0-1 agnhost:2.56 nginx:1.14-4; do
  tools/image/k8s-test-image.sh "$agnhost" "registry.k8s.io/e2e-test-images/$image" "$work/image.tar"
  tools/devcluster/devcluster load-image "$work/image.tar"
done

tests/conformance/secrets_for_claims.py &
secrets_pid=$!
# Left out: tests of features that a cluster must be configured for, tests that
# break nodes, and those that take many minutes each; and the one that looks at
# the kubelet's folder from process 1, which here does not see it.
"$program" --provider=skeleton --kubeconfig="$KUBECONFIG" --kubelet-root-dir="$KUBELET_DIR" \
  --storage.testdriver=tests/conformance/driver.yaml \
  --ginkgo.focus="External Storage.*${STORAGE_E2E_FOCUS:-}" \
  --ginkgo.skip='\[Feature:|\[Disruptive\]|\[Slow\]|\[Serial\]|should not mount / map unused volumes' \
  --ginkgo.timeout=60m --ginkgo.junit-report="$results/storage.xml" \
  --delete-namespace-on-failure=true
