//! The client's side of a connection, from CONNECT to DISCONNECT. Pure.
