"""`python -m fusion_site.rehearsal`: the scripted models for programs outside this site."""

from __future__ import annotations

import argparse
import os
import sys
import threading

from fusion_site.rehearsal.host import HOST, RehearsalHost


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted; the address and the key are the first two lines on stdout."""
    parser = argparse.ArgumentParser(prog="python -m fusion_site.rehearsal", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="default: any free port")
    parser.add_argument("--key", default=os.environ.get("FUSION_REHEARSAL_KEY"), help="default: a random one")
    speed = float(os.environ.get("FUSION_REHEARSAL_SPEED", "1"))
    parser.add_argument("--speed", type=float, default=speed, help="divides all waiting")
    asked = parser.parse_args(arguments)
    host = RehearsalHost(asked.speed, port=asked.port, key=asked.key)
    host.start()
    sys.stdout.write(f"http://{HOST}:{host.port}/v1\n{host.key}\n")
    sys.stdout.flush()
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        host.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
