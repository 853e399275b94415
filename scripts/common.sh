# Sourced by the scripts beside it: where things are kept, and how they speak.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${INKFLEET_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/inkfleet}
mkdir -p "$cache"

say() { printf '\n== %s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# as_root CMD...: runs it as root, by sudo where that is needed.
as_root() {
  [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null || die "this needs root: $*"
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# install_debian_packages PACKAGE...: installs those that are missing.
install_debian_packages() {
  local package missing=()
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0

  say "Debian packages: ${missing[*]}"
  command -v apt-get >/dev/null || die "this is not Debian or Ubuntu; install these yourself: ${missing[*]}"
  as_root apt-get -q update || die "install these yourself: ${missing[*]}"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "${missing[@]}"
}

# make_python_env NAME REQUIREMENTS: a virtual environment in the cache that holds exactly what the file
# asks for; made again when the file changes. Its path is left in $python_env.
make_python_env() {
  python_env=$cache/$1
  (
    flock 9
    cmp -s "$2" "$python_env/requirements.txt" && exit 0
    say "Python environment $1 ($(grep -vc '^#' "$2") packages) -> $python_env"
    rm -rf "$python_env"
    python3 -m venv "$python_env"
    "$python_env/bin/pip" install --quiet --disable-pip-version-check -r "$2"
    cp "$2" "$python_env/requirements.txt"
  ) 9>"$cache/$1.lock"
}

node_least=20.19
node_version=24.19.0

# has_node: whether there is a Node.js that is new enough, the system's or the cache's; if so, it is first in PATH.
has_node() {
  local fetched=$cache/node-$node_version/bin
  is_new_enough() { node -e "const [a, b] = process.versions.node.split('.'); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)"; }
  command -v node >/dev/null && command -v npm >/dev/null && is_new_enough && return 0
  [ -x "$fetched/node" ] || return 1
  PATH=$fetched:$PATH
}

# install_node_packages: what package-lock.json names, into node_modules of the tree; again when it changes.
install_node_packages() {
  (
    flock 9
    cmp -s "$root/package-lock.json" "$root/node_modules/.installed-lock.json" && exit 0
    say "npm packages -> node_modules"
    cd "$root"
    npm ci --no-audit --no-fund --loglevel error
    cp package-lock.json node_modules/.installed-lock.json
  ) 9>"$cache/npm.lock"
}
