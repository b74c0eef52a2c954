# shellcheck shell=bash
# containerd, kubelet, kube-proxy: what makes the namespace of lib/net.sh a node.

readonly CONTAINERD_SOCKET=$STATE/containerd/containerd.sock

write_cni_config() {
  mkdir -p "$STATE/cni"
  cat >"$STATE/cni/10-devcluster.conflist" <<EOF
{
  "cniVersion": "1.0.0",
  "name": "datashim-devcluster",
  "plugins": [
    {"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true,
     "ipam": {"type": "host-local", "dataDir": "$STATE/cni-addresses",
              "ranges": [[{"subnet": "$POD_CIDR"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
EOF
}

start_containerd() {
  ! main_pid containerd >/dev/null || return 0
  write_cni_config
  mkdir -p "$STATE/containerd"
  cat >"$STATE/containerd/config.toml" <<EOF
version = 2
root = "$STATE/containerd/root"
state = "$STATE/containerd/state"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
]
[grpc]
  address = "$CONTAINERD_SOCKET"
[plugins."io.containerd.internal.v1.opt"]
  path = "$STATE/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:dev"
  netns_mounts_under_state_dir = true
  # Lowering the OOM score needs a privilege that containers on CI lack.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "$(bin_dir cni)"
    conf_dir = "$STATE/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
      Root = "$STATE/run/runc"
EOF
  start containerd "$(command -v containerd)" --config "$STATE/containerd/config.toml"
}

images() { ctr --address "$CONTAINERD_SOCKET" --namespace k8s.io images "$@"; }

write_kubelet_config() {
  cat >"$STATE/kubelet.yaml" <<EOF
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $NODE_IP
readOnlyPort: 0
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: $PKI/ca.crt}
authorization: {mode: Webhook}
tlsCertFile: $PKI/kubelet.crt
tlsPrivateKeyFile: $PKI/kubelet.key
containerRuntimeEndpoint: unix://$CONTAINERD_SOCKET
clusterDNS: [$DNS_IP]
clusterDomain: cluster.local
# Pods get no resolver of the machine: it is not reachable from the node.
resolvConf: ""
# Folders that would otherwise be made outside of the state folder.
podLogsDir: $LOG/pods
volumePluginDir: $STATE/kubelet/volume-plugins
# Works with and without systemd, on cgroup v1 and v2.
cgroupDriver: cgroupfs
failCgroupV1: false
enforceNodeAllocatable: []
cgroupRoot: /$CGROUP
failSwapOn: false
oomScoreAdj: 0
# The root device need not be visible to cadvisor, and images are never fetched:
# what was loaded must not be collected, a fairly full disk must not evict.
localStorageCapacityIsolation: false
evictionHard: {memory.available: 50Mi, nodefs.available: 1%, imagefs.available: 1%}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
EOF
}

start_kubelet() {
  ! main_pid kubelet >/dev/null || return 0
  write_kubelet_config
  prepare_pod_cgroups
  mkdir -p "$KUBELET_DIR"
  if ! is_mounted "$KUBELET_DIR"; then
    # A shared mount of its own: a mount that a pod makes here with Bidirectional
    # propagation is seen by kubelet and by the other pods.
    mount --bind "$KUBELET_DIR" "$KUBELET_DIR"
    mount --make-rshared "$KUBELET_DIR"
  fi
  start kubelet "$(bin_path kubelet)" --config "$STATE/kubelet.yaml" \
    --kubeconfig "$PKI/kubelet.kubeconfig" --root-dir "$KUBELET_DIR" --cert-dir "$PKI" \
    --hostname-override "$NODE_NAME" --node-ip "$NODE_IP"
}

start_kube_proxy() {
  # It ends by itself when its configuration file is written, be it the same.
  ! main_pid kube-proxy >/dev/null || return 0
  # The conntrack sysctls belong to the machine, not to a network namespace.
  cat >"$STATE/kube-proxy.yaml" <<EOF
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
clientConnection: {kubeconfig: $PKI/kube-proxy.kubeconfig}
clusterCIDR: $POD_CIDR
hostnameOverride: $NODE_NAME
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
EOF
  start kube-proxy "$(bin_path kube-proxy)" --config "$STATE/kube-proxy.yaml"
}

node_ready() {
  kube get node "$NODE_NAME" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}' |
    grep -q True
}
