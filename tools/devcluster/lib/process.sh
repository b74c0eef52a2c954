# shellcheck shell=bash
# Starts, finds and ends the processes of the cluster.
#
# Whose process is whose is the kernel's knowledge, not that of a pid file: each
# component runs in a cgroup of its own below CGROUP, pods run below
# CGROUP/kubepods, and whatever they fork stays there. `down` ends what is in
# these cgroups and nothing else.

readonly CGROUP=datashim-devcluster
declare -A STARTED=()

cgroup_mounts() { awk '$3 == "cgroup" || $3 == "cgroup2" { print $2 }' /proc/self/mounts; }

# The hierarchy in which components are kept apart. The one of cgroup v2 is there
# on every machine with systemd, even if v1 has the controllers.
tracking_root() {
  local root
  root=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)
  [[ -n $root ]] || root=$(awk '$3 == "cgroup" && $4 ~ /(^|,)pids(,|$)/ { print $2; exit }' /proc/self/mounts)
  [[ -n $root ]] || die "no cgroup hierarchy is mounted below /sys/fs/cgroup"
  echo "$root/$CGROUP"
}

# pids_below FOLDER...: the processes in these cgroups and in those below.
pids_below() {
  local folder
  for folder in "$@"; do
    if [[ -d $folder ]]; then
      find "$folder" -name cgroup.procs -exec cat {} + 2>/dev/null || true
    fi
  done | sort -un
}

# The pid of a component's main process; fails if it does not run.
main_pid() {
  local name=$1 pid
  for pid in $(pids_below "$(tracking_root)/$name"); do
    # Children may be there too: containerd's shims. The kernel keeps 15 letters
    # of a program's name.
    if [[ $(cat "/proc/$pid/comm" 2>/dev/null) == "${name:0:15}" ]]; then
      echo "$pid"
      return
    fi
  done
  return 1
}

# start NAME COMMAND...: runs a component in the node's network namespace.
start() {
  local name=$1 cgroup
  shift
  ! main_pid "$name" >/dev/null || return 0
  cgroup=$(tracking_root)/$name
  mkdir -p "$cgroup"
  [[ ! -s $LOG/$name.log ]] || mv "$LOG/$name.log" "$LOG/$name.log.1"
  (
    echo "$BASHPID" >"$cgroup/cgroup.procs"
    # The lock of `up` must end with `up`, not with the daemons.
    exec setsid nsenter --net="$NETNS" "$@" {LOCK}>&-
  ) >"$LOG/$name.log" 2>&1 </dev/null &
  STARTED[$name]=$!
}

is_alive() {
  local pid=${STARTED[$1]:-}
  main_pid "$1" >/dev/null || { [[ -n $pid ]] && kill -0 "$pid" 2>/dev/null; }
}

# wait_for COMPONENT SECONDS COMMAND...: until the command succeeds. Says at once
# when the component ends instead.
wait_for() {
  local component=$1 seconds=$2 deadline
  shift 2
  deadline=$((SECONDS + seconds))
  until "$@" >/dev/null 2>&1; do
    is_alive "$component" || component_failed "$component" "ended by itself"
    ((SECONDS < deadline)) || component_failed "$component" "was not ready within $seconds s"
    sleep 0.1
  done
  [[ -z ${STARTED[$component]:-} ]] || say "$component is ready"
}

component_failed() {
  local component=$1 what=$2
  show_log "$LOG/$component.log"
  die "$component $what; the whole log: $LOG/$component.log"
}

# Ends what is in these cgroups. Nothing is asked to end by itself: whatever the
# processes would still write, `down` removes.
end_processes() {
  local deadline=$((SECONDS + 10)) pids
  while pids=$(pids_below "$@") && [[ -n $pids ]]; do
    ((SECONDS < deadline)) || die "processes do not end, not even killed: $(paste -sd ' ' <<<"$pids")"
    # Again and again: what is killed may have forked meanwhile.
    # shellcheck disable=SC2086  # one word per pid
    kill -s KILL $pids 2>/dev/null || true
    sleep 0.05
  done
}

# The cluster's cgroups in every hierarchy.
cgroup_roots() {
  local mount
  while read -r mount; do
    if [[ -d $mount/$CGROUP ]]; then echo "$mount/$CGROUP"; fi
  done < <(cgroup_mounts)
}

# kubelet wants its cgroup root to be there in every hierarchy, and with v2 the
# controllers to be available in it.
prepare_pod_cgroups() {
  local mount file controller
  while read -r mount; do
    if [[ -e $mount/cgroup.controllers ]]; then
      for controller in $(<"$mount/cgroup.controllers"); do
        # Those that cannot be had kubelet names, if it needs them.
        echo "+$controller" >"$mount/cgroup.subtree_control" 2>/dev/null || true
      done
    fi
    mkdir -p "$mount/$CGROUP"
    for file in cpuset.mems cpuset.cpus; do
      # In v1 a new cpuset is empty, and an empty one takes no process.
      if [[ -e $mount/$CGROUP/$file && -z $(<"$mount/$CGROUP/$file") ]]; then
        cat "$mount/$file" >"$mount/$CGROUP/$file"
      fi
    done
  done < <(cgroup_mounts)
}

remove_cgroups() {
  local root deadline=$((SECONDS + 10))
  for root in $(cgroup_roots); do
    # A cgroup stays busy for a moment after its last process has ended.
    until find "$root" -depth -type d -exec rmdir {} + 2>/dev/null; do
      ((SECONDS < deadline)) || die "cgroup $root does not go away"
      sleep 0.05
    done
  done
}
