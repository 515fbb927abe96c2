#!/usr/bin/env bash
# The crash matrix: every drill is killed, told to end and let down at every line of its journal, every step and every call,
# and each time everything has to be as it was before. An argument is a part of a case's name: only such are tried
# (rds-failover/, rds-failover/kill-after/12). Installs what is missing; LIFEBOAT_MATRIX_WORKERS is how many run at a time,
# and after LIFEBOAT_MATRIX_SECONDS no further case is begun, which is said.
set -euo pipefail
# shellcheck source=ci/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

cd "$repo_root"
need_rust
need_c_compiler
need_postgres
temporary_in_memory
exec cargo test --workspace --locked --quiet --test matrix -- run "$@"
