rnet network create front
rnet network create --internal back

rnet run -d --name db --network back --network-alias database busybox sh -c 'echo 42 >/www/index.html; exec httpd -f -h /www'
rnet run -d --name app --network front busybox sleep 1000
rnet run -d --name guest --network front busybox sleep 1000

echo; echo "# the application does not know the database ..."
rnet exec app wget -qO- http://database/ || echo "(exit code $?)"

echo; echo "# ... until it is on its network, too"
rnet network connect back app
until rnet exec app wget -qO- http://database/; do sleep 0.1; done
rnet exec app ip -o -4 address

echo; echo "# its neighbour still cannot reach it, and the database itself cannot reach the world"
rnet exec guest wget -qO- http://database/ || echo "(exit code $?)"
rnet exec db ping -c 1 -W 1 192.0.2.2 || echo "(exit code $?)"
