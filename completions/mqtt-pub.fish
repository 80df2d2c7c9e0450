complete -c mqtt-pub -s t -l topic -d 'Topic to publish to.' -r -f
complete -c mqtt-pub -s q -l qos -d 'QoS of the messages: 0, 1 or 2. Default: 0.' -r -f -a "0\t''
1\t''
2\t''"
complete -c mqtt-pub -l repeat -d 'Publish the message of -m, -f, -s or -n so many times.' -r -f
complete -c mqtt-pub -l repeat-delay -d 'Wait so long before publishing it again; 0.5 is half a second.' -r -f
complete -c mqtt-pub -s m -l message -d 'The message.' -r -f
complete -c mqtt-pub -s f -l file -d 'A whole file is the message.' -r -F
complete -c mqtt-pub -l line-format -d 'What lines of -l are: \'topic<TAB>payload\' or the like, or json.' -r -f
complete -c mqtt-pub -l replay -d 'Publish what mqtt-sub --record has written, at its times.' -r -F
complete -c mqtt-pub -l speed -d 'Replay so many times as fast; max: without pauses. Default: 1.' -r -f
complete -c mqtt-pub -l map -d 'Replay topics that begin with FROM under TO. May be repeated.' -r -f
complete -c mqtt-pub -s h -l host -d 'Host name or address of the broker. Default: localhost.' -r -f -a "(__fish_print_hostnames)"
complete -c mqtt-pub -s p -l port -d 'Port; 0: the host is a unix socket\'s path. Default: 1883 or 8883.' -r -f
complete -c mqtt-pub -l unix -d 'Connect through a unix socket instead of TCP.' -r -F
complete -c mqtt-pub -s L -l url -d 'mqtt|mqtts|ws|wss://[USER[:PASSWORD]@]HOST[:PORT]/TOPIC: all in one.' -r -f
complete -c mqtt-pub -s A -d 'Local address or host name to connect from.' -r -f -a "(__fish_print_hostnames)"
complete -c mqtt-pub -l ws-path -d 'Path of the WebSocket; turns --ws on. Default: /mqtt.' -r -f
complete -c mqtt-pub -l proxy -d 'SOCKS5 proxy: socks5h://[USER[:PASSWORD]@]HOST[:PORT].' -r -f
complete -c mqtt-pub -l connect-timeout -d 'Give an attempt to connect up after so many seconds.' -r -f
complete -c mqtt-pub -l wait-connect -d 'Try the first connection again for so many seconds.' -r -f
complete -c mqtt-pub -l retry -d 'Try the first connection again so often, with growing pauses.' -r -f
complete -c mqtt-pub -s i -l id -d 'ClientId. Default: none, the broker assigns one.' -r -f
complete -c mqtt-pub -s I -l id-prefix -d 'ClientId is this and the process id.' -r -f
complete -c mqtt-pub -s V -l protocol-version -d 'mqttv5, mqttv311 or mqttv31. Default: mqttv311; with -x mqttv5.' -r -f -a "mqttv5\t''
mqttv311\t''
mqttv31\t''"
complete -c mqtt-pub -s x -d 'Keep the session so long; -1 is forever. Means MQTT 5.' -r -f
complete -c mqtt-pub -s k -l keepalive -d 'Keep Alive, 5-65535. Default: 60.' -r -f
complete -c mqtt-pub -s M -d 'Most QoS 1 and 2 messages on their way at a time. Default: 20.' -r -f
complete -c mqtt-pub -s D -l property -d 'MQTT 5 property of a packet; user-property has two values. May be repeated.' -r -f
complete -c mqtt-pub -s u -l username -d 'User Name.' -r -f -a "(__fish_complete_users)"
complete -c mqtt-pub -s P -l pw -d 'Password; visible in the list of processes for a moment.' -r -f
complete -c mqtt-pub -l pw-file -d 'Read the password from the first line of a file.' -r -F
complete -c mqtt-pub -l pw-env -d 'Take the password from this environment variable.' -r -f
complete -c mqtt-pub -l will-topic -d 'Topic of the Will, sent if this client goes without a word.' -r -f
complete -c mqtt-pub -l will-payload -d 'Payload of the Will. Default: empty.' -r -f
complete -c mqtt-pub -l will-qos -d 'QoS of the Will: 0, 1 or 2. Default: 0.' -r -f -a "0\t''
1\t''
2\t''"
complete -c mqtt-pub -l cafile -d 'Trusted CA certificates, PEM; turns TLS on.' -r -F
complete -c mqtt-pub -l capath -d 'Directory of such certificates, hashed by name; turns TLS on.' -r -f -a "(__fish_complete_directories)"
complete -c mqtt-pub -l cert -d 'Certificate of this client, PEM.' -r -F
complete -c mqtt-pub -l key -d 'Private key of this client, PEM.' -r -F
complete -c mqtt-pub -l keyform -d 'Form of the private key: pem. Engines are not supported.' -r -f
complete -c mqtt-pub -l ciphers -d 'Ciphers of TLS 1.2, or with --tls-version tlsv1.3 its suites.' -r -f
complete -c mqtt-pub -l tls-version -d 'Lowest TLS version: tlsv1.2 or tlsv1.3. Default: tlsv1.2.' -r -f
complete -c mqtt-pub -l tls-alpn -d 'Application protocol to announce.' -r -f
complete -c mqtt-pub -l tls-keylog -d 'Append TLS secrets to a file, for Wireshark.' -r -F
complete -c mqtt-pub -l tls-engine -d 'Not supported: OpenSSL is giving engines up.' -r -f
complete -c mqtt-pub -l tls-engine-kpass-sha1 -d 'Not supported, as --tls-engine.' -r -f
complete -c mqtt-pub -l psk -d 'Pre-shared key, hexadecimal; turns TLS-PSK on.' -r -f
complete -c mqtt-pub -l psk-identity -d 'Identity that goes with --psk.' -r -f
complete -c mqtt-pub -s o -d 'Read options from this file, one a line, instead of the default one.' -r -F
complete -c mqtt-pub -s r -l retain -d 'Let the broker keep the message for later subscribers.'
complete -c mqtt-pub -s s -l stdin-file -d 'All of standard input is the message.'
complete -c mqtt-pub -s n -l null-message -d 'The message has no bytes.'
complete -c mqtt-pub -s l -l stdin-line -d 'Each line of standard input is a message.'
complete -c mqtt-pub -l ping -d 'Publish nothing; print how long the broker takes to answer PINGREQ.'
complete -c mqtt-pub -l nodelay -d 'Set TCP_NODELAY: less delay, more packets.'
complete -c mqtt-pub -l ws -d 'Connect by WebSocket.'
complete -c mqtt-pub -s S -d 'The host is a domain whose DNS SRV records name the broker.'
complete -c mqtt-pub -s c -l disable-clean-session -d 'Keep the session when the connection ends. Needs -i.'
complete -c mqtt-pub -l pw-stdin -d 'Read the password from the first line of standard input.'
complete -c mqtt-pub -l pw-prompt -d 'Ask for the password at the terminal.'
complete -c mqtt-pub -l will-retain -d 'Retain the Will.'
complete -c mqtt-pub -l tls-use-os-certs -d 'Trust the system\'s CAs; turns TLS on.'
complete -c mqtt-pub -l insecure -d 'Don\'t check who the broker is, in no way.'
complete -c mqtt-pub -l no-tls -d 'No TLS, even on port 8883.'
complete -c mqtt-pub -s d -l debug -d 'Print what is sent and received.'
complete -c mqtt-pub -l quiet -d 'Print no errors and warnings while running.'
complete -c mqtt-pub -l trace -d 'Tell of each packet on standard error, with all that it says.'
complete -c mqtt-pub -l strict -d 'Exit with a status of its own where mosquitto silently says 0.'
complete -c mqtt-pub -l help -d 'Print this and end, with exit status 1.'
complete -c mqtt-pub -l version -d 'Print the version and end, with exit status 1.'
