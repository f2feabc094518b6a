#!/usr/bin/env bash
# Installs what Tollgate needs and this host lacks. Quick when nothing is missing.
#
# Debian and Ubuntu: by apt-get. Their packages would also create a cluster and start services; both are prevented, for
# Tollgate runs its own Postgres and Redis and leaves the host's alone. Elsewhere: says which command to type.
set -euo pipefail

have() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ]; }
have_postgres() { have postgres || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || compgen -G '/usr/pgsql-*/bin/postgres' >/dev/null; }
have_redis() { have redis-server || have valkey-server; }
have_python() { have python3 && python3 -c 'import ensurepip, pip, venv' 2>/dev/null; }

missing=()
have cc || missing+=(compiler)
have_postgres || missing+=(postgres)
have_redis || missing+=(redis)
have_python || missing+=(python)
have node || missing+=(node)
have setpriv || missing+=(util-linux)
[ "$(uname)" != Linux ] || have nft || missing+=(nftables)
# Tests make networks of their own with it.
[ "$(uname)" != Linux ] || have ip || missing+=(iproute2)

if ! have cargo; then
    echo "Rust is missing. Install it with: curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh" >&2
    exit 1
fi
[ ${#missing[@]} -eq 0 ] && exit 0

# The words of the n-th group (1: Debian, 2: Fedora, 3: Homebrew) for what is missing.
packages_of() {
    local name
    for name in "${missing[@]}"; do
        awk -v name="$name" -v group="$1" 'BEGIN { RS = "\n" } $1 == name { line = $0; sub(/^[^ ]+ +/, "", line); split(line, part, / *\| */); print part[group] }' <<'TABLE'
compiler   gcc libc6-dev | gcc glibc-devel | gcc
postgres   postgresql | postgresql-server | postgresql@17
redis      redis-server | valkey | redis
python     python3 python3-venv python3-pip | python3 python3-pip | python@3.13
node       nodejs | nodejs | node
util-linux util-linux | util-linux | util-linux
nftables   nftables | nftables | none
iproute2   iproute2 | iproute | none
TABLE
    done | tr '\n' ' '
}

if [ "$(uname)" = Darwin ]; then
    echo "Missing: ${missing[*]}. Install with: brew install $(packages_of 3)" >&2
    echo "Functions run isolated only on Linux: on macOS, work in a Linux virtual machine." >&2
    exit 1
fi
if ! have apt-get; then
    if have dnf; then
        echo "Missing: ${missing[*]}. Install with: sudo dnf install $(packages_of 2)" >&2
    else
        echo "Missing: ${missing[*]}. Install the packages that Debian calls: $(packages_of 1)" >&2
    fi
    exit 1
fi

sudo=
if [ "$(id -u)" -ne 0 ]; then
    have sudo || { echo "Missing: ${missing[*]}. As root: apt-get install $(packages_of 1)" >&2; exit 1; }
    sudo=sudo
fi

# Neither a service nor a cluster may come with the packages. What is changed here for that is put back at the end.
policy=/usr/sbin/policy-rc.d
cluster=/etc/postgresql-common/createcluster.conf
put_back=()
restore() {
    local file
    for file in ${put_back[@]+"${put_back[@]}"}; do
        $sudo rm -f "$file"
    done
}
trap restore EXIT
if [ ! -e $policy ]; then
    put_back+=("$policy")
    printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy >/dev/null
    $sudo chmod 755 $policy
fi
if [ ! -e $cluster ]; then
    put_back+=("$cluster")
    $sudo mkdir -p "$(dirname $cluster)"
    echo 'create_main_cluster = false' | $sudo tee $cluster >/dev/null
fi

had_redis_service=no
[ -e /lib/systemd/system/redis-server.service ] && had_redis_service=yes
echo "Installing $(packages_of 1)..."
$sudo apt-get update -qq
# shellcheck disable=SC2046
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o Dpkg::Options::=--force-confold $(packages_of 1) >/dev/null
# It would start at the next boot.
if [ $had_redis_service = no ] && have systemctl; then
    $sudo systemctl disable --quiet redis-server 2>/dev/null || true
fi
