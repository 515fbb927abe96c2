#!/usr/bin/env bash
# Holds the crates of Cargo.lock against deny.toml: licences, what is banned, where they come from, and known advisories
# where their database can be had. Installs cargo-deny where it is missing, which takes some minutes.
set -euo pipefail
# shellcheck source=ci/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

version=0.18.6
tools=$repo_root/target/tools

cd "$repo_root"
need_rust
need_c_compiler
if [[ $("$tools/bin/cargo-deny" --version 2>/dev/null) != "cargo-deny $version" ]]; then
    say "installing cargo-deny $version into target/tools"
    # It runs for seconds: what it takes to optimize it is not got back.
    cargo install cargo-deny --version "$version" --locked --debug --quiet --root "$tools" --target-dir "$tools/build" \
        </dev/null
    rm -rf "$tools/build"
fi
deny=("$tools/bin/cargo-deny" --locked --workspace)
"${deny[@]}" check licenses bans sources
# A database that cannot be had is no reason to fail: what the change did is not the cause of it.
if timeout 120 "${deny[@]}" fetch db >/dev/null 2>&1; then
    "${deny[@]}" check --disable-fetch advisories
else
    say "advisories were not checked: their database could not be had"
fi
