#!/usr/bin/env bash
# Makes the product's image from its binary, without a daemon or a registry.
#
#   datashim-image.sh BINARY [NAME [OUT.tar]]
#
# NAME is localhost/datashim:dev and OUT.tar lies beside the binary unless said
# otherwise; the path of the archive is printed. `devcluster load-image`,
# `ctr images import`, `docker load` and `podman load` take it.
set -euo pipefail
# shellcheck source=tools/image/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# The largest image we ship; growing past it is a decision, not an accident.
readonly MAX_MEGABYTES=80

(($# >= 1 && $# <= 3)) || die "usage: datashim-image.sh BINARY [NAME [OUT.tar]]"
binary=$1
name=${2:-localhost/datashim:dev}
out=${3:-$(dirname "$binary")/datashim-image.tar}
make_work_folder
"$IMAGE_TOOLS/datashim-rootfs.sh" "$binary" "$WORK/root"
mkdir -p "$(dirname "$out")"
"$IMAGE_TOOLS/mkimage.py" --output "$out" --name "$name" \
  --layer "$WORK/root" --entrypoint /usr/bin/datashim --user "$NONROOT:$NONROOT" \
  --label org.opencontainers.image.title=datashim
bytes=$(stat -c %s "$out")
((bytes <= MAX_MEGABYTES * 1000000)) ||
  die "$out: $((bytes / 1000000)) MB, more than the $MAX_MEGABYTES MB we allow"
echo "${0##*/}: $name, $((bytes / 1000000)) MB" >&2
echo "$out"
