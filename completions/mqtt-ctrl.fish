complete -c mqtt-ctrl -s q -l qos -d 'QoS of the command and of its answer: 0, 1 or 2. Default: 1.' -r -f -a "0\t''
1\t''
2\t''"
complete -c mqtt-ctrl -s f -d 'With dynsec setClientPassword: change this file instead of asking a broker.' -r -F
complete -c mqtt-ctrl -s h -l host -d 'Host name or address of the broker. Default: localhost.' -r -f -a "(__fish_print_hostnames)"
complete -c mqtt-ctrl -s p -l port -d 'Port; 0: the host is a unix socket\'s path. Default: 1883 or 8883.' -r -f
complete -c mqtt-ctrl -l unix -d 'Connect through a unix socket instead of TCP.' -r -F
complete -c mqtt-ctrl -s L -l url -d 'mqtt|mqtts|ws|wss://[USER[:PASSWORD]@]HOST[:PORT]/TOPIC: all in one.' -r -f
complete -c mqtt-ctrl -s A -d 'Local address or host name to connect from.' -r -f -a "(__fish_print_hostnames)"
complete -c mqtt-ctrl -l ws-path -d 'Path of the WebSocket; turns --ws on. Default: /mqtt.' -r -f
complete -c mqtt-ctrl -l proxy -d 'SOCKS5 proxy: socks5h://[USER[:PASSWORD]@]HOST[:PORT].' -r -f
complete -c mqtt-ctrl -l connect-timeout -d 'Give an attempt to connect up after so many seconds.' -r -f
complete -c mqtt-ctrl -l wait-connect -d 'Try the first connection again for so many seconds.' -r -f
complete -c mqtt-ctrl -l retry -d 'Try the first connection again so often, with growing pauses.' -r -f
complete -c mqtt-ctrl -s i -l id -d 'ClientId. Default: none, the broker assigns one.' -r -f
complete -c mqtt-ctrl -s V -l protocol-version -d 'mqttv5, mqttv311 or mqttv31. Default: mqttv5.' -r -f -a "mqttv5\t''
mqttv311\t''
mqttv31\t''"
complete -c mqtt-ctrl -s u -l username -d 'User Name.' -r -f -a "(__fish_complete_users)"
complete -c mqtt-ctrl -s P -l pw -d 'Password; visible in the list of processes for a moment.' -r -f
complete -c mqtt-ctrl -l pw-file -d 'Read the password from the first line of a file.' -r -F
complete -c mqtt-ctrl -l pw-env -d 'Take the password from this environment variable.' -r -f
complete -c mqtt-ctrl -l cafile -d 'Trusted CA certificates, PEM; turns TLS on.' -r -F
complete -c mqtt-ctrl -l capath -d 'Directory of such certificates, hashed by name; turns TLS on.' -r -f -a "(__fish_complete_directories)"
complete -c mqtt-ctrl -l cert -d 'Certificate of this client, PEM.' -r -F
complete -c mqtt-ctrl -l key -d 'Private key of this client, PEM.' -r -F
complete -c mqtt-ctrl -l keyform -d 'Form of the private key: pem. Engines are not supported.' -r -f
complete -c mqtt-ctrl -l ciphers -d 'Ciphers of TLS 1.2, or with --tls-version tlsv1.3 its suites.' -r -f
complete -c mqtt-ctrl -l tls-version -d 'Lowest TLS version: tlsv1.2 or tlsv1.3. Default: tlsv1.2.' -r -f
complete -c mqtt-ctrl -l tls-alpn -d 'Application protocol to announce.' -r -f
complete -c mqtt-ctrl -l tls-keylog -d 'Append TLS secrets to a file, for Wireshark.' -r -F
complete -c mqtt-ctrl -l tls-engine -d 'Not supported: OpenSSL is giving engines up.' -r -f
complete -c mqtt-ctrl -l tls-engine-kpass-sha1 -d 'Not supported, as --tls-engine.' -r -f
complete -c mqtt-ctrl -l psk -d 'Pre-shared key, hexadecimal; turns TLS-PSK on.' -r -f
complete -c mqtt-ctrl -l psk-identity -d 'Identity that goes with --psk.' -r -f
complete -c mqtt-ctrl -s o -d 'Read options from this file, one a line, instead of the default one.' -r -F
complete -c mqtt-ctrl -s v -l verbose -d 'Print names and descriptions for people, too.'
complete -c mqtt-ctrl -l nodelay -d 'Set TCP_NODELAY: less delay, more packets.'
complete -c mqtt-ctrl -l ws -d 'Connect by WebSocket.'
complete -c mqtt-ctrl -s S -d 'The host is a domain whose DNS SRV records name the broker.'
complete -c mqtt-ctrl -l pw-stdin -d 'Read the password from the first line of standard input.'
complete -c mqtt-ctrl -l pw-prompt -d 'Ask for the password at the terminal.'
complete -c mqtt-ctrl -l tls-use-os-certs -d 'Trust the system\'s CAs; turns TLS on.'
complete -c mqtt-ctrl -l insecure -d 'Don\'t check who the broker is, in no way.'
complete -c mqtt-ctrl -l no-tls -d 'No TLS, even on port 8883.'
complete -c mqtt-ctrl -s d -l debug -d 'Print what is sent and received.'
complete -c mqtt-ctrl -l quiet -d 'Print no errors and warnings while running.'
complete -c mqtt-ctrl -l trace -d 'Tell of each packet on standard error, with all that it says.'
complete -c mqtt-ctrl -l strict -d 'Exit with a status of its own where mosquitto silently says 0.'
complete -c mqtt-ctrl -l help -d 'Print this and end, with exit status 1.'
complete -c mqtt-ctrl -l version -d 'Print the version and end, with exit status 1.'
