#!/bin/sh
# Usage: tools/system_packages.sh [PYTHON]
# What the tests need of the system is there when this ends well. What is missing gets installed on
# Debian as root; elsewhere one line says what to run.
set -u
python=${1:-python3}

have() {
    for name in "$@"; do
        command -v "$name" > /dev/null 2>&1 && return 0
    done
    return 1
}

missing=
have redis-server || missing="$missing redis-server"
have chromium chromium-browser google-chrome || missing="$missing chromium"
have haproxy /usr/sbin/haproxy || missing="$missing haproxy"
have nginx /usr/sbin/nginx || missing="$missing nginx-light"
have npm || missing="$missing npm"
"$python" -c 'import ensurepip' 2> /dev/null || missing="$missing python3-venv"
[ -n "$missing" ] || exit 0

if have apt-get && [ "$(id -u)" -eq 0 ]; then
    echo "Installing$missing"
    # Without a font a browser shows no text; lists of packages may never have been fetched.
    export DEBIAN_FRONTEND=noninteractive
    install="apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends"
    $install $missing fonts-liberation > /dev/null 2>&1 && exit 0
    apt-get -qq -o DPkg::Lock::Timeout=300 update && $install $missing fonts-liberation > /dev/null
    exit
fi

if have apt-get; then
    echo "The tests need more of this system: sudo apt-get install -y$missing"
elif have brew; then
    echo "The tests need more of this system: brew install$missing" | sed 's/redis-server/redis/; s/nginx-light/nginx/'
elif have dnf; then
    echo "The tests need more of this system: sudo dnf install -y$missing" |
        sed 's/redis-server/redis/; s/nginx-light/nginx/'
else
    echo "The tests need more of this system; install with its package manager:$missing"
fi >&2
exit 1
