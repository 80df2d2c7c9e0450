complete -c mqtt-broker -s c -l config-file -d 'Read this configuration file (mosquitto.conf).' -r -F
complete -c mqtt-broker -s p -l port -d 'Listen on this port of 127.0.0.1 and ::1, where the configuration names no listener; repeatable. 0: any free port.' -r
complete -c mqtt-broker -l port-file -d 'Write the port to this file when ready.' -r -F
complete -c mqtt-broker -l max-time -d 'End after so many seconds, and with it the command of --exec.' -r
complete -c mqtt-broker -l exec -d 'Run COMMAND with MQTT_HOST, MQTT_PORT and MQTT_URL set, on a free port unless told otherwise, and end with it.' -r
complete -c mqtt-broker -l explain -d 'Say whether USER (- for a client without a name) may read and write TOPIC, and which line of the ACL file decides; exit status 0 if so, 1 if not.' -r
complete -c mqtt-broker -l health -d 'Send a message to a running broker and see it come back within 5 seconds; by default the one of MQTT_URL, MQTT_HOST and MQTT_PORT.' -r
complete -c mqtt-broker -l import -d 'Make the store of the configuration out of this database of mosquitto\'s, and end.' -r -F
complete -c mqtt-broker -l dump -d 'Print a store, or a database of mosquitto\'s, as lines of JSON, and end.' -r -F
complete -c mqtt-broker -l tls-keylog -d 'Append TLS secrets to FILE, for debugging with Wireshark.' -r -F
complete -c mqtt-broker -s d -l daemon -d 'Go on in the background, and end here once it listens; with its exit code if it can\'t.'
complete -c mqtt-broker -s q -l quiet -d 'Log nothing, whatever the configuration says.'
complete -c mqtt-broker -s v -l verbose -d 'Log everything, whatever the configuration says.'
complete -c mqtt-broker -l test-config -d 'Check the configuration, say every error in it, and end.'
complete -c mqtt-broker -l print-address -d 'Print mqtt://127.0.0.1:PORT on standard output when ready.'
complete -c mqtt-broker -s h -l help -d 'Print this text.'
complete -c mqtt-broker -l version -d 'Print the version.'
