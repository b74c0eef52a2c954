# shellcheck shell=bash
# Shared by the scripts of this folder.
# shellcheck disable=SC2034  # what is set here is used there

IMAGE_TOOLS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly IMAGE_TOOLS

# The account containers run as: the uid that "nonroot" has in most images.
readonly NONROOT=65532

# A folder that is removed when the script ends; its path goes to $WORK. Under
# /var/tmp, because a root file system can be larger than a tmpfs on /tmp.
make_work_folder() {
  WORK=$(mktemp -d /var/tmp/datashim-image.XXXXXX)
  trap 'rm -rf "$WORK"' EXIT
}

# What every root file system has: the merged-/usr links, two accounts, /tmp.
# skeleton ROOT ACCOUNT
skeleton() {
  local root=$1 account=$2 folder
  mkdir -p "$root"/{etc,tmp,usr/bin,usr/lib,usr/lib64}
  chmod 1777 "$root/tmp"
  for folder in bin lib lib64; do
    [[ -e $root/$folder ]] || ln -s "usr/$folder" "$root/$folder"
  done
  printf '%s\n' 'root:x:0:0:root:/:/bin/sh' \
    "$account:x:$NONROOT:$NONROOT:$account:/:/bin/sh" >"$root/etc/passwd"
  printf '%s\n' 'root:x:0:' "$account:x:$NONROOT:" >"$root/etc/group"
}

die() {
  echo "${0##*/}: $*" >&2
  exit 1
}
