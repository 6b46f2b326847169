#!/usr/bin/env python3
"""A driver of networks and a driver of addresses in one small plugin, for rnet and for dockerd.

Every network is a bridge, every endpoint a veth pair; addresses are counted upwards. What the plugin knows is in one
file, written before a call is answered: nobody tells it again what it was told. Needs iproute2.

    plugin.py SOCKET FILE
"""

import ipaddress
import json
import os
import socketserver
import subprocess
import sys
from http.server import BaseHTTPRequestHandler
from threading import Lock

POOLS = {False: ("10.77.0.0/16", 24), True: ("fd77::/48", 64)}
GATEWAY = "com.docker.network.gateway"


def ip(line, may_fail=False):
    done = subprocess.run(["ip", *line.split()], capture_output=True, text=True)
    if done.returncode and not may_fail:
        raise ValueError(f"ip {line}: {done.stderr.strip()}")


def bridge(network):
    return "px-" + network[:12]


def veth(endpoint):
    """The end that stays here, and the one that is taken into the sandbox."""
    return "pxh" + endpoint[:11], "pxc" + endpoint[:11]


class Plugin:
    def __init__(self, file):
        self.file = file
        self.lock = Lock()
        self.networks, self.endpoints, self.pools = {}, {}, {}
        if os.path.exists(file):
            with open(file) as known:
                self.networks, self.endpoints, self.pools = json.load(known)

    def call(self, name, body):
        with self.lock:
            answer = getattr(self, name.replace(".", "_"))(body) or {}
            with open(self.file + ".new", "w") as known:
                json.dump([self.networks, self.endpoints, self.pools], known)
            os.rename(self.file + ".new", self.file)
            return answer

    def Plugin_Activate(self, _):
        return {"Implements": ["NetworkDriver", "IpamDriver"]}

    # networks

    def NetworkDriver_GetCapabilities(self, _):
        return {"Scope": "local", "ConnectivityScope": "local"}

    def NetworkDriver_CreateNetwork(self, body):
        name = bridge(body["NetworkID"])
        gateways = {}
        for key, data in (("Gateway", body.get("IPv4Data")), ("GatewayIPv6", body.get("IPv6Data"))):
            if data and data[0].get("Gateway"):
                gateways[key] = data[0]["Gateway"]
        self.networks[body["NetworkID"]] = gateways
        ip(f"link add {name} type bridge")
        for address in gateways.values():
            ip(f"address add {address} dev {name} nodad")
        ip(f"link set {name} up")

    def NetworkDriver_DeleteNetwork(self, body):
        ip(f"link delete {bridge(body['NetworkID'])}", may_fail=True)
        self.networks.pop(body["NetworkID"], None)

    def NetworkDriver_CreateEndpoint(self, body):
        here, there = veth(body["EndpointID"])
        self.endpoints[body["EndpointID"]] = body["NetworkID"]
        ip(f"link add {here} type veth peer name {there}")
        ip(f"link set {here} master {bridge(body['NetworkID'])} up")
        return {"Interface": {}}

    def NetworkDriver_EndpointOperInfo(self, _):
        return {"Value": {}}

    def NetworkDriver_Join(self, body):
        gateways = self.networks[body["NetworkID"]].items()
        gateways = {key: address.split("/")[0] for key, address in gateways}
        _, there = veth(body["EndpointID"])
        return {"InterfaceName": {"SrcName": there, "DstPrefix": "eth"}, **gateways}

    def NetworkDriver_Leave(self, _):
        pass

    def NetworkDriver_DeleteEndpoint(self, body):
        here, _ = veth(body["EndpointID"])
        ip(f"link delete {here}", may_fail=True)
        self.endpoints.pop(body["EndpointID"], None)

    # addresses

    def IpamDriver_GetCapabilities(self, _):
        return {"RequiresMACAddress": False, "RequiresRequestReplay": False}

    def IpamDriver_GetDefaultAddressSpaces(self, _):
        return {"LocalDefaultAddressSpace": "example", "GlobalDefaultAddressSpace": "example-global"}

    def IpamDriver_RequestPool(self, body):
        everything, size = POOLS[body.get("V6", False)]
        given = ipaddress.ip_network(everything).subnets(new_prefix=size)
        pool = body.get("Pool") or next(str(it) for it in given if str(it) not in self.pools)
        self.pools.setdefault(pool, [])
        return {"PoolID": pool, "Pool": pool, "Data": {}}

    def IpamDriver_ReleasePool(self, body):
        self.pools.pop(body["PoolID"], None)

    def IpamDriver_RequestAddress(self, body):
        taken = self.pools[body["PoolID"]]
        pool = ipaddress.ip_network(body["PoolID"])
        wanted = body.get("Address") or next(str(it) for it in pool.hosts() if str(it) not in taken)
        if wanted in taken:
            raise ValueError(f"address {wanted} is taken")
        taken.append(wanted)
        return {"Address": f"{wanted}/{pool.prefixlen}", "Data": {}}

    def IpamDriver_ReleaseAddress(self, body):
        taken = self.pools.get(body["PoolID"], [])
        if body["Address"] in taken:
            taken.remove(body["Address"])


class Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    plugin = None

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        name = self.path.strip("/")
        try:
            status, answer = 200, self.plugin.call(name, json.loads(body or "{}"))
        except AttributeError:
            status, answer = 404, {"Err": f"{name} is not known here"}
        except Exception as error:
            key = "Error" if name.startswith("Ipam") else "Err"
            status, answer = 200, {key: f"{type(error).__name__}: {error}"}
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/vnd.docker.plugins.v1.2+json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        print(self.path, flush=True)

    def address_string(self):
        return "socket"


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


if __name__ == "__main__":
    socket, Door.plugin = sys.argv[1], Plugin(sys.argv[2])
    os.makedirs(os.path.dirname(socket), exist_ok=True)
    if os.path.exists(socket):
        os.remove(socket)
    Server(socket, Door).serve_forever()
