#!/usr/bin/env bash
# Builds one preset into build/<preset>, installing what is missing first.
#
#   tools/build.sh [dev|release|asan-ubsan|tsan] [target...]
set -euo pipefail
cd "$(dirname "$0")/.."

preset=${1:-dev}
shift || true
case $preset in
  dev | release | asan-ubsan | tsan) ;;
  *) echo "build: no preset '$preset'; there are dev, release, asan-ubsan, tsan" >&2; exit 2 ;;
esac

tools/setup.sh
build=build/$preset
if [[ ! -f $build/build.ninja ]]; then
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  cmake --preset "$preset" >"$log" 2>&1 || {
    cat "$log" >&2
    exit 1
  }
fi
NINJA_STATUS="[$preset %f/%t %es] " ninja -C "$build" "$@"
