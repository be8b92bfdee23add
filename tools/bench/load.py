"""A small HTTP load generator: prepared requests go in, answers a second come out.

One thread, a fixed number of keep-alive connections, each of which sends its next request when the last one is answered, for a bounded
time. Requests are whole byte strings made beforehand, so that the generator costs some tens of microseconds a request.
"""

import selectors
import socket
import time


class Refused(Exception):
    """An answer that was not 200."""


def prepare(path, body, kind="application/octet-stream"):
    """A whole POST request."""
    head = f"POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def answers_per_second(port, requests, connections, seconds):
    """Keeps `connections` busy for `seconds` and returns the completed requests a second."""
    selector = selectors.DefaultSelector()
    waiting = []
    for index in range(connections):
        link = socket.create_connection(("127.0.0.1", port))
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(link, selectors.EVENT_READ, bytearray())
        link.sendall(requests[index % len(requests)])
        waiting.append(link)
    sent, done, start = connections, 0, time.monotonic()
    end = start + seconds
    try:
        while time.monotonic() < end:
            for key, _ in selector.select(timeout=0.5):
                received = key.fileobj.recv(1 << 16)
                if not received:
                    raise Refused("the server closed a connection")
                key.data.extend(received)
                if _complete(key.data):
                    key.data.clear()
                    done += 1
                    key.fileobj.sendall(requests[sent % len(requests)])
                    sent += 1
        return done / (time.monotonic() - start)
    finally:
        for link in waiting:
            link.close()


def _complete(answer):
    """Whether a whole answer has arrived; raises unless its status is 200."""
    head_end = answer.find(b"\r\n\r\n")
    if head_end < 0:
        return False
    if not answer.startswith(b"HTTP/1.1 200"):
        raise Refused(bytes(answer[:300]).decode(errors="replace"))
    head = bytes(answer[:head_end]).lower()
    at = head.find(b"content-length:")
    if at < 0:
        raise Refused("an answer without content-length")
    length = int(head[at + 15 :].split(b"\r\n", 1)[0])
    return len(answer) >= head_end + 4 + length
