#!/usr/bin/env bash
# Builds the docker image lifeboat/postgres:local from this machine's own Debian packages, for machines that reach no
# container registry. It takes the same arguments and variables as the official postgres image (see
# postgres-entrypoint.sh); its PostgreSQL is the one that this release of Debian carries. Exit code 3: no docker daemon.
set -euo pipefail
# shellcheck source=ci/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

have_docker || missing "no docker daemon answers (tried \`docker version\`): start one, or use the native runtime"
command -v apt-get >/dev/null || missing "the image is built from Debian packages, and this system has no apt-get"

# shellcheck source=/dev/null
release=$(source /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
[[ -n $release ]] || missing "cannot tell which release of Debian this is: /etc/os-release has no VERSION_CODENAME"
arch=$(dpkg --print-architecture)
entrypoint=$repo_root/ci/postgres-entrypoint.sh
fingerprint=$({ cat "${BASH_SOURCE[0]}" "$entrypoint" && echo "$release $arch"; } | sha256sum | cut -d' ' -f1)

image_label() {
    docker image inspect --format '{{index .Config.Labels "lifeboat.fingerprint"}}' "$postgres_image" 2>/dev/null
}

if [[ $(image_label) == "$fingerprint" ]]; then
    say "$postgres_image is there and up to date"
    exit 0
fi
if [[ $(id -u) != 0 ]]; then
    as_root true
    exec sudo --preserve-env=DOCKER_HOST,TMPDIR,http_proxy,https_proxy,no_proxy "${BASH_SOURCE[0]}"
fi

# One build at a time: the second one then finds the image that the first one made.
exec 9<"${BASH_SOURCE[0]}"
flock 9
[[ $(image_label) != "$fingerprint" ]] || exit 0

started=$SECONDS
command -v debootstrap >/dev/null || apt_install debootstrap debootstrap

work=
job=
# Whatever a killed step left running or mounted inside the folder goes before the folder does.
clean_up() {
    local status=$? pid mountpoint
    trap - EXIT
    [[ -z $job ]] || kill -TERM -- "-$job" 2>/dev/null || true
    if [[ -n $work ]]; then
        for pid in /proc/[0-9]*; do
            [[ $(readlink "$pid/root") == "$work"/* ]] && kill -KILL "${pid#/proc/}" 2>/dev/null
        done
        [[ -z $job ]] || wait "$job" 2>/dev/null || true
        while read -r mountpoint; do
            umount --lazy "$mountpoint"
        done < <(awk -v at="$work/" 'index($2, at) == 1 { print $2 }' /proc/self/mounts | sort -r)
        rm -rf --one-file-system "$work"
    fi
    exit "$status"
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
work=$(mktemp -d -p "${TMPDIR:-/var/tmp}" lifeboat-image.XXXXXX)
root=$work/root
log=$work/log

# step WHAT COMMAND...: in a process group of its own, so that a signal to this script ends the step at once.
step() {
    local what=$1 status=0
    shift
    set -m
    "$@" </dev/null >"$log" 2>&1 9<&- &
    job=$!
    set +m
    wait "$job" || status=$?
    job=
    [[ $status == 0 ]] && return
    tail -n 20 "$log" >&2
    say "could not $what (exit $status): see its last messages above"
    return 1
}

# apt itself says which mirror it uses for this release, whichever of its file formats the machine has. It knows only
# after its lists were read once.
find_mirror() {
    local source
    # shellcheck disable=SC2016 # apt fills these in, not the shell
    read -r mirror source < <(
        apt-get indextargets --format '$(RELEASE) $(CODENAME) $(COMPONENT) $(REPO_URI) $(SOURCESENTRY)' 'Identifier: Packages' |
            awk -v release="$release" '($1 == release || $2 == release) && $3 == "main" { print $4, $5; exit }'
    ) || return 1
    find_trust "${source%:*}"
    # A list of mirrors: debootstrap takes one address, the first will do.
    if [[ $mirror == mirror+file:* ]]; then
        local list=${mirror#mirror+file:}
        mirror=$(awk '!/^#/ && NF { print $1; exit }' "/$(sed 's,^/*,,; s,/$,,' <<<"$list")")
    fi
}

# What the source's entry in FILE says about trust; debootstrap's own keyring serves where it says nothing.
find_trust() {
    local file=$1 separator='\n' entry keyring
    [[ $file != *.sources ]] || separator=
    entry=$(awk -v RS="$separator" -v mirror="${mirror%/}" -v release="$release" \
        'index($0, mirror) && index($0, release)' "$file")
    trust=()
    keyring=$(grep -iEo 'signed-by[=:][[:space:]]*/[^] ]+\.(gpg|pgp)' <<<"$entry" | head -n 1 | grep -o '/.*' || true)
    [[ ! -s $keyring ]] || trust=("--keyring=$keyring")
    if grep -iEq '^[^#]*trusted[=:][[:space:]]*yes' <<<"$entry"; then
        trust=(--no-check-gpg)
    fi
}

# debootstrap downloads with wget: hand it apt's proxy and certificate settings.
write_wgetrc() {
    local name value
    for name in http https; do
        value=
        eval "$(apt-config shell value "Acquire::$name::Proxy")"
        case $value in
            '') ;;
            DIRECT) echo 'use_proxy = off' ;;
            *) echo "${name}_proxy = $value" ;;
        esac
    done
    value=
    eval "$(apt-config shell value Acquire::https::CAInfo)"
    [[ -z $value ]] || echo "ca_certificate = $value"
    value=
    eval "$(apt-config shell value Acquire::https::Verify-Peer)"
    [[ $value != false ]] || echo 'check_certificate = off'
}

# The machine's own apt resolves and downloads for the new root: no source, proxy or password has to be put there.
download_postgres() {
    apt-get install --yes --download-only --no-install-recommends \
        -o Dir::State::status="$root/var/lib/dpkg/status" \
        -o Dir::State::extended_states="$work/extended_states" \
        -o Dir::Cache::archives="$root/var/cache/apt/archives" \
        postgresql zstd xz-utils
}

# The package must make no cluster, and the user has the number that the official image gives it: a volume written by
# the one can be read by the other.
prepare_root() {
    mkdir -p "$root/etc/postgresql-common/createcluster.d" "$root/var/lib/postgresql"
    echo 'create_main_cluster = false' >"$root/etc/postgresql-common/createcluster.d/image.conf"
    chroot "$root" groupadd --system --gid 999 postgres
    chroot "$root" useradd --system --uid 999 --gid 999 --home-dir /var/lib/postgresql --shell /bin/bash postgres
    cat >"$root/etc/dpkg/dpkg.cfg.d/image" <<'END'
path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
path-exclude=/usr/share/man/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/locale/*
END
    # Nothing is to be started in there.
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
}

# One run of dpkg over all packages: it sorts them itself.
install_postgres() {
    chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
        sh -c 'dpkg --install /var/cache/apt/archives/*.deb'
}

finish_root() {
    find "$root/usr/share/doc" -type f ! -name copyright -delete
    find "$root/usr/share/doc" -type l ! -name copyright -delete
    find "$root/usr/share/doc" -type d -empty -delete
    rm -rf "$root"/usr/share/{man,info,locale}/* "$root"/var/cache/{apt,debconf}/* "$root"/var/lib/apt/lists/* \
        "$root"/var/log/*.log "$root"/var/log/apt "$root"/etc/apt/sources.list* "$root"/etc/ssl/private/ssl-cert-snakeoil.key
    # debootstrap copies these from the machine; docker writes its own.
    rm -f "$root/etc/hostname" "$root/etc/resolv.conf"
    # Listen to the bridge, as the official image does; the server's other defaults stay.
    local sample
    sample=$(echo "$root"/usr/share/postgresql/*/postgresql.conf.sample)
    sed -i "s/^#listen_addresses = 'localhost'/listen_addresses = '*'/" "$sample"
    grep -q "^listen_addresses = '\*'" "$sample"
    install -d -o 999 -g 999 -m 700 "$root/var/lib/postgresql/data"
    install -d "$root/docker-entrypoint-initdb.d"
    install -m 755 "$entrypoint" "$root/usr/local/bin/docker-entrypoint.sh"
}

# `docker import` takes no stop signal, so it comes in through a container that is never started.
import_root() {
    local major bare container
    major=$(basename "$root"/usr/lib/postgresql/*)
    bare=$(tar --create --directory "$root" --numeric-owner . | docker import \
        --change "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/postgresql/$major/bin" \
        --change "ENV LANG=C.UTF-8" \
        --change "ENV PG_MAJOR=$major" \
        --change "ENV PGDATA=/var/lib/postgresql/data" \
        --change "VOLUME /var/lib/postgresql/data" \
        --change 'ENTRYPOINT ["docker-entrypoint.sh"]' \
        --change 'CMD ["postgres"]' \
        --change "EXPOSE 5432" \
        --change "LABEL lifeboat.fingerprint=$fingerprint" \
        -)
    container=$(docker create --stop-signal SIGINT "$bare")
    docker commit "$container" "$postgres_image"
    docker rm --volumes "$container"
}

if ! find_mirror; then
    step "refresh the package lists" apt-get update
    find_mirror || missing "apt's sources name no mirror with the main component of $release: add one to build the image"
fi
write_wgetrc >"$work/wgetrc"
export WGETRC=$work/wgetrc
old=$(docker image inspect --format '{{.Id}}' "$postgres_image" 2>/dev/null || true)

say "building $postgres_image from Debian $release"
step "bootstrap Debian $release" \
    env DEBIAN_FRONTEND=noninteractive debootstrap --variant=minbase --arch="$arch" "${trust[@]}" "$release" "$root" "$mirror"
prepare_root
mkdir -p "$root/var/cache/apt/archives/partial"
rm -f "$root"/var/cache/apt/archives/*.deb
if ! step "download postgresql" download_postgres; then
    say "trying again with fresh package lists"
    step "refresh the package lists" apt-get update
    step "download postgresql" download_postgres
fi
step "install postgresql" install_postgres
rm -f "$root/usr/sbin/policy-rc.d"
finish_root
step "import the image" import_root

# The image that this one replaces, unless a container still uses it.
[[ -z $old ]] || docker image rm "$old" >/dev/null 2>&1 || true
size=$(docker image inspect --format '{{.Size}}' "$postgres_image")
say "$postgres_image is ready: $((size / 1000000)) MB in $((SECONDS - started)) s"
