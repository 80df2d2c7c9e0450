//! The flags of the client programs: clap argument groups, a file a group, and what they resolve to.
