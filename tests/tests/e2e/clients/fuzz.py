"""What schemathesis is told: what breaks, and names of things that are there."""
import schemathesis

# said of what is not supported, and of swarms
MEANT = (501, 503)
THERE = {"id": ("c1", "c2", "n1"), "name": ("v1", "busybox", "n1")}


@schemathesis.check
def nothing_breaks(ctx, response, case):
    """No answer is a failure of the daemon's own."""
    code = response.status_code
    if code >= 500 and code not in MEANT:
        request = response.request
        with open("broken", "a") as broken:
            broken.write(f"{code} {request.method} {request.url} {request.body!r}: {response.text[:300]}\n")


@schemathesis.serializer("application/x-tar")
def archive(ctx, value):
    """Bytes that are no archive."""
    return value if isinstance(value, bytes) else str(value).encode()


@schemathesis.hook
def map_path_parameters(ctx, path_parameters):
    """Every other name is that of something that is there."""
    for name, value in (path_parameters or {}).items():
        there = THERE.get(name, ())
        choice = len(str(value)) % (2 * len(there) or 1)
        if choice < len(there):
            path_parameters[name] = there[choice]
    return path_parameters


@schemathesis.hook
def map_query(ctx, query):
    """No registry is asked."""
    (query or {}).pop("fromImage", None)
    return query


@schemathesis.hook
def map_body(ctx, body):
    """Every other container has an image, and would do something."""
    if isinstance(body, dict) and "HostConfig" in body and len(str(body)) % 2:
        body.update(Image="busybox", Cmd=["true"])
    return body
