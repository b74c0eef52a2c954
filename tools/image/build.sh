#!/usr/bin/env bash
# Builds the product and its image localhost/datashim:dev: build/image/datashim.tar
set -euo pipefail
cd "$(dirname "$0")/../.."

tools/build.sh release programs
tools/image/datashim-image.sh localhost/datashim:dev build/image/datashim.tar \
  build/release/src/datashim build/release/src/datashim-keeper
