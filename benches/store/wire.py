"""The little of MQTT 3.1.1 that the loads of the store speak."""
import socket

def varint(n):
    out = b""
    while True:
        b = n % 128; n //= 128
        out += bytes([b | (128 if n else 0)])
        if not n: return out

def packet(first, body): return bytes([first]) + varint(len(body)) + body
def text(s): return len(s).to_bytes(2, "big") + s.encode()

def connect(port, name, clean):
    s = socket.create_connection(("127.0.0.1", port)); s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.sendall(packet(0x10, text("MQTT") + bytes([4, 2 if clean else 0, 0, 0]) + text(name)))
    got = b""
    while len(got) < 4: got += s.recv(4 - len(got))
    assert got[0] == 0x20 and got[3] == 0, got
    return s
