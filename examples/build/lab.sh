command -v buildah >/dev/null || { echo "buildah is needed: apt-get install buildah"; exit 1; }
buildah="buildah --root /run/buildah/root --runroot /run/buildah/run --storage-driver vfs"
work=$(mktemp -d); export TMPDIR=$work

echo; echo "# the image busybox, as rnet has it, is what we build on"
rnet save busybox >$work/base.tar
cat >$work/Containerfile <<'END'
FROM docker-archive:base.tar
RUN mkdir -p /srv && echo "built here" >/srv/index.html
LABEL org.opencontainers.image.title=page
CMD ["httpd", "-f", "-h", "/srv"]
END

echo; echo "# buildah builds it ..."
(cd $work && $buildah bud -q --isolation chroot --network host -t page:1 .)
$buildah push -q page:1 oci-archive:$work/page.tar:localhost/page:1

echo; echo "# ... and rnet loads and runs it"
rnet load -i $work/page.tar
rnet run -d --name page -p 8080:80 localhost/page:1
until wget -qO- http://127.0.0.1:8080/ 2>/dev/null; do sleep 0.1; done
rnet history localhost/page:1
rm -r $work /run/buildah
