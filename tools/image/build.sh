#!/usr/bin/env bash
# Builds the product and its image localhost/datashim:dev: build/image/datashim.tar
set -euo pipefail
cd "$(dirname "$0")/../.."

tools/build.sh release datashim
tools/image/datashim-image.sh build/release/src/datashim \
  localhost/datashim:dev build/image/datashim.tar
