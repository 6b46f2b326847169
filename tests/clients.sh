#!/bin/sh
# Puts stock clients of the Docker Engine API into a directory; no daemon is installed or started for it.
set -eu
directory=$1
mkdir -p "$directory/bin"

# Debian's docker.io starts a daemon where it is installed, so its client is taken out of it
if ! command -v docker >/dev/null && ! [ -x "$directory/bin/docker" ]; then
	apt-get update -qq
	cd "$directory"
	apt-get download -qq docker-cli 2>/dev/null || apt-get download -qq docker.io
	dpkg -x docker*.deb package
	mv package/usr/bin/docker bin
	rm -r package docker*.deb
	cd - >/dev/null
fi

wanted=$(dirname "$0")/clients.txt
if ! cmp -s "$wanted" "$directory/clients.txt"; then
	if python3 -m venv "$directory/venv" && "$directory/venv/bin/pip" install -q --disable-pip-version-check -r "$wanted"
	then cp "$wanted" "$directory"
	else echo "left out: docker-py and schemathesis, which pip cannot install here"
	fi
fi
