#!/usr/bin/env bash
# Checks the scripts with shellcheck, and the C++ sources with clang-tidy and the
# checks of .clang-tidy, all cores. Needs a configured dev build (compile_commands.json).
set -euo pipefail
cd "$(dirname "$0")/.."

git grep -lE '^#!.*\b(ba)?sh$' | xargs shellcheck -x -S warning

git ls-files -- 'src/*.cc' ':!src/*_test.cc' |
  xargs -P "$(nproc)" -n 4 clang-tidy -p build/dev --quiet --warnings-as-errors='*' 2>&1 |
  { grep -vE '^[0-9]+ warnings? (generated|treated)|^Suppressed|^Use -header-filter' || true; } |
  tee build/lint.log
! grep -qE '(error|warning):' build/lint.log
