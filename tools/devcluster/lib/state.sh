# shellcheck shell=bash
# The state folder, the mounts below it, and the one lock of `up` and `down`.

# Folders outside of the state folder that kubelet, containerd or CNI make
# because their programs have these paths built in.
readonly BUILT_IN_PATHS=(
  /var/lib/kubelet /var/log/containers /var/lib/cni /run/containerd
)

is_mounted() { awk -v path="$1" '$5 == path { found = 1 } END { exit !found }' /proc/self/mountinfo; }

# One `up` or `down` at a time, from whatever clone.
lock_cluster() {
  exec {LOCK}>/run/datashim-devcluster.lock
  flock --nonblock "$LOCK" || {
    say "waiting for another 'devcluster up' or 'devcluster down'"
    flock "$LOCK"
  }
}

boot_id() { cat /proc/sys/kernel/random/boot_id; }

state_up() {
  if [[ -d $STATE && $(cat "$STATE/boot_id" 2>/dev/null) != "$(boot_id)" ]]; then
    say "the state in $STATE is of an earlier boot; starting anew"
    down
  fi
  [[ ! -d $STATE ]] || return 0
  mkdir -p "$RUN" "$LOG"
  chmod 755 "$STATE"
  local path
  for path in "${BUILT_IN_PATHS[@]}"; do
    if [[ ! -e $path ]]; then echo "$path"; fi
  done >"$STATE/absent-before"
  echo "$NET" >"$STATE/net"
  boot_id >"$STATE/boot_id"
}

# The mount points below the state folder, the innermost first.
mounts_of_cluster() {
  awk -v prefix="$STATE/" 'index($5, prefix) == 1 { print $5 }' /proc/self/mountinfo | tac |
    while IFS= read -r path; do printf '%b\n' "${path//\\/\\0}"; done
}

unmount_all() {
  local path
  while IFS= read -r path; do
    # A file system whose server is gone or hangs must not hold up the rest.
    timeout 5 umount "$path" 2>/dev/null || umount --lazy "$path" ||
      die "cannot unmount $path"
  done < <(mounts_of_cluster)
}

# Takes away what is ours in the built-in paths, and the folders themselves if
# they were not there before. ABSENT-BEFORE...
remove_built_in_paths() {
  local path
  # CNI's notes about the pods name the network namespaces.
  { grep -lrF "$STATE/" /var/lib/cni/results 2>/dev/null || true; } |
    xargs --no-run-if-empty rm -f
  if [[ -d /var/log/containers ]]; then
    find /var/log/containers -lname "$LOG/*" -delete
  fi
  for path in "$@"; do
    case $path in
      # The device plugin sockets of a kubelet that has ended.
      /var/lib/kubelet) rm -rf /var/lib/kubelet/device-plugins ;;
    esac
    # Never more than empty folders: others may have come to use them since.
    if [[ -d $path ]]; then
      find "$path" -depth -type d -empty -delete
    fi
  done
}

remove_state() {
  [[ -d $STATE ]] || return 0
  local absent=() path
  mapfile -t absent <"$STATE/absent-before" 2>/dev/null || true
  remove_built_in_paths "${absent[@]}"
  [[ -z $(mounts_of_cluster) ]] || die "still mounted: $(mounts_of_cluster | paste -sd ' ')"
  rm -rf --one-file-system "$STATE"
}
