#!/usr/bin/env bash
# Makes the committed JSON Schemas in docs/schemas/ again, from the code.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=ci/lib.sh
source ci/lib.sh
need_rust
for of in plan record events; do
    cargo run --quiet --locked --package lifeboat -- schema "$of" --out "docs/schemas/$of.schema.json"
done
