"""Loads a broker with QoS 1 messages for sessions that are away; see docs/persistence.md."""
import os, select, shutil, socket, statistics, subprocess, sys, tempfile, time
from wire import connect, packet, text

def subscribe(port, name, topic):
    s = connect(port, name, False)
    s.sendall(packet(0x82, b"\0\1" + text(topic) + b"\1"))
    assert len(s.recv(5)) == 5
    s.sendall(b"\xe0\0"); s.close()

def message(topic, size, identifier): return packet(0x32, text(topic) + identifier.to_bytes(2, "big") + b"x" * size)

def start(program, folder, more):
    port = socket.socket(); port.bind(("127.0.0.1", 0)); number = port.getsockname()[1]; port.close()
    conf = f"{folder}/conf"
    with open(conf, "w") as f:
        f.write(f"user root\nlistener {number} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nlog_type error\n{more}")
    return start_again(program, conf, number)

def start_again(program, conf, number):
    began = time.perf_counter()
    process = subprocess.Popen([program, "-c", conf], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while True:
        try:
            connect(number, "probe", True).close(); break
        except OSError: time.sleep(0.002)
    return process, number, conf, time.perf_counter() - began

def fill(port, topics, size, count, window):
    publishers = []
    for i, topic in enumerate(topics):
        s = connect(port, f"publisher{i}", True); s.setblocking(False)
        publishers.append([s, b"", 0, topic])
    poll = select.poll()
    by_fd = {p[0].fileno(): p for p in publishers}
    sent = done = 0
    began = time.perf_counter()
    ids = {}
    def send(p, n):
        nonlocal sent
        data = b""
        for _ in range(min(n, count - sent)):
            ids[p[3]] = ids.get(p[3], 0) % 60000 + 1
            data += message(p[3], size, ids[p[3]]); sent += 1
        while data:
            try: data = data[p[0].send(data):]
            except BlockingIOError: time.sleep(0.0005)
    for p in publishers:
        poll.register(p[0], select.POLLIN); send(p, window)
    while done < count:
        for fd, _ in poll.poll(1000):
            p = by_fd[fd]
            p[1] += p[0].recv(65536)
            acks = len(p[1]) // 4; p[1] = p[1][acks * 4:]
            done += acks; send(p, acks)
    return count / (time.perf_counter() - began)

def percentile(port, folder, count=400):
    s = connect(port, "single", True)
    fd = os.open(f"{folder}/bare", os.O_WRONLY | os.O_CREAT)
    block, acks, bare = os.urandom(4096), [], []
    for i in range(count):
        a = time.perf_counter(); s.sendall(message("durable/1", 256, i + 1)); s.recv(4)
        b = time.perf_counter(); os.write(fd, block); os.fdatasync(fd)
        acks.append(b - a); bare.append(time.perf_counter() - b)
    return statistics.median(acks) * 1e6, statistics.median(bare) * 1e6

def main():
    ours, count = sys.argv[1], int(sys.argv[2])
    theirs = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")
    base = os.environ.get("DIR", "/tmp")
    for name, program, more in [("mosquitto", theirs, ""), ("ours always", ours, ""), ("ours never", ours, "persistence_sync never\n"), ("ours, no persistence", ours, None)]:
        folder = tempfile.mkdtemp(dir=base)
        keep = "" if more is None else f"persistence true\npersistence_location {folder}/\n{more}"
        process, port, conf, _ = start(program, folder, keep)
        for i in range(100): subscribe(port, f"away{i}", "durable/#")
        rate = fill(port, [f"durable/{i}" for i in range(50)], 256, count, 20)
        print(f"{name}: {rate:.0f} messages/s, {rate * 100:.0f} queued/s", flush=True)
        if name in ("ours always", "mosquitto"):
            ack, bare = percentile(port, folder)
            print(f"{name}: one publisher, window 1: p50 {ack:.0f} us, bare fdatasync of 4 KiB {bare:.0f} us, ratio {ack / bare:.2f}", flush=True)
        process.kill(); process.wait(); shutil.rmtree(folder)
    folder = tempfile.mkdtemp(dir=base)
    process, port, conf, _ = start(ours, folder, f"persistence true\npersistence_location {folder}/\n")
    for i in range(100): subscribe(port, f"away{i}", f"one/{i}")
    rate = fill(port, [f"one/{i}" for i in range(100)], 256, 1_000_000, 100)
    print(f"ours: 1,000,000 messages of 256 B for 100 sessions at {rate:.0f}/s", flush=True)
    process.kill(); process.wait()
    process, port, conf, took = start_again(ours, conf, port)
    rss = [l for l in open(f"/proc/{process.pid}/status") if l.startswith("VmRSS")][0].split()[1]
    size = subprocess.check_output(["du", "-sm", f"{folder}/mosquitto.db.store"]).split()[0].decode()
    print(f"ours: restart to the first CONNACK {took:.2f} s, resident {int(rss) // 1024} MB, {size} MB on disk", flush=True)
    process.kill(); process.wait(); shutil.rmtree(folder)

main()
