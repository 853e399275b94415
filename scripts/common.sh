# Sourced by the scripts beside it: where things are kept, and how they speak.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${INKFLEET_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/inkfleet}
mkdir -p "$cache"

say() { printf '\n== %s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# install_debian_packages PACKAGE...: installs those that are missing.
install_debian_packages() {
  local package sudo= missing=()
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0

  say "Debian packages: ${missing[*]}"
  command -v apt-get >/dev/null || die "this is not Debian or Ubuntu; install these yourself: ${missing[*]}"
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || die "run as root, or install these yourself: ${missing[*]}"
    sudo=sudo
  fi
  $sudo apt-get -q update
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "${missing[@]}"
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

# make_node_env NAME PACKAGE_JSON: the same of Node.js packages. Its path is left in $node_env.
make_node_env() {
  node_env=$cache/$1
  command -v npm >/dev/null || install_debian_packages nodejs npm
  (
    flock 9
    cmp -s "$2" "$node_env/package.json" && exit 0
    say "Node.js packages $1 -> $node_env"
    rm -rf "$node_env"
    mkdir -p "$node_env/new"
    cp "$2" "$node_env/new/package.json"
    npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$node_env/new"
    mv "$node_env/new/node_modules" "$node_env/"
    mv "$node_env/new/package.json" "$node_env/"
    rm -rf "$node_env/new"
  ) 9>"$cache/$1.lock"
}
