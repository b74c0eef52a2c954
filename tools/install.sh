#!/usr/bin/env bash
# Installs this checkout's Datashim into the cluster of $KUBECONFIG by its chart
# and waits until it serves.
#
#   tools/install.sh            the development cluster: builds the image first
#   DATASHIM_IMAGE=REPOSITORY:TAG tools/install.sh
#                               any cluster that can pull that image
#
# DATASHIM_NAMESPACE (default: dlf) is where it goes.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${KUBECONFIG:?eval \"\$(make -s cluster-env)\" first}"

namespace=${DATASHIM_NAMESPACE:-dlf}
values=()
image=${DATASHIM_IMAGE:-}
if [[ -z $image ]]; then
  tools/build.sh release programs
  programs=(build/release/src/datashim build/release/src/datashim-keeper)
  # The tag is the content, so that a changed program rolls the workloads out.
  image=localhost/datashim:$(cat "${programs[@]}" | sha256sum | cut -c 1-12)
  tools/image/datashim-image.sh "$image" build/image/datashim.tar "${programs[@]}"
  tools/devcluster/devcluster load-image build/image/datashim.tar
  values+=(--set "image.pullPolicy=IfNotPresent")
  # The node's disk is that of the builds, and `down` removes what is there.
  values+=(--set "node.cache.diskFreePercent=5")
  if [[ -n ${KUBELET_DIR:-} ]]; then values+=(--set "node.cache.hostPath=${KUBELET_DIR%/*}/cache"); fi
fi
if [[ -n ${KUBELET_DIR:-} ]]; then values+=(--set "kubeletDir=$KUBELET_DIR"); fi

helm=$(tools/devcluster/devcluster bin helm)
# Helm installs the CRDs of a chart once and never changes them; these are ours
# to keep up to date.
kubectl apply --server-side --force-conflicts -f api/crds
"$helm" upgrade --install datashim deploy/helm/datashim --namespace "$namespace" --create-namespace \
  --set "image.repository=${image%:*}" --set-string "image.tag=${image##*:}" "${values[@]}"
# A keeper of before may speak another protocol. Live mounts outlive it.
kubectl get pods --namespace "$namespace" -l app.kubernetes.io/component=keeper \
  -o jsonpath='{range .items[*]}{.metadata.name} {.spec.containers[0].image}{"\n"}{end}' |
  while read -r pod pod_image; do
    [[ $pod_image == "$image" ]] || kubectl delete pod --namespace "$namespace" --wait=false "$pod"
  done
for workload in deployment/dataset-operator daemonset/datashim-node; do
  kubectl rollout status --namespace "$namespace" "$workload" --timeout=120s
done
