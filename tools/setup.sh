#!/usr/bin/env bash
# Installs every Debian (bookworm) package the project needs. Idempotent: it
# asks dpkg first and does nothing, in well under a second, when all are there.
#
#   tools/setup.sh            build and unit tests
#   tools/setup.sh --cluster  also what the development cluster and e2e need
#   tools/setup.sh --bench    also the peers and tools of `make bench`
#   tools/setup.sh --fuzz     also libFuzzer
#   tools/setup.sh --conformance  also what images of Kubernetes' tests have
set -euo pipefail

usage() { sed -n '2,10s/^# \{0,1\}//p' "$0"; }

build_packages=(
  g++ cmake ninja-build ccache mold make pkg-config git ca-certificates curl
  clang-format clang-tidy clang universal-ctags shellcheck
  libboost1.81-dev libssl-dev libgrpc++-dev libprotobuf-dev protobuf-compiler
  protobuf-compiler-grpc nlohmann-json3-dev libyaml-cpp-dev libpugixml-dev
  libspdlog-dev prometheus-cpp-dev libcli11-dev libisal-dev libseccomp-dev
  libcap-dev libxxhash-dev libarchive-dev zlib1g-dev libbz2-dev liblzma-dev
  libzstd-dev liblz4-dev nettle-dev libgtest-dev libgmock-dev libbenchmark-dev
  libarchive-tools python3 python3-yaml python3-pytest python3-boto3 openssl
)
cluster_packages=(
  containerd runc iproute2 iptables conntrack kmod procps util-linux jq
  mmdebstrap python3-venv python3-pip fuse3 attr
)
bench_packages=(s3fs rclone fio)
fuzz_packages=(libclang-rt-14-dev)
conformance_packages=(busybox-static)

packages=("${build_packages[@]}")
for arg in "$@"; do
  case $arg in
    --cluster) packages+=("${cluster_packages[@]}") ;;
    --bench) packages+=("${bench_packages[@]}") ;;
    --fuzz) packages+=("${fuzz_packages[@]}") ;;
    --conformance) packages+=("${conformance_packages[@]}") ;;
    -h | --help) usage; exit 0 ;;
    *) echo "setup: unknown option '$arg'" >&2; usage >&2; exit 2 ;;
  esac
done

missing=()
for package in "${packages[@]}"; do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [[ $state == installed ]] || missing+=("$package")
done
if ((${#missing[@]} == 0)); then
  echo "setup: all ${#packages[@]} Debian packages are installed"
  exit 0
fi

sudo=()
if ((EUID != 0)); then sudo=(sudo); fi
echo "setup: installing ${#missing[@]} Debian packages: ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
if ! { "${sudo[@]}" apt-get update -qq &&
  "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}"; } \
  >"$log" 2>&1; then
  echo "setup: apt-get failed; the end of its output:" >&2
  tail -n 20 "$log" >&2
  exit 1
fi
echo "setup: done"
