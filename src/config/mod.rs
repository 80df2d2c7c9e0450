//! mosquitto.conf: the table of keywords, the parser, and the plain settings they fill. Pure.
