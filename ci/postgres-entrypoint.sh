#!/usr/bin/env bash
# Entry point of the image that build-postgres-image.sh makes. It takes the arguments, variables and folders that the
# official postgres image takes, so that what runs one runs the other. Not supported: the *_FILE variables,
# POSTGRES_INITDB_WALDIR, and a user without an entry in /etc/passwd.
set -euo pipefail

say() { printf 'entry point: %s\n' "$*"; }

fail() {
    say "$*" >&2
    exit 1
}

# Only a server needs a data folder; `postgres --version` and its like do not start one.
starts_server() {
    [[ $1 == postgres ]] || return 1
    local argument
    for argument in "${@:2}"; do
        case $argument in
            -\? | --help | -V | --version | --describe-config) return 1 ;;
        esac
    done
}

make_folders() {
    mkdir -p "$PGDATA" /var/run/postgresql
    if [[ $(id -u) == 0 ]]; then
        find "$PGDATA" /var/run/postgresql \! -user postgres -exec chown postgres '{}' +
    fi
    # They may be somebody else's when the container runs under a user of its own: then they must fit already.
    chmod 0700 "$PGDATA" || true
    chmod 3775 /var/run/postgresql || true
}

init_cluster() {
    local method=${POSTGRES_HOST_AUTH_METHOD:-}
    if [[ -z ${POSTGRES_PASSWORD:-} && $method != trust ]]; then
        fail "the superuser has no password: set POSTGRES_PASSWORD, or POSTGRES_HOST_AUTH_METHOD=trust to let everybody in"
    fi
    local options=()
    # Options may hold quoted words, as in the official image: "--wal-segsize=1 --locale='C.UTF-8'".
    eval "options=(${POSTGRES_INITDB_ARGS:-})"
    if [[ -n ${POSTGRES_PASSWORD:-} ]]; then
        initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") "${options[@]}"
    else
        initdb --username="$POSTGRES_USER" "${options[@]}"
    fi
    : "${method:=$(postgres -C password_encryption "$@")}"
    printf '\nhost all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"
}

query() { psql -v ON_ERROR_STOP=1 --no-psqlrc --no-password --username "$POSTGRES_USER" "$@"; }

create_database() {
    [[ $POSTGRES_DB == postgres ]] && return
    query --dbname postgres --set db="$POSTGRES_DB" <<<'CREATE DATABASE :"db"'
}

run_init_files() {
    local file
    for file in /docker-entrypoint-initdb.d/*; do
        [[ -e $file ]] || continue
        say "$file"
        case $file in
            *.sh)
                if [[ -x $file ]]; then
                    "$file"
                else
                    # shellcheck source=/dev/null
                    source "$file"
                fi
                ;;
            *.sql) query --dbname "$POSTGRES_DB" --file "$file" ;;
            *.sql.gz) gunzip --stdout "$file" | query --dbname "$POSTGRES_DB" ;;
            *.sql.xz) xz --decompress --stdout "$file" | query --dbname "$POSTGRES_DB" ;;
            *.sql.zst) zstd --decompress --stdout "$file" | query --dbname "$POSTGRES_DB" ;;
            *) say "$file ignored: neither .sh nor .sql" ;;
        esac
    done
}

# The temporary server listens on the unix socket only, so that nobody outside takes it for the real one. pg_ctl puts
# its log on standard output: who waits for "ready to accept connections" on standard error waits for the real server.
prepare_cluster() {
    init_cluster "$@"
    local options
    options=$(printf '%q ' "$@" -c listen_addresses= -p "${PGPORT:-5432}")
    pg_ctl --pgdata "$PGDATA" --options "$options" --wait start
    create_database
    run_init_files
    pg_ctl --pgdata "$PGDATA" --mode fast --wait stop
    printf '\nPostgreSQL init process complete; ready for start up.\n\n'
}

if [[ ${1:-} == -* ]]; then
    set -- postgres "$@"
fi
if starts_server "${1:-}" "${@:2}"; then
    make_folders
    if [[ $(id -u) == 0 ]]; then
        exec setpriv --reuid postgres --regid postgres --init-groups "$0" "$@"
    fi
    if [[ -s $PGDATA/PG_VERSION ]]; then
        printf '\nPostgreSQL Database directory appears to contain a database; Skipping initialization\n\n'
    else
        export POSTGRES_USER=${POSTGRES_USER:-postgres}
        export POSTGRES_DB=${POSTGRES_DB:-$POSTGRES_USER}
        prepare_cluster "${@:2}"
    fi
fi
exec "$@"
