"""paho-mqtt 1.6.1 as scripts use it: Client(client_id), username_pw_set, callbacks of 1.x, loop_forever."""

import sys

import paho.mqtt.client as mqtt
from paho_steps import Maker, run


class Version1(Maker):
    def make(self, client_id, protocol=mqtt.MQTTv311, clean=True):
        if protocol == mqtt.MQTTv5:
            return mqtt.Client(client_id, protocol=protocol)
        if protocol == mqtt.MQTTv311 and clean:
            return mqtt.Client(client_id)
        return mqtt.Client(client_id, clean_session=clean, protocol=protocol)

    def refusal(self, client, refused):
        client.on_connect = lambda client, userdata, flags, rc: refused(rc)

    def on_connect(self, client, connected):
        if client._protocol == mqtt.MQTTv5:
            client.on_connect = lambda client, userdata, flags, rc, properties: connected(flags["session present"])
        else:
            client.on_connect = lambda client, userdata, flags, rc: connected(flags["session present"])

    def on_subscribe(self, client, subscribed):
        client.on_subscribe = lambda client, userdata, mid, codes, *rest: subscribed()


run(Version1(), int(sys.argv[1]))
