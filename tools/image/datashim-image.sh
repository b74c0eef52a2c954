#!/usr/bin/env bash
# Makes the product's image from its programs, without a daemon or a registry.
#
#   datashim-image.sh NAME OUT.tar PROGRAM...
#
# The first program is the entry point. `devcluster load-image`, `ctr images
# import`, `docker load` and `podman load` take the archive.
set -euo pipefail
# shellcheck source=tools/image/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# The largest image we ship; growing past it is a decision, not an accident.
readonly MAX_MEGABYTES=80

(($# >= 3)) || die "usage: datashim-image.sh NAME OUT.tar PROGRAM..."
name=$1 out=$2
shift 2
make_work_folder
"$IMAGE_TOOLS/datashim-rootfs.sh" "$WORK/root" "$@"
mkdir -p "$(dirname "$out")"
"$IMAGE_TOOLS/mkimage.py" --output "$out" --name "$name" \
  --layer "$WORK/root" --entrypoint "/usr/bin/$(basename "$1")" --user "$NONROOT:$NONROOT" \
  --label org.opencontainers.image.title=datashim
bytes=$(stat -c %s "$out")
((bytes <= MAX_MEGABYTES * 1000000)) ||
  die "$out: $((bytes / 1000000)) MB, more than the $MAX_MEGABYTES MB we allow"
echo "${0##*/}: $name, $((bytes / 1000000)) MB" >&2
