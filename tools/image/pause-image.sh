#!/usr/bin/env bash
# The image of the process that holds a pod's namespaces: one static program.
#
#   pause-image.sh OUT.tar      makes localhost/pause:dev
set -euo pipefail
# shellcheck source=tools/image/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

(($# == 1)) || die "usage: pause-image.sh OUT.tar"
make_work_folder
gcc -Os -Wall -Wextra -Werror -static -s -o "$WORK/pause" "$IMAGE_TOOLS/pause.c"
mkdir "$WORK/root"
install -m 755 "$WORK/pause" "$WORK/root/pause"
"$IMAGE_TOOLS/mkimage.py" --output "$1" --name localhost/pause:dev \
  --layer "$WORK/root" --entrypoint /pause --user "$NONROOT:$NONROOT"
