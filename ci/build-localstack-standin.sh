#!/usr/bin/env bash
# Builds the docker image lifeboat/localstack-standin:local, which is NOT LocalStack: it is moto's server on LocalStack's
# port, and says `Ready.` as LocalStack does. With it the starter can be tested where LocalStack's own image cannot be
# had. It adds Debian's Python and the tests' pinned moto to lifeboat/postgres:local. Exit code 3: no docker daemon.
set -euo pipefail
# shellcheck source=ci/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

image=lifeboat/localstack-standin:local
"$repo_root/ci/build-postgres-image.sh"
entrypoint=$repo_root/ci/localstack-standin.py
requirements=$repo_root/ci/requirements.txt
base=$(docker image inspect --format '{{.Id}}' "$postgres_image")
fingerprint=$({ cat "${BASH_SOURCE[0]}" "$entrypoint" "$requirements" && echo "$base"; } | sha256sum | cut -d' ' -f1)

image_label() {
    docker image inspect --format '{{index .Config.Labels "lifeboat.fingerprint"}}' "$image" 2>/dev/null
}

# One build at a time: the second one then finds the image that the first one made.
exec 9<"${BASH_SOURCE[0]}"
flock 9
if [[ $(image_label) == "$fingerprint" ]]; then
    say "$image is there and up to date"
    exit 0
fi
started=$SECONDS
command -v apt-get >/dev/null || missing "the image is built from Debian packages, and this system has no apt-get"
work=$(mktemp -d -p "${TMPDIR:-/var/tmp}" lifeboat-standin.XXXXXX)
container=
clean_up() {
    [[ -z $container ]] || docker rm --force --volumes "$container" >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap clean_up EXIT

say "building $image from $postgres_image"
container=$(docker create --entrypoint /bin/sh "$base" -c \
    'dpkg --install /opt/standin/debs/*.deb && rm -rf /opt/standin/debs')
docker cp "$container:/var/lib/dpkg/status" "$work/status"
mkdir -p "$work/standin/debs/partial"
# The machine's own apt resolves and downloads what the image lacks.
apt-get install --yes --quiet --quiet --download-only --no-install-recommends \
    -o Dir::State::status="$work/status" -o Dir::State::extended_states="$work/extended_states" \
    -o Dir::Cache::archives="$work/standin/debs" -o Debug::NoLocking=1 python3-minimal python3 >"$work/log" 2>&1 || {
    tail -n 20 "$work/log" >&2
    say "could not download Python for the image: see apt's last messages above"
    exit 1
}
rm -rf "$work/standin/debs/partial" "$work/standin/debs/lock"
# Wheels for the image's Python, whatever this machine's is.
version=$(basename "$work"/standin/debs/python3-minimal_*.deb | sed -E 's/python3-minimal_([0-9]+\.[0-9]+).*/\1/')
"$repo_root/.venv/bin/pip" install --quiet --disable-pip-version-check --no-input --no-compile \
    --target "$work/standin/packages" --only-binary=:all: --implementation cp --python-version "$version" \
    --constraint <(sed 's/\[.*\]//' "$requirements") 'moto[dynamodb]' flask flask-cors </dev/null
# The interpreter alone: Debian's packages around it want each other configured in an order that one run does not keep.
rm -f "$work"/standin/debs/{python3,python3-minimal,libpython3-stdlib}_*.deb
cp "$entrypoint" "$work/standin/serve.py"
docker cp "$work/standin" "$container:/opt/standin"
docker start --attach "$container" >"$work/log" 2>&1 || {
    tail -n 20 "$work/log" >&2
    say "could not install Python in the image: see dpkg's last messages above"
    exit 1
}
docker commit --change 'ENTRYPOINT ["python'"$version"'", "/opt/standin/serve.py"]' --change 'CMD []' \
    --change 'ENV PYTHONPATH=/opt/standin/packages' --change 'ENV PYTHONDONTWRITEBYTECODE=1' \
    --change 'EXPOSE 4566' --change 'USER root' --change "LABEL lifeboat.fingerprint=$fingerprint" \
    "$container" "$image" >/dev/null
say "$image is ready in $((SECONDS - started)) s"
