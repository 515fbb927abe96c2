#!/usr/bin/env bash
# Functions shared by the scripts beside it; sourced, never run. Each `need_*` is quick when what it wants is there.
set -euo pipefail

# shellcheck disable=SC2034 # for the scripts that source this file
repo_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034
postgres_image=lifeboat/postgres:local

say() { printf '%s\n' "$*" >&2; }

# Exit code 3: this machine lacks something that the scripts cannot install.
missing() {
    say "$*"
    exit 3
}

as_root() {
    if [[ $(id -u) == 0 ]]; then
        "$@"
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        sudo "$@"
    else
        missing "this needs root, and sudo is not there or asks for a password: run as root: $*"
    fi
}

# apt_install WHAT-FOR PACKAGE...: refreshes the package lists only when the packages cannot be had without it.
apt_install() {
    local what=$1 log status=0
    shift
    command -v apt-get >/dev/null ||
        missing "$what is missing and this system has no apt-get: install it with the system's own package manager"
    say "installing $*"
    log=$(mktemp)
    local install=(env DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends "$@")
    if ! as_root "${install[@]}" </dev/null >"$log" 2>&1; then
        {
            as_root apt-get update --quiet && as_root "${install[@]}"
        } </dev/null >"$log" 2>&1 || status=$?
    fi
    if [[ $status != 0 ]]; then
        tail -n 20 "$log" >&2
        say "apt-get could not install $what ($*): see its messages above"
    fi
    rm -f "$log"
    return "$status"
}

have_docker() {
    command -v docker >/dev/null && timeout 20 docker version --format '{{.Server.Version}}' >/dev/null 2>&1
}
