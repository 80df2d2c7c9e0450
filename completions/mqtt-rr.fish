complete -c mqtt-rr -s t -l topic -d 'Topic to publish the request to.' -r -f
complete -c mqtt-rr -s e -d 'Topic to await the answer on; the Response Topic of MQTT 5.' -r -f
complete -c mqtt-rr -s q -l qos -d 'QoS of the request and of the subscription: 0, 1 or 2. Default: 0.' -r -f -a "0\t''
1\t''
2\t''"
complete -c mqtt-rr -s m -l message -d 'The message.' -r -f
complete -c mqtt-rr -s f -l file -d 'A whole file is the message.' -r -F
complete -c mqtt-rr -l responses -d 'Wait for so many answers to each request. Default: 1.' -r -f
complete -c mqtt-rr -l serve -d 'Answer requests to -t with what this prints, run by the shell.' -r -f -a "(__fish_complete_command)"
complete -c mqtt-rr -l echo -d 'Send so many messages to itself and print how long they took.' -r -f
complete -c mqtt-rr -l max-p99 -d 'With --echo: fail if one in a hundred took longer.' -r -f
complete -c mqtt-rr -l ready-fd -d 'Write a line to this file descriptor once subscribed, and close it.' -r -f
complete -c mqtt-rr -l ready-file -d 'Make this file once subscribed.' -r -F
complete -c mqtt-rr -l exec-after-sub -d 'Run this by the shell once subscribed.' -r -f -a "(__fish_complete_command)"
complete -c mqtt-rr -l exec-jobs -d 'Run so many of these commands at a time. Default: 1.' -r -f
complete -c mqtt-rr -s W -d 'End after so many seconds, with exit status 27.' -r -f
complete -c mqtt-rr -l retain-handling -d 'Send retained messages always, if new, or never (MQTT 5).' -r -f -a "always\t''
new\t''
never\t''"
complete -c mqtt-rr -s F -d 'Print messages in this format; see FORMAT in the manual.' -r -f
complete -c mqtt-rr -l color -d 'Colour the topics of -v: auto (at a terminal), always or never.' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mqtt-rr -s h -l host -d 'Host name or address of the broker. Default: localhost.' -r -f -a "(__fish_print_hostnames)"
complete -c mqtt-rr -s p -l port -d 'Port; 0: the host is a unix socket\'s path. Default: 1883 or 8883.' -r -f
complete -c mqtt-rr -l unix -d 'Connect through a unix socket instead of TCP.' -r -F
complete -c mqtt-rr -s L -l url -d 'mqtt|mqtts|ws|wss://[USER[:PASSWORD]@]HOST[:PORT]/TOPIC: all in one.' -r -f
complete -c mqtt-rr -s A -d 'Local address or host name to connect from.' -r -f -a "(__fish_print_hostnames)"
complete -c mqtt-rr -l ws-path -d 'Path of the WebSocket; turns --ws on. Default: /mqtt.' -r -f
complete -c mqtt-rr -l proxy -d 'SOCKS5 proxy: socks5h://[USER[:PASSWORD]@]HOST[:PORT].' -r -f
complete -c mqtt-rr -l connect-timeout -d 'Give an attempt to connect up after so many seconds.' -r -f
complete -c mqtt-rr -l wait-connect -d 'Try the first connection again for so many seconds.' -r -f
complete -c mqtt-rr -l retry -d 'Try the first connection again so often, with growing pauses.' -r -f
complete -c mqtt-rr -s i -l id -d 'ClientId. Default: none, the broker assigns one.' -r -f
complete -c mqtt-rr -s I -l id-prefix -d 'ClientId is this and the process id.' -r -f
complete -c mqtt-rr -s V -l protocol-version -d 'mqttv5, mqttv311 or mqttv31. Default: mqttv5.' -r -f -a "mqttv5\t''
mqttv311\t''
mqttv31\t''"
complete -c mqtt-rr -s x -d 'Keep the session so long; -1 is forever. Means MQTT 5.' -r -f
complete -c mqtt-rr -s k -l keepalive -d 'Keep Alive, 5-65535. Default: 60.' -r -f
complete -c mqtt-rr -s M -d 'Most QoS 1 and 2 messages on their way at a time. Default: 20.' -r -f
complete -c mqtt-rr -s D -l property -d 'MQTT 5 property of a packet; user-property has two values. May be repeated.' -r -f
complete -c mqtt-rr -s u -l username -d 'User Name.' -r -f -a "(__fish_complete_users)"
complete -c mqtt-rr -s P -l pw -d 'Password; visible in the list of processes for a moment.' -r -f
complete -c mqtt-rr -l pw-file -d 'Read the password from the first line of a file.' -r -F
complete -c mqtt-rr -l pw-env -d 'Take the password from this environment variable.' -r -f
complete -c mqtt-rr -l will-topic -d 'Topic of the Will, sent if this client goes without a word.' -r -f
complete -c mqtt-rr -l will-payload -d 'Payload of the Will. Default: empty.' -r -f
complete -c mqtt-rr -l will-qos -d 'QoS of the Will: 0, 1 or 2. Default: 0.' -r -f -a "0\t''
1\t''
2\t''"
complete -c mqtt-rr -l cafile -d 'Trusted CA certificates, PEM; turns TLS on.' -r -F
complete -c mqtt-rr -l capath -d 'Directory of such certificates, hashed by name; turns TLS on.' -r -f -a "(__fish_complete_directories)"
complete -c mqtt-rr -l cert -d 'Certificate of this client, PEM.' -r -F
complete -c mqtt-rr -l key -d 'Private key of this client, PEM.' -r -F
complete -c mqtt-rr -l keyform -d 'Form of the private key: pem. Engines are not supported.' -r -f
complete -c mqtt-rr -l ciphers -d 'Ciphers of TLS 1.2, or with --tls-version tlsv1.3 its suites.' -r -f
complete -c mqtt-rr -l tls-version -d 'Lowest TLS version: tlsv1.2 or tlsv1.3. Default: tlsv1.2.' -r -f
complete -c mqtt-rr -l tls-alpn -d 'Application protocol to announce.' -r -f
complete -c mqtt-rr -l tls-keylog -d 'Append TLS secrets to a file, for Wireshark.' -r -F
complete -c mqtt-rr -l tls-engine -d 'Not supported: OpenSSL is giving engines up.' -r -f
complete -c mqtt-rr -l tls-engine-kpass-sha1 -d 'Not supported, as --tls-engine.' -r -f
complete -c mqtt-rr -l psk -d 'Pre-shared key, hexadecimal; turns TLS-PSK on.' -r -f
complete -c mqtt-rr -l psk-identity -d 'Identity that goes with --psk.' -r -f
complete -c mqtt-rr -s o -d 'Read options from this file, one a line, instead of the default one.' -r -F
complete -c mqtt-rr -s l -l stdin-line -d 'Each line of standard input is a request.'
complete -c mqtt-rr -l latency -d 'Print how long the answer took.'
complete -c mqtt-rr -s s -l stdin-file -d 'All of standard input is the message.'
complete -c mqtt-rr -s n -l null-message -d 'The message has no bytes.'
complete -c mqtt-rr -l correlate -d 'Take only the answer with the request\'s Correlation Data.'
complete -c mqtt-rr -s R -d 'Neither print nor count retained messages.'
complete -c mqtt-rr -l retain-as-published -d 'Leave the retain flag as the publisher set it (MQTT 5).'
complete -c mqtt-rr -s v -l verbose -d 'Print the topic before the message.'
complete -c mqtt-rr -s N -d 'Print no line end after a message.'
complete -c mqtt-rr -l pretty -d 'Print the JSON of -F with line ends and indentation.'
complete -c mqtt-rr -l json-safe -d 'Print valid JSON for any payload: what is no UTF-8 as payload_base64.'
complete -c mqtt-rr -l nodelay -d 'Set TCP_NODELAY: less delay, more packets.'
complete -c mqtt-rr -l ws -d 'Connect by WebSocket.'
complete -c mqtt-rr -s S -d 'The host is a domain whose DNS SRV records name the broker.'
complete -c mqtt-rr -s c -l disable-clean-session -d 'Keep the session when the connection ends. Needs -i.'
complete -c mqtt-rr -l pw-stdin -d 'Read the password from the first line of standard input.'
complete -c mqtt-rr -l pw-prompt -d 'Ask for the password at the terminal.'
complete -c mqtt-rr -l will-retain -d 'Retain the Will.'
complete -c mqtt-rr -l tls-use-os-certs -d 'Trust the system\'s CAs; turns TLS on.'
complete -c mqtt-rr -l insecure -d 'Don\'t check who the broker is, in no way.'
complete -c mqtt-rr -l no-tls -d 'No TLS, even on port 8883.'
complete -c mqtt-rr -s d -l debug -d 'Print what is sent and received.'
complete -c mqtt-rr -l quiet -d 'Print no errors and warnings while running.'
complete -c mqtt-rr -l trace -d 'Tell of each packet on standard error, with all that it says.'
complete -c mqtt-rr -l strict -d 'Exit with a status of its own where mosquitto silently says 0.'
complete -c mqtt-rr -l help -d 'Print this and end, with exit status 1.'
complete -c mqtt-rr -l version -d 'Print the version and end, with exit status 1.'
