# shellcheck shell=bash
# Settings and helpers that every part of the development cluster uses.
# shellcheck disable=SC2034  # what is set here is used in the other files

# All state of the running cluster. Fixed and short: unix sockets live below
# it, and their paths must stay under 108 bytes. `down` removes it.
readonly STATE=/var/lib/datashim-devcluster
readonly RUN=$STATE/run LOG=$STATE/log PKI=$STATE/pki
readonly KUBELET_DIR=$STATE/kubelet
readonly ADMIN_KUBECONFIG=$STATE/kubeconfig

# What can be made again from this repository: binaries and images. It outlives
# clusters and clones.
readonly CACHE=${DATASHIM_CACHE:-${HOME:?HOME is not set}/.cache/datashim}/devcluster

# The first two octets of every address of the cluster; see lib/net.sh. A cluster
# that is up keeps those it was started with.
NET=${DATASHIM_DEVCLUSTER_NET:-10.213}
if [[ -r $STATE/net ]]; then NET=$(<"$STATE/net"); fi
readonly NET
readonly NODE_NAME=devnode
readonly NODE_IP=$NET.0.1 HOST_IP=$NET.255.1 LINK_IP=$NET.255.2
readonly POD_CIDR=$NET.0.0/17 SERVICE_CIDR=$NET.128.0/18
readonly KUBERNETES_IP=$NET.128.1 DNS_IP=$NET.128.10 S3_IP=$NET.128.20
readonly API_URL=https://$NODE_IP:6443

say() { printf 'devcluster: %s\n' "$*" >&2; }

die() {
  say "$*"
  exit 1
}

# The end of a log, with a heading, on stderr.
show_log() {
  local log=$1
  if [[ -s $log ]]; then
    echo "--- the end of $log" >&2
    tail -n 20 "$log" >&2
    echo '---' >&2
  else
    say "$log is empty"
  fi
}

# hash_of FILE...: short name for the content of the files and of stdin.
hash_of() {
  { cat -- "$@"; cat; } | sha256sum | cut -c1-12
}

# seconds_since START, with one decimal; START is of $EPOCHREALTIME.
seconds_since() {
  local now=${EPOCHREALTIME/[.,]/} start=${1/[.,]/}
  printf '%d.%d' $(((now - start) / 1000000)) $(((now - start) / 100000 % 10))
}

require_root() {
  ((EUID == 0)) ||
    die "'$1' needs root, as it handles mounts, namespaces and containers: sudo -E $HERE/devcluster $1"
}

# For who called sudo: only they and root may read the file.
private_to_caller() {
  chmod 600 "$1"
  if [[ -n ${SUDO_UID:-} ]]; then chown "$SUDO_UID:${SUDO_GID:-$SUDO_UID}" "$1"; fi
}

require_commands() {
  local command missing=()
  for command in "$@"; do
    command -v "$command" >/dev/null || missing+=("$command")
  done
  ((${#missing[@]} == 0)) ||
    die "not found: ${missing[*]}; install them with tools/setup.sh --cluster"
}
