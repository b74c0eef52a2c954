#!/usr/bin/env bash
# The image of the quickstart's workload and of the pods of the end-to-end tests:
# a shell, coreutils, Python, numpy and safetensors on Debian bookworm.
#
#   demo-image.sh OUT.tar      makes localhost/datashim-demo:dev
set -euo pipefail
# shellcheck source=tools/image/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

(($# == 1)) || die "usage: demo-image.sh OUT.tar"
make_work_folder

packages=coreutils,dash,findutils,grep,libpython3-stdlib,libstdc++6,netbase,python3-minimal,sed
# shellcheck disable=SC2016  # mmdebstrap's shell expands $1
merge_usr='cd "$1" && for d in bin sbin lib lib64; do mkdir -p usr/$d; ln -s usr/$d $d; done'

# Packages are unpacked, not configured: no maintainer script runs, and neither
# dpkg nor apt has to be in the image. What the scripts would have made and
# Python needs (links, accounts) is made here.
if ! mmdebstrap --mode=root --variant=extract --format=directory \
  --setup-hook="$merge_usr" --include="$packages" \
  bookworm "$WORK/base" >"$WORK/mmdebstrap.log" 2>&1; then
  tail -n 20 "$WORK/mmdebstrap.log" >&2
  die "mmdebstrap failed"
fi
rm -rf "$WORK"/base/{dev,run,sys,proc,var,etc/apt,etc/dpkg,etc/cron.daily} \
  "$WORK"/base/usr/share/{doc,info,locale,man,lintian,perl5,bash-completion} \
  "$WORK"/base/usr/lib/*-linux-gnu/{gconv,perl-base} \
  "$WORK"/base/usr/bin/{perl*,dpkg*} "$WORK"/base/usr/{sbin,lib}/dpkg
mkdir -p "$WORK"/base/{dev,proc,sys,run,var/tmp}
skeleton "$WORK/base" demo

PIP_ROOT_USER_ACTION=ignore python3 -m pip --quiet --disable-pip-version-check --no-input install \
  --require-hashes --only-binary=:all: --no-deps --no-compile \
  --implementation cp --python-version 3.11 \
  --platform "manylinux2014_$(uname -m)" --platform "manylinux_2_28_$(uname -m)" \
  --requirement "$IMAGE_TOOLS/demo-requirements.txt" \
  --target "$WORK/wheels/usr/local/lib/python3.11/dist-packages"
find "$WORK/wheels" -type d -name tests -prune -exec rm -rf {} +

install -D -m 755 -t "$WORK/demo/opt/demo" "$IMAGE_TOOLS"/../../examples/inference/*.py

"$IMAGE_TOOLS/mkimage.py" --output "$1" --name localhost/datashim-demo:dev \
  --layer "$WORK/base" --layer "$WORK/wheels" --layer "$WORK/demo" \
  --cmd python3 --user "$NONROOT:$NONROOT" --env PYTHONDONTWRITEBYTECODE=1
