#!/usr/bin/env bash
# An image of one statically linked program and the certificates of public CAs.
#
#   static-image.sh PROGRAM OUT.tar      makes localhost/PROGRAM:dev
set -euo pipefail
# shellcheck source=tools/image/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

(($# == 2)) || die "usage: static-image.sh PROGRAM OUT.tar"
name=$(basename "$1")
if ldd "$1" >/dev/null 2>&1; then die "$1 is linked dynamically"; fi
make_work_folder
skeleton "$WORK/root" "$name"
install -m 755 "$1" "$WORK/root/usr/bin/$name"
install -D -m 644 /etc/ssl/certs/ca-certificates.crt \
  "$WORK/root/etc/ssl/certs/ca-certificates.crt"
"$IMAGE_TOOLS/mkimage.py" --output "$2" --name "localhost/$name:dev" \
  --layer "$WORK/root" --entrypoint "/usr/bin/$name" --user "$NONROOT:$NONROOT"
