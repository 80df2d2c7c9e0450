//! `docs/conformance.md` and the tests say the same.
