#!/usr/bin/env bash
# Writes the root file system of the product's image: the program, exactly the
# libraries it is linked to, the certificates of public CAs, one account.
#
#   datashim-rootfs.sh BINARY FOLDER
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

(($# == 2)) || die "usage: datashim-rootfs.sh BINARY FOLDER"
binary=$1 root=$2
[[ -x $binary ]] || die "$binary: not an executable file"
skeleton "$root" datashim
install -m 755 "$binary" "$root/usr/bin/datashim"
# Backtraces need the symbols (.symtab), not the debug information.
strip --strip-debug "$root/usr/bin/datashim"

libraries=$(libraries_of "$binary")
while read -r library; do
  # Contents, not links: a soname is all that the loader asks for.
  install -D -m 755 "$(readlink -f "$library")" "$root$library"
done <<<"$libraries"

install -D -m 644 /etc/ssl/certs/ca-certificates.crt \
  "$root/etc/ssl/certs/ca-certificates.crt"
# Names in archives are UTF-8, and libarchive goes by the locale.
install -D -m 644 /usr/lib/locale/C.utf8/LC_CTYPE \
  "$root/usr/lib/locale/C.utf8/LC_CTYPE"
# Without it glibc asks DNS before /etc/hosts, where kubelet writes hostAliases.
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
