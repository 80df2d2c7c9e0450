"""What both versions of paho-mqtt go through. Each step prints one line when it has seen all that it must."""

import queue
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

HOST = "127.0.0.1"
PATIENCE = 60


class Maker:
    """How a version makes a client and calls back."""

    def make(self, client_id, protocol=mqtt.MQTTv311, clean=True):
        raise NotImplementedError


class Station:
    """A client on a thread of its own, with what came in a queue."""

    def __init__(self, maker, port, client_id, subscription=None, will=None, properties=None, **how):
        self.messages = queue.Queue()
        self.ready = threading.Event()
        self.present = None
        self.client = client = maker.make(client_id, **how)
        client.username_pw_set("ann", "b pä")
        client.on_message = lambda client, userdata, message: self.messages.put(message)
        maker.on_connect(client, self.connected)
        maker.on_subscribe(client, self.ready.set)
        self.subscription = subscription
        if will:
            client.will_set(*will)
        if how.get("protocol") == mqtt.MQTTv5:
            client.connect(HOST, port, 60, clean_start=how.get("clean", True), properties=properties)
        else:
            client.connect(HOST, port, 60)
        self.thread = threading.Thread(target=client.loop_forever, daemon=True)
        self.thread.start()
        assert self.ready.wait(PATIENCE), client_id + " isn't ready"

    def connected(self, session_present):
        self.present = bool(session_present)
        if self.subscription:
            self.client.subscribe(self.subscription, 2)
        else:
            self.ready.set()

    def publish(self, topic, payload, qos=0, retain=False, **more):
        self.client.publish(topic, payload, qos, retain, **more).wait_for_publish()

    def message(self):
        return self.messages.get(timeout=PATIENCE)

    def payloads(self, count):
        return [self.message().payload.decode() for _ in range(count)]

    def leave(self):
        self.client.disconnect()
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()


def expect(seen, expected):
    assert seen == expected, f"{seen!r} instead of {expected!r}"


def refused(maker, port, username, password):
    client = maker.make("refused")
    if username:
        client.username_pw_set(username, password)
    codes = []

    def told(code):
        codes.append(code)
        client.disconnect()

    maker.refusal(client, told)
    client.connect(HOST, port)
    client.loop_forever(retry_first_connection=False)
    print("refused", codes[0])


def messages(maker, port, name, protocol):
    station = Station(maker, port, "m-" + name, "m/" + name + "/#", protocol=protocol)
    for qos in (0, 1, 2):
        for n in range(50):
            station.publish(f"m/{name}/{qos}", f"{qos}-{n}", qos)
    seen = {0: [], 1: [], 2: []}
    for _ in range(150):
        message = station.message()
        expect(message.topic, f"m/{name}/{message.qos}")
        seen[message.qos].append(message.payload.decode())
    expect(seen, {qos: [f"{qos}-{n}" for n in range(50)] for qos in (0, 1, 2)})
    station.leave()
    print("messages", name, "ok")


def retained(maker, port):
    first = Station(maker, port, "keeper")
    first.publish("kept/a", "1", 1, True)
    first.publish("kept/a", "2", 2, True)
    first.publish("kept/b", "3", 1, True)
    first.publish("kept/b", None, 1, True)
    first.leave()
    second = Station(maker, port, "finder", "kept/#")
    second.publish("kept/end", "end", 2)
    seen = [second.message() for _ in range(2)]
    expect([(m.topic, m.payload, m.retain) for m in seen], [("kept/a", b"2", 1), ("kept/end", b"end", 0)])
    second.leave()
    print("retained ok")


def large(maker, port):
    station = Station(maker, port, "large", "large")
    payload = bytes(n * 7 % 251 for n in range(1_000_000))
    for qos in (0, 1, 2):
        station.publish("large", payload, qos)
        expect(station.message().payload == payload, True)
    station.leave()
    print("large ok")


def will(maker, port):
    heir = Station(maker, port, "heir", "will/+")
    polite = Station(maker, port, "polite", will=("will/polite", "not sent", 1))
    polite.leave()
    rude = Station(maker, port, "rude", will=("will/rude", "gone", 2))
    rude.client.loop_stop()
    # Gone without a goodbye.
    rude.client.socket().shutdown(2)
    message = heir.message()
    expect((message.topic, message.payload), ("will/rude", b"gone"))
    rude.client.disconnect()
    heir.leave()
    print("will ok")


def session(maker, port):
    first = Station(maker, port, "away", "news", clean=False)
    expect(first.present, False)
    first.leave()
    other = Station(maker, port, "publisher")
    for n in range(20):
        other.publish("news", str(n), 1)
    other.leave()
    again = Station(maker, port, "away", clean=False)
    expect(again.payloads(20), [str(n) for n in range(20)])
    expect(again.present, True)
    again.leave()
    print("session ok")


def version_5(maker, port):
    stay = Properties(PacketTypes.CONNECT)
    stay.SessionExpiryInterval = 600
    station = Station(maker, port, "five", "five/#", protocol=mqtt.MQTTv5, properties=stay)
    properties = Properties(PacketTypes.PUBLISH)
    properties.UserProperty = [("a", "1"), ("b", "2")]
    properties.ContentType = "text/plain"
    properties.ResponseTopic = "five/answer"
    properties.CorrelationData = b"c"
    for qos in (0, 1, 2):
        # The same topic again: the broker may answer with a Topic Alias, should the client allow one.
        station.publish("five/q", f"q{qos}", qos, properties=properties)
        message = station.message()
        got = message.properties
        expect((message.topic, message.payload, message.qos), ("five/q", f"q{qos}".encode(), qos))
        expect(got.UserProperty, [("a", "1"), ("b", "2")])
        expect((got.ContentType, got.ResponseTopic, got.CorrelationData), ("text/plain", "five/answer", b"c"))
    station.leave()
    other = Station(maker, port, "five-publisher", protocol=mqtt.MQTTv5)
    other.publish("five/later", "later", 2)
    other.leave()
    again = Station(maker, port, "five", protocol=mqtt.MQTTv5, clean=False, properties=stay)
    expect((again.message().payload, again.present), (b"later", True))
    again.leave()
    print("v5 ok")


def run(maker, port):
    refused(maker, port, "ann", "wrong")
    refused(maker, port, None, None)
    messages(maker, port, "3.1", mqtt.MQTTv31)
    messages(maker, port, "3.1.1", mqtt.MQTTv311)
    retained(maker, port)
    large(maker, port)
    will(maker, port)
    session(maker, port)
    version_5(maker, port)
