"""A queue longer than memory: COUNT messages of 256 B wait for one session that is away; the broker is killed, comes
back, and the subscriber gets each once, in order, as it was. `pages.py PROGRAM COUNT [SESSIONS]`; see docs/persistence.md.
With SESSIONS, so many sessions wait for a part of COUNT each."""
import os, select, shutil, socket, subprocess, sys, tempfile, time

# The little of MQTT 3.1.1 that is spoken here.

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

SIZE = 256
# Messages that a publisher has under way, and those that go in one piece.
WINDOW, PIECE = 2000, 200

def topic(i): return f"queue/{i:04}"

def payload(n): return (b"%020d" % n) * 12 + b"#" * 16

def head(i): return packet(0x32, text(topic(i)) + b"\0\1" + bytes(SIZE))[:-SIZE - 2]

def memory(process, field):
    for line in open(f"/proc/{process.pid}/status"):
        if line.startswith(field): return int(line.split()[1]) / 1024

def start(program, conf, port):
    began = time.perf_counter()
    process = subprocess.Popen([program, "-c", conf], stdout=subprocess.DEVNULL)
    while True:
        try:
            connect(port, "probe", True).close(); break
        except OSError:
            assert process.poll() is None; time.sleep(0.002)
    return process, time.perf_counter() - began

def fill(port, count, sessions):
    s = connect(port, "publisher", True)
    heads, sent, done, rest = [head(i) for i in range(sessions)], 0, 0, 0
    began = time.perf_counter()
    while done < count:
        while sent < count and sent - done <= WINDOW - PIECE:
            numbers = range(sent, min(sent + PIECE, count))
            s.sendall(b"".join(heads[n % sessions] + (n % 60000 + 1).to_bytes(2, "big") + payload(n // sessions) for n in numbers))
            sent = numbers.stop
        rest += len(s.recv(65536)); done, rest = done + rest // 4, rest % 4
    s.close()
    return count / (time.perf_counter() - began)

def drain(port, count, sessions):
    """All subscribers at once; each message is looked at."""
    poll, clients = select.poll(), {}
    for i in range(sessions):
        s = connect(port, f"away{i}", False); s.setblocking(False)
        clients[s.fileno()] = [s, head(i), b"", 0, count // sessions + (i < count % sessions)]
        poll.register(s, select.POLLIN)
    began, left = time.perf_counter(), sum(1 for c in clients.values() if c[4])
    while left:
        for fd, _ in poll.poll(60_000):
            c = clients[fd]
            s, start, data, next, most = c
            data += s.recv(1 << 20)
            length, whole, acks = len(start) + 2 + SIZE, 0, []
            for at in range(0, len(data) - length + 1, length):
                assert data.startswith(start, at), data[at:at + 40]
                at += len(start)
                assert data[at + 2:at + 2 + SIZE] == payload(next), (next, data[at + 2:at + 22])
                acks.append(b"\x40\2" + data[at:at + 2]); next += 1; whole += length
            if acks: s.setblocking(True); s.sendall(b"".join(acks)); s.setblocking(False)
            c[2], c[3] = data[whole:], next
            assert next <= most
            if acks and next == most: left -= 1
    took = time.perf_counter() - began
    time.sleep(0.5)
    assert not poll.poll(0), "more than was sent"
    return count / took

def main():
    program, count, sessions = sys.argv[1], int(sys.argv[2]), int((sys.argv + ["1"])[3])
    folder = tempfile.mkdtemp(dir=os.environ.get("DIR", "/tmp"))
    conf, more = f"{folder}/conf", os.environ.get("MORE", "")
    with socket.socket() as s: s.bind(("127.0.0.1", 0)); port = s.getsockname()[1]
    with open(conf, "w") as f:
        f.write(f"user root\nlistener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 1000\n"
                f"log_type error\nlog_type warning\npersistence true\npersistence_location {folder}/\n{more}\n")
    process, _ = start(program, conf, port)
    try:
        for i in range(sessions):
            s = connect(port, f"away{i}", False)
            s.sendall(packet(0x82, b"\0\1" + text(topic(i)) + b"\1")); assert len(s.recv(5)) == 5
            s.sendall(b"\xe0\0"); s.close()
        rate = fill(port, count, sessions)
        size = sum(e.stat().st_size for e in os.scandir(f"{folder}/mosquitto.db.store")) / 2**20
        print(f"queued: {count} of {SIZE} B for {sessions} at {rate:.0f}/s; peak {memory(process, 'VmHWM'):.0f} MB, {size:.0f} MB on disk", flush=True)
        process.kill(); process.wait()
        process, took = start(program, conf, port)
        print(f"restarted after kill -9: first CONNACK after {took:.2f} s; peak {memory(process, 'VmHWM'):.0f} MB, resident {memory(process, 'VmRSS'):.0f} MB", flush=True)
        rate = drain(port, count, sessions)
        print(f"drained: all once, in order, at {rate:.0f}/s; peak {memory(process, 'VmHWM'):.0f} MB, resident {memory(process, 'VmRSS'):.0f} MB", flush=True)
    finally:
        process.kill(); process.wait(); shutil.rmtree(folder)

main()
