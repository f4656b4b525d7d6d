"""The watch over connections sees what it is there to see."""

import sys

from tests.support.connections import Address, trace_connections

SEND = """
import socket, sys
family, kind, host = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM, sys.argv[1]
with socket.socket(family, kind) as one:
    try:
        one.connect((host, 53)) if sys.argv[2] == "connect" else one.sendto(b"question", (host, 53))
    except OSError:
        pass
"""


def test_an_attempt_to_connect_off_this_machine_is_seen_in_a_child_too():
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SEND!r}, '192.0.2.1', 'connect'])"
    assert trace_connections([sys.executable, "-c", child]).off_loopback == [Address("192.0.2.1", 53)]


def test_a_datagram_without_a_connection_is_seen():
    assert trace_connections([sys.executable, "-c", SEND, "2001:db8::1", "send"]).off_loopback == [
        Address("2001:db8::1", 53)
    ]


def test_what_stays_on_this_machine_is_told_apart():
    traced = trace_connections([sys.executable, "-c", SEND, "127.0.0.1", "connect"])
    assert traced.addresses == {Address("127.0.0.1", 53)} and traced.off_loopback == []
    assert Address("::ffff:127.0.0.1", 1).is_loopback and Address("::1", 1).is_loopback
    assert not Address("::ffff:192.0.2.1", 1).is_loopback
