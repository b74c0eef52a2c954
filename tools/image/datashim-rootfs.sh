#!/usr/bin/env bash
# Writes the root file system of the product's image: the programs, exactly
# the libraries they are linked to, the certificates of public CAs, one account.
#
#   datashim-rootfs.sh FOLDER PROGRAM...
set -euo pipefail
# shellcheck source=tools/image/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# The paths in the output of ldd, which fails for a library it does not find.
libraries_of() {
  local output
  output=$(ldd "$1") || die "$1: ldd cannot read it: $output"
  if grep 'not found' <<<"$output" >&2; then die "$1: libraries are missing here"; fi
  grep -o '/[^ ]*' <<<"$output"
}

# Puts a program into /usr/bin and the libraries it is linked to where it looks.
install_program() {
  local program=$1 root=$2 target libraries library
  [[ -x $program ]] || die "$program: not an executable file"
  target=$root/usr/bin/$(basename "$program")
  install -m 755 "$program" "$target"
  # Backtraces need the symbols (.symtab), not the debug information.
  strip --strip-debug "$target"
  libraries=$(libraries_of "$program")
  while read -r library; do
    # Contents, not links: a soname is all that the loader asks for.
    install -D -m 755 "$(readlink -f "$library")" "$root$library"
  done <<<"$libraries"
}

(($# >= 2)) || die "usage: datashim-rootfs.sh FOLDER PROGRAM..."
root=$1
shift
skeleton "$root" datashim
for program in "$@"; do
  install_program "$program" "$root"
done

install -D -m 644 /etc/ssl/certs/ca-certificates.crt \
  "$root/etc/ssl/certs/ca-certificates.crt"
# Names in archives are UTF-8, and libarchive goes by the locale.
install -D -m 644 /usr/lib/locale/C.utf8/LC_CTYPE \
  "$root/usr/lib/locale/C.utf8/LC_CTYPE"
# Without it glibc asks DNS before /etc/hosts, where kubelet writes hostAliases.
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
