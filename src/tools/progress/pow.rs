//! The one function of libm that the clients need, for the rates of progress bars.
//!
//! Taken from the system it would have the loader map and relocate libm in every run: a third of a megabyte, which is a
//! tenth of what a client takes.

#[allow(unsafe_code)] // no other symbol of this name is linked in: libm itself is a shared library
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[unsafe(no_mangle)]
extern "C" fn pow(base: f64, exponent: f64) -> f64 {
    libm::pow(base, exponent)
}
