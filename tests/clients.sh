#!/bin/sh
# Puts clients of the Docker Engine API that are written in Python into a directory.
set -eu
directory=$1
mkdir -p "$directory"
wanted=$(dirname "$0")/clients.txt
if ! cmp -s "$wanted" "$directory/clients.txt"; then
	if python3 -m venv "$directory/venv" && "$directory/venv/bin/pip" install -q --disable-pip-version-check -r "$wanted"
	then cp "$wanted" "$directory"
	else echo "left out: docker-py and schemathesis, which pip cannot install here"
	fi
fi
