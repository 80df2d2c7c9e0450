//! A stream of bytes either way: TCP and unix sockets. Knows nothing of MQTT.
