"""A small HTTP load generator: prepared requests go in, answers a second come out, or how long answers took at a steady rate.

One thread, a fixed number of keep-alive connections, each of which sends its next request when the last one is answered (or when the next
one is due), for a bounded time. Requests are whole byte strings made beforehand, so that the generator costs some tens of microseconds a request.
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


def answers_per_second(port, requests, connections, seconds, began=lambda: None):
    """Keeps `connections` busy and returns the completed requests a second of `seconds`, which begin, and `began` is told, once as many are
    answered as there are connections: what is under way at the end then makes up for what was under way at the beginning."""
    selector, links = _connect(port, connections)
    for index, link in enumerate(links):
        link.sendall(requests[index % len(requests)])
    sent, start = connections, None
    try:
        while start is None or time.monotonic() < start + seconds:
            for link in _answered(selector, 0.5):
                link.sendall(requests[sent % len(requests)])
                sent += 1
            if start is None and sent >= 2 * connections:
                start, before = time.monotonic(), sent
                began()
        return (sent - before) / (time.monotonic() - start)
    finally:
        for link in links:
            link.close()


def milliseconds_at(port, requests, rate, seconds, connections=64):
    """Milliseconds from when each request was due to its whole answer, `rate` of them being due a second whatever the answers do."""
    selector, links = _connect(port, connections)
    free, asked, times = list(links), {}, []
    start, sent, total = time.monotonic() + 0.05, 0, max(50, int(rate * seconds))
    try:
        while len(times) < total:
            now = time.monotonic()
            while free and sent < total and start + sent / rate <= now:
                link = free.pop()
                asked[link] = start + sent / rate
                link.sendall(requests[sent % len(requests)])
                sent += 1
            wait = max(0, start + sent / rate - time.monotonic()) if free and sent < total else 0.5
            for link in _answered(selector, wait):
                times.append((time.monotonic() - asked.pop(link)) * 1000)
                free.append(link)
        return times
    finally:
        for link in links:
            link.close()


def _connect(port, connections):
    """A selector and as many open connections, each with a buffer for its answer."""
    selector, links = selectors.DefaultSelector(), []
    for _ in range(connections):
        link = socket.create_connection(("127.0.0.1", port))
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(link, selectors.EVENT_READ, bytearray())
        links.append(link)
    return selector, links


def _answered(selector, wait):
    """The connections whose answers are whole, after at most `wait` seconds."""
    for key, _ in selector.select(timeout=wait):
        received = key.fileobj.recv(1 << 16)
        if not received:
            raise Refused("the server closed a connection")
        key.data.extend(received)
        if _complete(key.data):
            key.data.clear()
            yield key.fileobj


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
