"""A day of a script's with docker-py."""
import io
import tarfile

import docker

client = docker.from_env()
assert client.ping() and client.version()["Platform"]["Name"] == "rnet"

# run to the end: output, errors, exit codes
assert client.containers.run("busybox", ["echo", "hi"], remove=True) == b"hi\n"
try:
    client.containers.run("busybox", ["sh", "-c", "echo bad >&2; exit 4"], remove=True)
    raise AssertionError("it failed")
except docker.errors.ContainerError as error:
    assert error.exit_status == 4 and error.stderr == b"bad\n", error
try:
    client.containers.run("localhost:1/missing:latest")
    raise AssertionError("it is missing")
except docker.errors.APIError:
    pass

# in the background, on a network of its own
network = client.networks.create("n1", labels={"a": "b"}, ipam=docker.types.IPAMConfig(
    pool_configs=[docker.types.IPAMPool(subnet="10.88.0.0/24")]))
assert [it.name for it in client.networks.list(filters={"label": ["a=b"]})] == ["n1"]
web = client.containers.run(
    "busybox", ["sh", "-c", "echo page >/www/index.html; exec httpd -f -h /www"], detach=True, name="web",
    network="n1", ports={"80/tcp": 8080, "81/tcp": ("127.0.0.1", 8081)}, environment={"A": "b"}, mem_limit="64m",
    volumes={"data": {"bind": "/data", "mode": "rw"}}, labels={"tier": "front"}, cap_drop=["MKNOD"], nano_cpus=10**9)
web.reload()
assert web.status == "running" and web.attrs["HostConfig"]["Memory"] == 64 << 20
assert web.ports["81/tcp"] == [{"HostIp": "127.0.0.1", "HostPort": "8081"}], web.ports
assert web.attrs["NetworkSettings"]["Networks"]["n1"]["IPAddress"].startswith("10.88.0.")
assert [it.name for it in client.containers.list(filters={"label": "tier=front", "status": "running"})] == ["web"]

# execute: plain, split, streamed, and over a socket
assert web.exec_run("sh -c 'echo $A; exit 3'") == (3, b"b\n")
code, (out, error) = web.exec_run(["sh", "-c", "echo out; echo error >&2"], demux=True)
assert (code, out, error) == (0, b"out\n", b"error\n")
assert b"".join(web.exec_run("seq 3", stream=True).output) == b"1\n2\n3\n"
assert web.exec_run("tty", tty=True).output.startswith(b"/dev/pts/")
_, channel = web.exec_run("cat", stdin=True, socket=True)
channel._sock.sendall(b"ping\n")
channel._sock.shutdown(1)
received = b""
while chunk := channel.read(4096):
    received += chunk
assert received.endswith(b"ping\n"), received
channel.close()

# files
archive = io.BytesIO()
with tarfile.open(fileobj=archive, mode="w") as tar:
    entry = tarfile.TarInfo("file")
    entry.size = 4
    tar.addfile(entry, io.BytesIO(b"text"))
assert web.put_archive("/data", archive.getvalue())
bits, stat = web.get_archive("/data/file")
assert stat["name"] == "file" and stat["size"] == 4
with tarfile.open(fileobj=io.BytesIO(b"".join(bits))) as tar:
    assert tar.extractfile("file").read() == b"text"

# what it does, and what is done to it
assert "httpd" in str(web.top()) and web.stats(stream=False)["memory_stats"]["limit"] == 64 << 20
assert {"Path": "/www/index.html", "Kind": 1} in web.diff()
web.update(mem_limit="32m", memswap_limit="64m")
web.rename("renamed")
web.pause()
web.unpause()
other = client.containers.create("busybox", "sleep 1000", name="other", tty=True, stdin_open=True)
network.connect(other, aliases=["alias"])
other.start()
assert web.exec_run("ping -c 1 -W 5 alias").exit_code == 0
network.disconnect(other)
other.kill()
assert other.wait() == {"StatusCode": 137} or other.wait()["StatusCode"] == 137
other.remove()
talker = client.containers.run("busybox", ["sh", "-c", "echo one; echo two"], detach=True)
assert talker.wait()["StatusCode"] == 0
assert talker.logs(tail=1) == b"two\n" and list(talker.logs(stream=True, follow=True)) != []
talker.remove()
web.stop(timeout=0)
web.remove(force=True, v=True)

# volumes, networks, images and the system
assert [it.name for it in client.volumes.list()] == ["data"]
client.volumes.get("data").remove()
network.remove()
image = client.images.get("busybox")
assert image.tag("other", "2") and "other:2" in client.images.get("other:2").tags
client.images.remove("other:2")
assert client.info()["Containers"] == 0
assert client.containers.prune()["SpaceReclaimed"] == 0
for kind in (client.networks, client.volumes, client.images):
    kind.prune()
try:
    client.containers.get("missing")
    raise AssertionError("it is missing")
except docker.errors.NotFound:
    pass
print("done")
