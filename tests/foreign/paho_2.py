"""paho-mqtt 2.x: CallbackAPIVersion.VERSION2."""

import sys

import paho.mqtt.client as mqtt
from paho_steps import Maker, run


class Version2(Maker):
    def make(self, client_id, protocol=mqtt.MQTTv311, clean=True):
        clean_session = None if protocol == mqtt.MQTTv5 else clean
        return mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id, clean_session=clean_session, protocol=protocol
        )

    def refusal(self, client, refused):
        # 2.x names every refusal as 5.0 does: "Not authorized" is code 5 of 3.1.1.
        def told(client, userdata, flags, reason, properties):
            refused({"Not authorized": 5}.get(str(reason), str(reason)))

        client.on_connect = told

    def on_connect(self, client, connected):
        client.on_connect = lambda client, userdata, flags, reason, properties: connected(flags.session_present)

    def on_subscribe(self, client, subscribed):
        client.on_subscribe = lambda client, userdata, mid, codes, properties: subscribed()


run(Version2(), int(sys.argv[1]))
