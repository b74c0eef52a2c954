#!/usr/bin/env bash
# A stand-in for the images that Kubernetes' end-to-end tests run in their pods:
# busybox, and agnhost as built from the same module as the tests.
#
#   k8s-test-image.sh AGNHOST NAME OUT.tar
#
# A NAME with "agnhost" has agnhost as its entry point, as the original has.
set -euo pipefail
# shellcheck source=tools/image/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

(($# == 3)) || die "usage: k8s-test-image.sh AGNHOST NAME OUT.tar"
agnhost=$1 name=$2 out=$3
busybox=$(command -v busybox) || die "busybox is missing: tools/setup.sh --conformance"
if ldd "$busybox" >/dev/null 2>&1; then die "$busybox is linked dynamically: install busybox-static"; fi
make_work_folder
skeleton "$WORK/root" test
install -m 755 "$busybox" "$WORK/root/usr/bin/busybox"
while read -r applet; do
  [[ $applet == busybox ]] || ln -s busybox "$WORK/root/usr/bin/$applet"
done < <("$busybox" --list)
install -m 755 "$agnhost" "$WORK/root/agnhost"
entry=(--cmd /bin/sh)
if [[ $name == *agnhost* ]]; then entry=(--entrypoint /agnhost --cmd pause); fi
"$IMAGE_TOOLS/mkimage.py" --output "$out" --name "$name" --layer "$WORK/root" "${entry[@]}" \
  --env PATH=/usr/bin:/bin
