# shellcheck shell=bash
# up, down, status, env.

readonly COMPONENTS=(
  etcd kube-apiserver kube-controller-manager kube-scheduler containerd kubelet kube-proxy
)

# kubelet has the folder of its device plugin sockets built in: a second kubelet
# would empty that of the first. One in a container has a folder of its own.
refuse_beside_kubelet() {
  local pid
  for pid in $(pgrep -x kubelet || true); do
    if [[ $pid != "$(main_pid kubelet || true)" && /proc/$pid/ns/mnt -ef /proc/self/ns/mnt ]]; then
      die "this machine runs a kubelet already (pid $pid): use its cluster (KUBECONFIG) instead"
    fi
  done
}

start_components() {
  start_etcd
  start_apiserver
  start_containerd
  wait_for etcd 30 etcd_ready
  wait_for containerd 30 images list --quiet
  import_images
  wait_for kube-apiserver 60 kube get --raw /readyz
  start_controller_manager
  start_scheduler
  start_kubelet
  start_kube_proxy
  apply_addons
  wait_for kube-controller-manager 30 healthz https://127.0.0.1:10257/healthz
  wait_for kube-scheduler 30 healthz https://127.0.0.1:10259/healthz
  wait_for kubelet 60 node_ready
  wait_for kube-proxy 30 healthz http://127.0.0.1:10256/healthz
  wait_for_deployment kube-system coredns 60
  wait_for_deployment minio minio 60
}

up() {
  local start=$EPOCHREALTIME
  require_root up
  require_commands containerd containerd-shim-runc-v2 ctr runc ip iptables conntrack mount \
    nsenter unshare openssl curl modprobe jq
  build_programs
  build_images
  lock_cluster
  refuse_beside_kubelet
  refuse_taken_network
  state_up
  network_up
  pki_up
  start_components
  say "up in $(seconds_since "$start") s; now: eval \"\$(make -s cluster-env)\""
}

# Removes the tasks one by one, so that each shim takes its socket along.
remove_tasks() {
  local tasks=(timeout 10 ctr --address "$CONTAINERD_SOCKET" --namespace k8s.io tasks)
  main_pid containerd >/dev/null || return 0
  "${tasks[@]}" list --quiet 2>/dev/null |
    xargs --no-run-if-empty --max-procs 4 -I{} "${tasks[@]}" delete --force {} >/dev/null 2>&1 || true
}

down() {
  local tracking roots
  tracking=$(tracking_root)
  mapfile -t roots < <(cgroup_roots)
  # kubelet first, which would start again what is ended next.
  end_processes "$tracking/kubelet"
  end_processes "${roots[@]/%//kubepods}"
  remove_tasks
  end_processes "${roots[@]}"
  unmount_all
  network_down
  remove_cgroups
  remove_state
}

down_command() {
  local start=$EPOCHREALTIME
  require_root down
  lock_cluster
  if [[ ! -d $STATE && -z $(cgroup_roots) && ! -d /sys/class/net/$LINK ]]; then
    say "nothing to take down"
    return
  fi
  down
  say "down in $(seconds_since "$start") s"
}

status() {
  local name pid failed=0
  for name in "${COMPONENTS[@]}"; do
    if pid=$(main_pid "$name"); then
      printf '%-24s pid %s\n' "$name" "$pid"
    else
      printf '%-24s does not run\n' "$name"
      failed=1
    fi
  done
  if main_pid kube-apiserver >/dev/null; then
    kube get nodes,deployments,pods --all-namespaces -o wide || failed=1
  fi
  return "$failed"
}

print_env() {
  [[ -e $STATE/s3.env ]] || die "the cluster is not up: devcluster up"
  s3_credentials
  local tools
  tools=$(bin_dir kubernetes):$(bin_dir helm)
  cat <<EOF
export KUBECONFIG=$ADMIN_KUBECONFIG
export KUBELET_DIR=$KUBELET_DIR
export S3_ENDPOINT=http://$S3_IP:9000
export S3_ENDPOINT_IN_CLUSTER=http://minio.minio.svc.cluster.local:9000
export S3_ACCESS_KEY=$S3_ACCESS_KEY
export S3_SECRET_KEY=$S3_SECRET_KEY
case \$PATH in $tools:*) ;; *) export PATH=$tools:\$PATH ;; esac
EOF
}

show_logs() {
  local name=${1:-}
  if [[ -z $name ]]; then
    (cd "$LOG" 2>/dev/null && ls -- *.log) || die "no logs: the cluster is not up"
  elif [[ -e $LOG/$name.log ]]; then
    cat "$LOG/$name.log"
  else
    die "no log of '$name'; 'devcluster logs' lists those there are"
  fi
}
