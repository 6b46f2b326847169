# Networks and addresses of a plugin: found by its socket, used as a driver.
cd "$(dirname "$0")"
python3 plugin.py /run/docker/plugins/example.sock /run/example.json >/run/example.log 2>&1 &
plugin=$!
until [ -S /run/docker/plugins/example.sock ]; do sleep 0.1; done
set -x

rnet network create -d example --ipam-driver example --ipv6 theirs
rnet run -d --name one --network theirs busybox sleep 1000
rnet run -d --name two --network theirs busybox sleep 1000

# by name, and in both families
rnet exec one ping -c 1 two
rnet exec one ping -6 -c 1 two

# what the plugin was told
sort /run/example.log | uniq -c

rnet rm -f one two
rnet network rm theirs
ip link show type bridge | grep px- || echo "nothing is left"
kill $plugin
