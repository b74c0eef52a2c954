# shellcheck shell=bash
# Builds the programs of the cluster as Go modules. What is built is decided by
# modules/*/go.mod and go.sum alone; the result goes to the cache, into a folder
# named by their content, so that a fresh clone finds it there.

# What the cluster is made of. One line per program: name, folder of the module,
# package. First come those that the integration tests need without a cluster.
readonly CLUSTER_PROGRAMS=(
  "minio minio github.com/minio/minio"
  "etcd etcd go.etcd.io/etcd/server/v3"
  "kube-apiserver kubernetes k8s.io/kubernetes/cmd/kube-apiserver"
  "kubelet kubernetes k8s.io/kubernetes/cmd/kubelet"
  "kube-controller-manager kubernetes k8s.io/kubernetes/cmd/kube-controller-manager"
  "kube-scheduler kubernetes k8s.io/kubernetes/cmd/kube-scheduler"
  "kube-proxy kubernetes k8s.io/kubernetes/cmd/kube-proxy"
  "kubectl kubernetes k8s.io/kubernetes/cmd/kubectl"
  "coredns coredns ."
  "bridge cni github.com/containernetworking/plugins/plugins/main/bridge"
  "loopback cni github.com/containernetworking/plugins/plugins/main/loopback"
  "host-local cni github.com/containernetworking/plugins/plugins/ipam/host-local"
  "portmap cni github.com/containernetworking/plugins/plugins/meta/portmap"
  "helm helm helm.sh/helm/v3/cmd/helm"
)
# What tests alone need.
readonly TEST_PROGRAMS=(
  "versitygw versitygw github.com/versity/versitygw/cmd/versitygw"
  "storage-e2e storage-e2e ."
  "agnhost storage-e2e k8s.io/kubernetes/test/images/agnhost"
  "csi-sanity csi-test github.com/kubernetes-csi/csi-test/v5/cmd/csi-sanity"
)
readonly PROGRAMS=("${CLUSTER_PROGRAMS[@]}" "${TEST_PROGRAMS[@]}")

# kubelet and kubectl report this version; without it they say v0.0.0 and
# kube-apiserver serves the API of no release.
kubernetes_version() {
  awk '$1 == "k8s.io/kubernetes" && $2 ~ /^v/ { print $2; exit }' \
    "$HERE/modules/kubernetes/go.mod"
}

ldflags_of() {
  local flags="-s -w"
  if [[ $1 == kubernetes ]]; then
    flags+=" -X k8s.io/component-base/version.gitVersion=$(kubernetes_version)"
  fi
  echo "$flags"
}

# The folder of the built programs of a module.
bin_dir() {
  local module=$1 inputs
  inputs=("$HERE/modules/$module"/*)
  echo "$CACHE/$module-$(ldflags_of "$module" | hash_of "${inputs[@]}")/bin"
}

# The line for a name.
program_line() {
  local line
  for line in "${PROGRAMS[@]}"; do
    if [[ ${line%% *} == "$1" ]]; then
      echo "$line"
      return
    fi
  done
  die "no program '$1'; there are: $(printf '%s\n' "${PROGRAMS[@]%% *}" | paste -sd ' ')"
}

# The path of a program, built or not.
bin_path() {
  local name module line
  line=$(program_line "$1")
  read -r name module _ <<<"$line"
  echo "$(bin_dir "$module")/$name"
}

# The newest release that a go.mod of modules/ asks for, as the module
# golang.org/toolchain, and the SHA-256 of its archives.
readonly GO_RELEASE=1.26.2
declare -rA GO_SHA256=(
  [amd64]=5c28763f43da5409ea590cf3c3fb1442c6c4e668d8f6af8c44a621a23f39a006
  [arm64]=acb5cab2ad9d639b79b9e086a42bbff7c8931e2ceb0fd241c993e29378007e67
)

# Path of a Go that can build every module: the installed one if it is new
# enough (from 1.21 on, Go itself fetches the release that a go.mod asks for),
# else one of our own. Debian's is too old.
find_go() {
  local go minor
  go=$(command -v go || echo /usr/local/go/bin/go)
  if [[ -x $go ]]; then
    minor=$("$go" env GOVERSION | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
    if ((${minor:-0} >= 21)); then
      echo "$go"
      return
    fi
  fi
  go=$CACHE/go-$GO_RELEASE/bin/go
  [[ -x $go ]] || install_go
  echo "$go"
}

install_go() {
  local arch archive proxy=${GOPROXY:-https://proxy.golang.org} folder
  arch=$(dpkg --print-architecture)
  [[ -n ${GO_SHA256[$arch]:-} ]] || die "no Go for $arch: see https://go.dev/doc/install (1.21 or newer)"
  say "fetching Go $GO_RELEASE (80 MB), as none of 1.21 or newer is installed"
  mkdir -p "$CACHE"
  folder=$(mktemp -d "$CACHE/go.XXXXXX")
  archive=$folder/go.zip
  curl --fail --silent --show-error --location --retry 3 -o "$archive" \
    "${proxy%%[,|]*}/golang.org/toolchain/@v/v0.0.1-go$GO_RELEASE.linux-$arch.zip" ||
    die "Go $GO_RELEASE could not be fetched from ${proxy%%[,|]*}; GOPROXY names another mirror"
  echo "${GO_SHA256[$arch]}  $archive" | sha256sum --check --quiet >&2 ||
    die "the archive of Go $GO_RELEASE is not the pinned one"
  python3 -m zipfile -e "$archive" "$folder"
  # The archive has no modes.
  chmod +x "$folder"/golang.org/toolchain@*/bin/* "$folder"/golang.org/toolchain@*/pkg/tool/*/*
  # Whoever comes second keeps the first one's.
  mv --no-target-directory "$folder"/golang.org/toolchain@* "$CACHE/go-$GO_RELEASE" 2>/dev/null || true
  rm -rf "$folder"
}

# Builds one program if it is missing. The label goes before its progress line.
build_program() {
  local name=$1 label=${2:-} module package line target go
  line=$(program_line "$name")
  read -r _ module package <<<"$line"
  target=$(bin_dir "$module")/$name
  [[ ! -x $target ]] || return 0
  go=$(find_go)
  mkdir -p "$(dirname "$target")" "$CACHE/log"
  local log=$CACHE/log/$name.log start=$EPOCHREALTIME lock
  printf '%s%s ... ' "$label" "$name" >&2
  # Two processes that need the same program build it once.
  exec {lock}>"$target.lock"
  flock "$lock"
  if [[ ! -x $target ]] && ! compile "$go" "$module" "$package" "$target" >"$log" 2>&1; then
    echo 'FAILED' >&2
    show_log "$log"
    die "$name did not build"
  fi
  exec {lock}>&-
  printf '%s s\n' "$(seconds_since "$start")" >&2
}

compile() {
  local go=$1 module=$2 package=$3 target=$4
  (
    cd "$HERE/modules/$module"
    # The flags of the caller's environment must not change what the cache
    # promises under this name.
    unset GOFLAGS GOOS GOARCH
    export CGO_ENABLED=0 GOWORK=off
    # Both take nothing from the result, and a third from the time: the linker
    # drops the debug information anyway, and the compiler collects less garbage.
    export GOGC=400
    nice "$go" build -mod=readonly -buildvcs=false -trimpath -gcflags=all=-dwarf=false \
      -ldflags "$(ldflags_of "$module")" -o "$target.new" "$package"
  ) && mv "$target.new" "$target"
}

build_programs() {
  local line name number=0
  for line in "${CLUSTER_PROGRAMS[@]}"; do
    name=${line%% *}
    number=$((number + 1))
    build_program "$name" "[$number/${#CLUSTER_PROGRAMS[@]}] "
  done
}
