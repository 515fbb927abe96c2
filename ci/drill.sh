#!/usr/bin/env bash
# Runs the drills of drills/plans/sandbox.toml against the embedded sandbox: installs what is missing, builds, runs.
# Arguments go to `lifeboat run` (--out DIR, --runtime docker|native, ..); so does its exit code come back. Paths among
# them are relative to where this is called from. Lifeboat itself says where its reports are.
set -euo pipefail
# shellcheck source=ci/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_rust
need_c_compiler
need_postgres

# The profile of the tests, so that both share their builds.
cd "$repo_root"
cargo build --locked --package lifeboat
target=$(realpath "${CARGO_TARGET_DIR:-target}")
cd "$OLDPWD"
exec "$target/debug/lifeboat" run "$repo_root/drills/plans/sandbox.toml" "$@"
