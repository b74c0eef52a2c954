#!/usr/bin/env bash
# Starts and ends the development cluster twice and checks that it is a real one
# while it is up, that it leaves nothing behind, and that it says what failed.
#
#   tools/devcluster/test.sh      ends with the cluster down; takes about 2 minutes
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly HERE STATE=/var/lib/datashim-devcluster
# shellcheck source=tools/lib/check.sh
source "$HERE/../lib/check.sh"

devcluster() { "$HERE/devcluster" "$@"; }

# What the machine has of the kinds of things that a cluster makes. Cgroups and
# processes by name, as others come and go on a shared machine.
footprint() {
  echo '# mounts'
  awk '{ print $5 }' /proc/self/mountinfo | grep -vE '^/(var/)?tmp/' | sort
  echo '# interfaces, routes, addresses'
  ip -o link | awk '{ print $2 }' | sort
  ip -4 route
  ip -o -4 address | awk '{ print $2, $4 }'
  echo '# packet filter'
  iptables-save | sed '/^#/d; s/\[[0-9:]*\]//'
  echo '# cgroups'
  find /sys/fs/cgroup -type d | grep -E 'datashim|kubepods|k8s\.io' || true
  echo '# processes that know the state folder, or see its mounts'
  # The brackets keep grep's own command line from matching.
  grep -l "[/]${STATE#/}" /proc/[0-9]*/{cmdline,mountinfo} 2>/dev/null || true
  echo '# folders that programs have built in'
  {
    find "$STATE" /var/lib/kubelet /var/lib/cni /run/containerd /run/netns \
      /var/log/{pods,containers} /etc/cni /opt/{cni,containerd} /usr/libexec/kubernetes \
      2>/dev/null || true
  } | sort
}

pids_of_cluster() { devcluster status | awk '$2 == "pid"'; }

same_pids_after_second_up() {
  pids_of_cluster >"$WORK/pids1"
  devcluster up
  pids_of_cluster >"$WORK/pids2"
  diff "$WORK/pids1" "$WORK/pids2"
}

pods() {
  cat <<EOF
apiVersion: v1
kind: Pod
metadata: {name: plain}
spec:
  containers:
    - name: main
      image: localhost/datashim-demo:dev
      imagePullPolicy: Never
      command: [sh, -c, echo started; sleep 1000]
---
apiVersion: v1
kind: Pod
metadata: {name: mounter}
spec:
  containers:
    - name: main
      image: localhost/datashim-demo:dev
      imagePullPolicy: Never
      command: [sleep, "1000"]
      securityContext: {privileged: true, runAsUser: 0}
      volumeMounts:
        - {name: kubelet, mountPath: "$KUBELET_DIR", mountPropagation: Bidirectional}
  volumes:
    - name: kubelet
      hostPath: {path: "$KUBELET_DIR"}
EOF
}

# A FUSE file system whose server never answers: the worst that `down` can find.
mount_silent_fuse() {
  kubectl exec mounter -- mkdir -p "$KUBELET_DIR/plugins/test/silent"
  kubectl exec mounter -- sh -c "python3 -c '
import ctypes, os, time
fd = os.open(\"/dev/fuse\", os.O_RDWR)
options = f\"fd={fd},rootmode=40000,user_id=0,group_id=0\".encode()
libc = ctypes.CDLL(None, use_errno=True)
if libc.mount(b\"silent\", b\"$KUBELET_DIR/plugins/test/silent\", b\"fuse\", 0, options):
    raise OSError(ctypes.get_errno(), \"mount\")
time.sleep(1000)
' >/tmp/log 2>&1 &"
  for _ in $(seq 100); do
    if grep -qF "$KUBELET_DIR/plugins/test/silent" /proc/self/mountinfo; then return; fi
    sleep 0.1
  done
  kubectl exec mounter -- cat /tmp/log
  return 1
}

in_pod() {
  kubectl exec plain -- python3 -c "
import socket, urllib.request
$1"
}

s3() {
  curl -sSf --aws-sigv4 aws:amz:us-east-1:s3 --user "$S3_ACCESS_KEY:$S3_SECRET_KEY" "$@"
}

object_round_trip() {
  s3 -X PUT "$S3_ENDPOINT/selftest"
  echo content >"$WORK/object"
  s3 -T "$WORK/object" "$S3_ENDPOINT/selftest/object"
  [[ $(s3 "$S3_ENDPOINT/selftest/object") == content ]]
}

webhook_with_conditions() {
  kubectl apply --dry-run=server -f - <<'EOF'
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: selftest}
webhooks:
  - name: pods.selftest.local
    admissionReviewVersions: [v1]
    sideEffects: None
    clientConfig: {service: {name: none, namespace: default}}
    rules: [{apiGroups: [""], apiVersions: [v1], resources: [pods], operations: [CREATE]}]
    matchConditions:
      - {name: labelled, expression: "has(object.metadata.labels)"}
EOF
}

service_account_may_not_read_secrets() {
  [[ $(kubectl auth can-i list secrets --as system:serviceaccount:default:default) == no ]]
}

check_cluster() {
  # shellcheck disable=SC2016  # for the inner shell
  check 'kubectl and helm are our own' \
    sh -ec 'for t in kubectl helm; do command -v $t | grep /devcluster/; done; helm list'
  check 'RBAC is on' service_account_may_not_read_secrets
  check 'webhooks with matchConditions' webhook_with_conditions
  check 'S3 from the machine' object_round_trip
  pods >"$WORK/pods.yaml"
  check 'pods start' sh -c "kubectl apply -f '$WORK/pods.yaml' &&
    kubectl wait --for=condition=Ready pod/plain pod/mounter --timeout=60s"
  check 'logs' sh -c 'kubectl logs plain | grep -qx started'
  check 'a service by its name, from a pod' in_pod \
    "assert urllib.request.urlopen('$S3_ENDPOINT_IN_CLUSTER/minio/health/ready').status == 200"
  check 'the API server by its name, from a pod' in_pod \
    "socket.create_connection(('kubernetes.default.svc', 443), 5)"
  check 'a name outside does not exist' not in_pod "socket.getaddrinfo('example.com', 80)"
  check 'FUSE in a pod, seen by the machine' mount_silent_fuse
}

check_failure_is_named() {
  mkdir -p "$STATE/run" "$STATE/log"
  : >"$STATE/absent-before"
  cp /proc/sys/kernel/random/boot_id "$STATE/boot_id"
  echo 'not a folder' >"$STATE/etcd"
  check 'up fails if etcd does' not devcluster up
  cp "$WORK/output" "$WORK/failed-up"
  check 'it says which' grep 'etcd ended by itself' "$WORK/failed-up"
  check 'it shows the log' grep 'not a directory' "$WORK/failed-up"
  check 'down after a failed up' devcluster down
}

main() {
  [[ ! -e $STATE ]] || {
    echo "the cluster is up; this test ends it: run 'devcluster down' first" >&2
    exit 2
  }
  devcluster build
  footprint >"$WORK/before"
  check 'up' devcluster up
  check 'up again changes nothing' same_pids_after_second_up
  eval "$(devcluster env)"
  check_cluster
  check 'down' devcluster down
  check 'down again' devcluster down
  footprint >"$WORK/after"
  check 'nothing is left behind' diff "$WORK/before" "$WORK/after"
  check_failure_is_named
  footprint >"$WORK/after"
  check 'nothing is left behind' diff "$WORK/before" "$WORK/after"
  conclude
}

main "$@"
