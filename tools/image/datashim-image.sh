#!/usr/bin/env bash
# Makes the product's image localhost/datashim:dev without a daemon or registry.
#
#   datashim-image.sh BINARY [OUT.tar]
#
# Prints the path of the archive: beside the binary unless OUT.tar says otherwise.
# `devcluster load-image`, `ctr images import`, `docker load`, `podman load` take it.
set -euo pipefail
# shellcheck source=tools/image/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# The largest image we ship; growing past it is a decision, not an accident.
readonly MAX_MEGABYTES=80

(($# == 1 || $# == 2)) || die "usage: datashim-image.sh BINARY [OUT.tar]"
binary=$1
out=${2:-$(dirname "$binary")/datashim-image.tar}
make_work_folder
"$IMAGE_TOOLS/datashim-rootfs.sh" "$binary" "$WORK/root"
"$IMAGE_TOOLS/mkimage.py" --output "$out" --name localhost/datashim:dev \
  --layer "$WORK/root" --entrypoint /usr/bin/datashim --user "$NONROOT:$NONROOT" \
  --label org.opencontainers.image.title=datashim
bytes=$(stat -c %s "$out")
((bytes <= MAX_MEGABYTES * 1000000)) ||
  die "$out: $((bytes / 1000000)) MB, more than the $MAX_MEGABYTES MB we allow"
echo "${0##*/}: $((bytes / 1000000)) MB" >&2
echo "$out"
