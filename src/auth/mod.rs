//! Password hashes and rules: decisions over text already read. Pure.
