#!/usr/bin/env bash
# Checks what the scripts of this folder make, without containerd.
#
#   tools/image/test.sh
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly HERE
# shellcheck source=tools/lib/check.sh
source "$HERE/../lib/check.sh"

mkimage() { "$HERE/mkimage.py" --name localhost/test:dev "$@"; }

# unpack ARCHIVE FOLDER: the archive into FOLDER, its layers into FOLDER/root.
unpack() {
  mkdir -p "$2/root"
  tar -xf "$1" -C "$2"
  local layer
  for layer in $(jq -r '.[0].Layers[]' "$2/manifest.json"); do
    tar -xf "$2/$layer" -C "$2/root"
  done
}

config() { jq -r "$2" "$1/$(jq -r '.[0].Config' "$1/manifest.json")"; }

same_bytes_from_the_same_folder() {
  mkdir -p "$WORK/a/sub"
  echo one >"$WORK/a/sub/one"
  ln -s one "$WORK/a/sub/link"
  # Another order of creation, other times.
  mkdir -p "$WORK/b/sub"
  ln -s one "$WORK/b/sub/link"
  echo one >"$WORK/b/sub/one"
  touch -d 2001-01-01 "$WORK/b/sub/one"
  mkimage --output "$WORK/a.tar" --layer "$WORK/a"
  mkimage --output "$WORK/b.tar" --layer "$WORK/b"
  cmp "$WORK/a.tar" "$WORK/b.tar"
}

every_digest_is_right() {
  unpack "$WORK/a.tar" "$WORK/a-out"
  (cd "$WORK/a-out/blobs/sha256" && for blob in *; do echo "$blob  $blob"; done | sha256sum -c)
  jq -e '.manifests[0].annotations["io.containerd.image.name"] == "localhost/test:dev"' \
    "$WORK/a-out/index.json"
}

owners_are_given() {
  mkimage --output "$WORK/c.tar" --layer "$WORK/a" --owner sub=7:8
  mkdir "$WORK/c"
  tar -xf "$WORK/c.tar" -C "$WORK/c"
  tar --numeric-owner -tvf "$WORK/c/$(jq -r '.[0].Layers[0]' "$WORK/c/manifest.json")" |
    grep '7/8 .* sub/one$'
}

check_product_image() {
  local root=$WORK/product/root
  # Any dynamically linked programs of the machine: this is about the packing.
  mkdir "$WORK/programs"
  cp "$(command -v openssl)" "$WORK/programs/datashim"
  cp "$(command -v jq)" "$WORK/programs/other"
  check 'the product image' "$HERE/datashim-image.sh" localhost/datashim:x \
    "$WORK/out/product.tar" "$WORK/programs/datashim" "$WORK/programs/other"
  unpack "$WORK/out/product.tar" "$WORK/product"
  check 'runs the program, unprivileged' test "$(config "$WORK/product" \
    '[.config.User, .config.Entrypoint[0]] | join(" ")')" = '65532:65532 /usr/bin/datashim'
  check 'has what the program needs' chroot --userspec 65532:65532 "$root" /usr/bin/datashim version
  check 'has what another needs' chroot --userspec 65532:65532 "$root" /usr/bin/other --version
  check 'has the account' grep -q '^datashim:x:65532:65532:' "$root/etc/passwd"
  check 'has certificates' test -s "$root/etc/ssl/certs/ca-certificates.crt"
  check 'has no shell' not test -e "$root/bin/sh"
  check 'a program that needs what is not there' not "$HERE/datashim-image.sh" localhost/datashim:x \
    "$WORK/out/none.tar" "$WORK/no-such-program"
}

main() {
  check 'the same folder gives the same image' same_bytes_from_the_same_folder
  check 'digests and names' every_digest_is_right
  check 'owners' owners_are_given
  mkdir "$WORK/d"
  mknod "$WORK/d/null" c 1 3
  check 'devices are refused' not mkimage --output "$WORK/d.tar" --layer "$WORK/d"
  check 'nothing half made is left' not ls "$WORK"/d.tar*
  check_product_image
  conclude
}

main "$@"
