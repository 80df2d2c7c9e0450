complete -c mqtt-sub -s t -l topic -d 'Topic Filter to subscribe to. May be repeated.' -r -f
complete -c mqtt-sub -s U -l unsubscribe -d 'Topic Filter to unsubscribe from. May be repeated.' -r -f
complete -c mqtt-sub -s T -l filter-out -d 'Neither print nor count messages that match this. May be repeated.' -r -f
complete -c mqtt-sub -s q -l qos -d 'Highest QoS to receive messages with: 0, 1 or 2. Default: 0.' -r -f -a "0\t''
1\t''
2\t''"
complete -c mqtt-sub -s C -d 'End after so many messages.' -r -f
complete -c mqtt-sub -l random-filter -d 'Print so many percent of the messages, 0.1-100, at random.' -r -f
complete -c mqtt-sub -s W -d 'End after so many seconds, with exit status 27.' -r -f
complete -c mqtt-sub -l retain-handling -d 'Send retained messages always, if new, or never (MQTT 5).' -r -f -a "always\t''
new\t''
never\t''"
complete -c mqtt-sub -s F -d 'Print messages in this format; see FORMAT in the manual.' -r -f
complete -c mqtt-sub -l color -d 'Colour the topics of -v: auto (at a terminal), always or never.' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mqtt-sub -l match -d 'Take only messages whose payload matches. May be repeated.' -r -f
complete -c mqtt-sub -l where -d 'Take only JSON payloads of which this is true: \'a.b > 3\'.' -r -f
complete -c mqtt-sub -l ready-fd -d 'Write a line to this file descriptor once subscribed, and close it.' -r -f
complete -c mqtt-sub -l ready-file -d 'Make this file once subscribed.' -r -F
complete -c mqtt-sub -l exec-after-sub -d 'Run this by the shell once subscribed.' -r -f -a "(__fish_complete_command)"
complete -c mqtt-sub -l exec -d 'Run this by the shell for each message instead of printing it.' -r -f -a "(__fish_complete_command)"
complete -c mqtt-sub -l exec-jobs -d 'Run so many of these commands at a time. Default: 1.' -r -f
complete -c mqtt-sub -l record -d 'Write messages and their times, for mqtt-pub --replay.' -r -F
complete -c mqtt-sub -l expect -d 'End once a message is this; fail otherwise. May be repeated.' -r -f
complete -c mqtt-sub -l expect-re -d 'The same with a message that matches. May be repeated.' -r -f
complete -c mqtt-sub -l expect-json -d 'The same with a value in a JSON payload. May be repeated.' -r -f
complete -c mqtt-sub -s h -l host -d 'Host name or address of the broker. Default: localhost.' -r -f -a "(__fish_print_hostnames)"
complete -c mqtt-sub -s p -l port -d 'Port; 0: the host is a unix socket\'s path. Default: 1883 or 8883.' -r -f
complete -c mqtt-sub -l unix -d 'Connect through a unix socket instead of TCP.' -r -F
complete -c mqtt-sub -s L -l url -d 'mqtt|mqtts|ws|wss://[USER[:PASSWORD]@]HOST[:PORT]/TOPIC: all in one.' -r -f
complete -c mqtt-sub -s A -d 'Local address or host name to connect from.' -r -f -a "(__fish_print_hostnames)"
complete -c mqtt-sub -l ws-path -d 'Path of the WebSocket; turns --ws on. Default: /mqtt.' -r -f
complete -c mqtt-sub -l proxy -d 'SOCKS5 proxy: socks5h://[USER[:PASSWORD]@]HOST[:PORT].' -r -f
complete -c mqtt-sub -l connect-timeout -d 'Give an attempt to connect up after so many seconds.' -r -f
complete -c mqtt-sub -l wait-connect -d 'Try the first connection again for so many seconds.' -r -f
complete -c mqtt-sub -l retry -d 'Try the first connection again so often, with growing pauses.' -r -f
complete -c mqtt-sub -s i -l id -d 'ClientId. Default: none, the broker assigns one.' -r -f
complete -c mqtt-sub -s I -l id-prefix -d 'ClientId is this and the process id.' -r -f
complete -c mqtt-sub -s V -l protocol-version -d 'mqttv5, mqttv311 or mqttv31. Default: mqttv311; with -x mqttv5.' -r -f -a "mqttv5\t''
mqttv311\t''
mqttv31\t''"
complete -c mqtt-sub -s x -d 'Keep the session so long; -1 is forever. Means MQTT 5.' -r -f
complete -c mqtt-sub -s k -l keepalive -d 'Keep Alive, 5-65535. Default: 60.' -r -f
complete -c mqtt-sub -s M -d 'Most QoS 1 and 2 messages on their way at a time. Default: 20.' -r -f
complete -c mqtt-sub -s D -l property -d 'MQTT 5 property of a packet; user-property has two values. May be repeated.' -r -f
complete -c mqtt-sub -s u -l username -d 'User Name.' -r -f -a "(__fish_complete_users)"
complete -c mqtt-sub -s P -l pw -d 'Password; visible in the list of processes for a moment.' -r -f
complete -c mqtt-sub -l pw-file -d 'Read the password from the first line of a file.' -r -F
complete -c mqtt-sub -l pw-env -d 'Take the password from this environment variable.' -r -f
complete -c mqtt-sub -l will-topic -d 'Topic of the Will, sent if this client goes without a word.' -r -f
complete -c mqtt-sub -l will-payload -d 'Payload of the Will. Default: empty.' -r -f
complete -c mqtt-sub -l will-qos -d 'QoS of the Will: 0, 1 or 2. Default: 0.' -r -f -a "0\t''
1\t''
2\t''"
complete -c mqtt-sub -l cafile -d 'Trusted CA certificates, PEM; turns TLS on.' -r -F
complete -c mqtt-sub -l capath -d 'Directory of such certificates, hashed by name; turns TLS on.' -r -f -a "(__fish_complete_directories)"
complete -c mqtt-sub -l cert -d 'Certificate of this client, PEM.' -r -F
complete -c mqtt-sub -l key -d 'Private key of this client, PEM.' -r -F
complete -c mqtt-sub -l keyform -d 'Form of the private key: pem. Engines are not supported.' -r -f
complete -c mqtt-sub -l ciphers -d 'Ciphers of TLS 1.2, or with --tls-version tlsv1.3 its suites.' -r -f
complete -c mqtt-sub -l tls-version -d 'Lowest TLS version: tlsv1.2 or tlsv1.3. Default: tlsv1.2.' -r -f
complete -c mqtt-sub -l tls-alpn -d 'Application protocol to announce.' -r -f
complete -c mqtt-sub -l tls-keylog -d 'Append TLS secrets to a file, for Wireshark.' -r -F
complete -c mqtt-sub -l tls-engine -d 'Not supported: OpenSSL is giving engines up.' -r -f
complete -c mqtt-sub -l tls-engine-kpass-sha1 -d 'Not supported, as --tls-engine.' -r -f
complete -c mqtt-sub -l psk -d 'Pre-shared key, hexadecimal; turns TLS-PSK on.' -r -f
complete -c mqtt-sub -l psk-identity -d 'Identity that goes with --psk.' -r -f
complete -c mqtt-sub -s o -d 'Read options from this file, one a line, instead of the default one.' -r -F
complete -c mqtt-sub -s E -d 'End as soon as the broker has the subscriptions.'
complete -c mqtt-sub -l retained-only -d 'End at the first message that isn\'t retained.'
complete -c mqtt-sub -l remove-retained -d 'Clear the retained messages received.'
complete -c mqtt-sub -l message-rate -d 'Print messages a second instead of messages.'
complete -c mqtt-sub -s w -l watch -d 'Show the last message of each topic in place.'
complete -c mqtt-sub -l top -d 'Draw a table of topics at the terminal: last message, count, rate, age.'
complete -c mqtt-sub -s R -d 'Neither print nor count retained messages.'
complete -c mqtt-sub -l retain-as-published -d 'Leave the retain flag as the publisher set it (MQTT 5).'
complete -c mqtt-sub -s v -l verbose -d 'Print the topic before the message.'
complete -c mqtt-sub -s N -d 'Print no line end after a message.'
complete -c mqtt-sub -l pretty -d 'Print the JSON of -F with line ends and indentation.'
complete -c mqtt-sub -l json-safe -d 'Print valid JSON for any payload: what is no UTF-8 as payload_base64.'
complete -c mqtt-sub -l changed -d 'Take only messages unlike the one before on their topic.'
complete -c mqtt-sub -l end-of-retained -d 'End once the retained messages have come.'
complete -c mqtt-sub -l dry-run -d 'Print what --remove-retained would clear, and clear nothing.'
complete -c mqtt-sub -l nodelay -d 'Set TCP_NODELAY: less delay, more packets.'
complete -c mqtt-sub -l ws -d 'Connect by WebSocket.'
complete -c mqtt-sub -s S -d 'The host is a domain whose DNS SRV records name the broker.'
complete -c mqtt-sub -s c -l disable-clean-session -d 'Keep the session when the connection ends. Needs -i.'
complete -c mqtt-sub -l pw-stdin -d 'Read the password from the first line of standard input.'
complete -c mqtt-sub -l pw-prompt -d 'Ask for the password at the terminal.'
complete -c mqtt-sub -l will-retain -d 'Retain the Will.'
complete -c mqtt-sub -l tls-use-os-certs -d 'Trust the system\'s CAs; turns TLS on.'
complete -c mqtt-sub -l insecure -d 'Don\'t check who the broker is, in no way.'
complete -c mqtt-sub -l no-tls -d 'No TLS, even on port 8883.'
complete -c mqtt-sub -s d -l debug -d 'Print what is sent and received.'
complete -c mqtt-sub -l quiet -d 'Print no errors and warnings while running.'
complete -c mqtt-sub -l trace -d 'Tell of each packet on standard error, with all that it says.'
complete -c mqtt-sub -l strict -d 'Exit with a status of its own where mosquitto silently says 0.'
complete -c mqtt-sub -l help -d 'Print this and end, with exit status 1.'
complete -c mqtt-sub -l version -d 'Print the version and end, with exit status 1.'
