"""The first script of everybody: paho-mqtt 1.6.1 with a user name, a subscription and loop_forever."""

import sys

import paho.mqtt.client as mqtt

HOST = "127.0.0.1"
transport, PORT = sys.argv[1], int(sys.argv[2])


def on_connect(client, userdata, flags, rc):
    print("connected", rc)
    client.subscribe("mtopic")


def on_subscribe(client, userdata, mid, granted_qos):
    client.publish("mtopic", "test")


def on_message(client, userdata, msg):
    print(msg.topic, msg.payload.decode())
    client.disconnect()


client = mqtt.Client(transport=transport)
client.username_pw_set("root", "root")
client.on_connect = on_connect
client.on_subscribe = on_subscribe
client.on_message = on_message
client.connect(HOST, PORT, 60)
client.loop_forever()
