# shellcheck shell=bash
# Builds the programs of the cluster as Go modules. What is built is decided by
# modules/*/go.mod and go.sum alone; the result goes to the cache, into a folder
# named by their content, so that a fresh clone finds it there.

# One line per program: name, folder of the module, package. First come those
# that the integration tests need without a whole cluster.
readonly PROGRAMS=(
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

# The line of PROGRAMS for a name.
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

find_go() {
  local go
  go=$(command -v go || echo /usr/local/go/bin/go)
  [[ -x $go ]] || die "Go is not installed: see https://go.dev/doc/install (1.21 or newer)"
  # From 1.21 on, Go itself fetches the release that a go.mod asks for.
  local minor
  minor=$("$go" env GOVERSION | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
  ((${minor:-0} >= 21)) || die "$go is older than Go 1.21, which can fetch newer releases itself"
  echo "$go"
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
  for line in "${PROGRAMS[@]}"; do
    name=${line%% *}
    number=$((number + 1))
    build_program "$name" "[$number/${#PROGRAMS[@]}] "
  done
}
