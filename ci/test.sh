#!/usr/bin/env bash
# Runs every test: installs what is missing, the docker image included, then hands its arguments to the test runner.
# Where no docker daemon answers, the tests that need one say so and are skipped.
set -euo pipefail
# shellcheck source=ci/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

cd "$repo_root"
need_rust
need_c_compiler
need_postgres
need_python_venv
need_faketime
need_chromium
need_verifiers
need_image
need_standin
temporary_in_memory
export LIFEBOAT_PYTHON=$PWD/.venv/bin/python

if cargo nextest --version >/dev/null 2>&1; then
    # nextest runs no documentation tests. They go first, so that its count of passed tests is the last line.
    if [[ $# == 0 ]]; then
        cargo test --workspace --locked --doc --quiet
    fi
    exec cargo nextest run --workspace --locked "$@"
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
cargo test --workspace --locked "$@" 2>&1 | tee "$log" || status=$?
awk '/^test result:/ { passed += $4; failed += $6; ignored += $8 }
    END { printf "%d tests passed, %d failed, %d ignored\n", passed, failed, ignored }' "$log"
exit "$status"
