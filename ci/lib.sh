#!/usr/bin/env bash
# Functions shared by the scripts beside it; sourced, never run. Each `need_*` is quick when what it wants is there, and
# ends the script with exit code 3 and one sentence where this machine lacks something that it cannot install.
set -euo pipefail

repo_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
postgres_image=lifeboat/postgres:local

say() { printf '%s\n' "$*" >&2; }

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
        missing "this needs root, and sudo is not there or asks for a password: run the script as root"
    fi
}

# apt_install WHAT PACKAGE...: refreshes the package lists only when the packages cannot be had without it.
apt_install() {
    local what=$1 log status=0
    shift
    command -v apt-get >/dev/null ||
        missing "$what is missing and this system has no apt-get: install it with the system's own package manager"
    as_root true
    say "installing $*"
    local install=(env DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends
        -o DPkg::Lock::Timeout=300 "$@")
    log=$(mktemp)
    if ! as_root "${install[@]}" </dev/null >"$log" 2>&1; then
        { as_root apt-get update --quiet && as_root "${install[@]}"; } </dev/null >"$log" 2>&1 || status=$?
    fi
    if [[ $status != 0 ]]; then
        tail -n 20 "$log" >&2
        say "apt-get could not install $what: see its last messages above"
    fi
    rm -f "$log"
    return "$status"
}

need_rust() {
    if ! command -v cargo >/dev/null && [[ -x $HOME/.cargo/bin/cargo ]]; then
        PATH=$HOME/.cargo/bin:$PATH
    fi
    command -v cargo >/dev/null || missing "cargo is missing: install Rust (https://rustup.rs) and put cargo on PATH"
}

# The linker, and the C parts of some crates.
need_c_compiler() {
    if ! command -v cc >/dev/null || ! cc -E - >/dev/null 2>&1 <<<'#include <stdlib.h>'; then
        apt_install "a C compiler" gcc libc6-dev
    fi
}

have_postgres() {
    local folder folders
    IFS=: read -ra folders <<<"$PATH"
    for folder in "${folders[@]}" /usr/lib/postgresql/*/bin /usr/pgsql-*/bin; do
        if [[ -x $folder/postgres && -x $folder/initdb && -x $folder/pg_basebackup ]]; then
            return 0
        fi
    done
    return 1
}

# The programs alone: no server of the machine's own is made or started.
need_postgres() {
    have_postgres && return
    command -v apt-get >/dev/null ||
        missing "the PostgreSQL server is missing and this system has no apt-get: install it (initdb, postgres, pg_basebackup)"
    local setting=/etc/postgresql-common/createcluster.d/lifeboat.conf status=0
    as_root mkdir -p "$(dirname "$setting")"
    as_root tee "$setting" >/dev/null <<<'create_main_cluster = false'
    apt_install "the PostgreSQL server" postgresql || status=$?
    as_root rm -f "$setting"
    return "$status"
}

# boto3, the AWS CLI and moto speak to the sandbox in the tests; lxml, a metrics parser and an accessibility checker look at
# the reports.
need_python_venv() {
    local requirements=$repo_root/ci/requirements.txt venv=$repo_root/.venv wanted
    python3 -c 'import venv, ensurepip' 2>/dev/null || apt_install "Python with its venv module" python3 python3-venv
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        missing "$(python3 --version) is too old for the tests' requirements: install Python 3.11 or newer"
    wanted="$(python3 --version) $(sha256sum <"$requirements")"
    if [[ -x $venv/bin/python && $(cat "$venv/requirements.stamp" 2>/dev/null) == "$wanted" ]]; then
        return
    fi
    say "installing the tests' Python packages into .venv"
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-input --requirement "$requirements" </dev/null >&2
    printf '%s\n' "$wanted" >"$venv/requirements.stamp"
}

# Opens the HTML reports in the tests. The system's own: the tests' Python packages download no browser.
need_chromium() {
    local name
    [[ -n ${LIFEBOAT_CHROMIUM:-} ]] && return
    for name in chromium chromium-browser google-chrome; do
        if command -v "$name" >/dev/null; then return; fi
    done
    apt_install "Chromium" chromium fonts-dejavu-core
}

have_docker() {
    command -v docker >/dev/null && timeout 20 docker version --format '{{.Server.Version}}' >/dev/null 2>&1
}

# What VERIFY.md asks of whoever verifies a run by hand.
need_verifiers() {
    if command -v jq >/dev/null && command -v openssl >/dev/null; then return; fi
    apt_install "jq or openssl" jq openssl || missing "jq and openssl are needed to try what VERIFY.md says"
}

# Moves the clock of one process in one test, which says so and does nothing where it cannot be had.
need_faketime() {
    compgen -G '/usr/lib/*/faketime/libfaketime.so.1' >/dev/null && return
    if [[ -n ${LIFEBOAT_FAKETIME:-} ]]; then return; fi
    (apt_install "libfaketime" libfaketime) || say "libfaketime is not there: the test of a clock that is set is skipped"
}

# Exports LIFEBOAT_POSTGRES_IMAGE where the image is there or could be built.
need_image() {
    if ! have_docker; then
        say "no docker daemon answers: everything that needs docker is skipped"
        return
    fi
    local status=0
    "$repo_root/ci/build-postgres-image.sh" || status=$?
    case $status in
        0) export LIFEBOAT_POSTGRES_IMAGE=$postgres_image ;;
        3) say "there is no $postgres_image: everything that needs docker is skipped" ;;
        *) return "$status" ;;
    esac
}

# Exports LIFEBOAT_LOCALSTACK_STANDIN where that image is there or could be built: need_image comes first.
need_standin() {
    [[ -n ${LIFEBOAT_POSTGRES_IMAGE:-} ]] || return 0
    local status=0
    "$repo_root/ci/build-localstack-standin.sh" || status=$?
    case $status in
        0) export LIFEBOAT_LOCALSTACK_STANDIN=lifeboat/localstack-standin:local ;;
        3) say "there is no stand-in for LocalStack: the tests of its starter are skipped" ;;
        *) return "$status" ;;
    esac
}

# The tests' servers write much and keep nothing: in memory, where there is plenty, they are three times as quick as on a
# common disk. Images are to be built before: they want room, not speed.
temporary_in_memory() {
    [[ -z ${TMPDIR:-} && -w /dev/shm ]] || return 0
    local room available
    room=$(df --output=avail -k /dev/shm | tail -n 1)
    available=$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)
    if ((room > 8 << 20 && available > 12 << 20)) && [[ $(findmnt -no OPTIONS /dev/shm) != *noexec* ]]; then
        export TMPDIR=/dev/shm
    fi
}
