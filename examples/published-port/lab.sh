rnet run -d --name web -p 8080:80 busybox sh -c 'echo it works >/www/index.html; exec httpd -f -h /www'

echo; echo "# a container is reached by the host's port ..."
until busybox wget -qO- http://127.0.0.1:8080/; do sleep 0.1; done

echo; echo "# ... and this is all there is to it: no process, one element"
rnet port web
nft list map inet rnet publish4_any
