"""What schemathesis is told: what breaks, and names of things that are there."""
import schemathesis

# said of what is not supported, and of swarms
MEANT = (501, 503)
THERE = {"id": ("c1", "c2", "n1"), "name": ("v1", "busybox", "n1")}


@schemathesis.check
def nothing_breaks(ctx, response, case):
    """No answer is a failure of the daemon's own."""
    code = response.status_code
    assert code < 500 or code in MEANT, f"{code}: {response.text[:300]}"


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
def map_body(ctx, body):
    """Every other container has an image, and would do something."""
    if isinstance(body, dict) and "HostConfig" in body and len(str(body)) % 2:
        body.update(Image="busybox", Cmd=["true"])
    return body
