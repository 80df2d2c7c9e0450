//! What OpenSSL reads from and writes to: one BIO for all connections of a thread.
//!
//! A BIO of its own, and the table of functions that the `openssl` crate makes for each, would cost a connection 400
//! bytes. OpenSSL asks for bytes only while it is called, so the thread's BIO is lent to one connection after the other:
//! the call says which socket it is for. A connection that has come from another thread changes its BIO.

#![allow(unsafe_code)] // the `openssl` crate has no wrapper that is as small

use std::ffi::{c_char, c_int, c_long, c_void};
use std::io::{self, ErrorKind, Read, Write};
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::OnceLock;

use foreign_types::ForeignTypeRef;
use openssl::error::ErrorStack;
use openssl::ssl::SslRef;
use openssl_sys as ffi;

/// What is under OpenSSL.
pub(super) trait Duct: Read + Write {}

impl<T: Read + Write> Duct for T {}

/// Why a call of OpenSSL hasn't done what it was to do.
#[derive(Debug)]
pub(super) enum Stop {
    /// The other side has to say something first.
    WantRead,
    /// The other side has closed the stream, with or without a word.
    Ended,
    /// TLS has failed.
    Failed(ErrorStack),
    /// The socket has.
    Io(io::Error),
}

/// What the BIO serves at the moment.
struct Call<'a> {
    duct: &'a mut dyn Duct,
    error: Option<io::Error>,
}

/// Calls OpenSSL for a connection that runs over `duct`.
pub(super) fn call(
    ssl: &mut SslRef,
    duct: &mut dyn Duct,
    function: impl FnOnce(*mut ffi::SSL) -> c_int,
) -> Result<(), Stop> {
    let mut call = Call { duct, error: None };
    let bio = OWN.try_with(|own| own.as_ref().map(|own| own.0)).ok().flatten();
    let Some(bio) = bio.map(NonNull::as_ptr) else { return Err(Stop::Io(ErrorKind::OutOfMemory.into())) };
    let ssl = ssl.as_ptr();
    // SAFETY: both are live: the connection is borrowed, and the BIO is this thread's until it ends. `call` lives
    // through the call, nobody else touches it meanwhile, and the BIO forgets it afterwards. Setting the BIO twice takes
    // one reference, which is made before.
    let code = unsafe {
        if ffi::SSL_get_rbio(ssl) != bio {
            BIO_up_ref(bio);
            ffi::SSL_set_bio(ssl, bio, bio);
        }
        ffi::BIO_set_data(bio, (&raw mut call).cast());
        // What SSL_get_error says depends on what is left of other calls, too.
        ffi::ERR_clear_error();
        let done = function(ssl);
        let code = if done > 0 { ffi::SSL_ERROR_NONE } else { ffi::SSL_get_error(ssl, done) };
        ffi::BIO_set_data(bio, ptr::null_mut());
        code
    };
    match code {
        ffi::SSL_ERROR_NONE => Ok(()),
        ffi::SSL_ERROR_WANT_READ => Err(Stop::WantRead),
        ffi::SSL_ERROR_ZERO_RETURN => Err(Stop::Ended),
        ffi::SSL_ERROR_SSL => Err(Stop::Failed(ErrorStack::get())),
        ffi::SSL_ERROR_SYSCALL => {
            let errors = ErrorStack::get();
            Err(match call.error {
                _ if !errors.errors().is_empty() => Stop::Failed(errors),
                Some(error) => Stop::Io(error),
                None => Stop::Ended,
            })
        }
        _ => Err(Stop::Io(ErrorKind::ConnectionAborted.into())),
    }
}

thread_local! {
    /// `None`: there was no memory for it.
    static OWN: Option<Own> = Own::new();
}

/// A thread's BIO. Connections that have left the thread, or outlive it, keep it alive.
struct Own(NonNull<ffi::BIO>);

impl Own {
    fn new() -> Option<Self> {
        // SAFETY: the functions are those of this BIO, and their table is never freed.
        let bio = unsafe { ffi::BIO_new(functions()?.0.as_ptr()) };
        NonNull::new(bio).map(Own)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // SAFETY: this is the reference that the thread has held.
        unsafe { ffi::BIO_free_all(self.0.as_ptr()) }
    }
}

/// The table of functions that all BIOs of ours share.
struct Functions(NonNull<ffi::BIO_METHOD>);

// SAFETY: it is written before anybody else sees it, and never again.
unsafe impl Send for Functions {}
// SAFETY: as above.
unsafe impl Sync for Functions {}

fn functions() -> Option<&'static Functions> {
    static FUNCTIONS: OnceLock<Option<Functions>> = OnceLock::new();
    let make = || {
        // SAFETY: the name is a C string and copied; the functions have the types that OpenSSL calls them by.
        unsafe {
            let table = NonNull::new(ffi::BIO_meth_new(ffi::BIO_TYPE_NONE, c"mqtt".as_ptr()))?;
            ffi::BIO_meth_set_create__fixed_rust(table.as_ptr(), Some(create));
            ffi::BIO_meth_set_read__fixed_rust(table.as_ptr(), Some(read));
            ffi::BIO_meth_set_write__fixed_rust(table.as_ptr(), Some(write));
            ffi::BIO_meth_set_ctrl__fixed_rust(table.as_ptr(), Some(control));
            Some(Functions(table))
        }
    };
    FUNCTIONS.get_or_init(make).as_ref()
}

unsafe extern "C" fn create(bio: *mut ffi::BIO) -> c_int {
    // SAFETY: OpenSSL has just made it.
    unsafe { ffi::BIO_set_init(bio, 1) };
    1
}

/// The call that a BIO serves, if there is one.
///
/// # Safety
/// The BIO is one of ours, and what is returned doesn't outlive the function that OpenSSL has called.
unsafe fn served<'a>(bio: *mut ffi::BIO) -> Option<&'a mut Call<'a>> {
    // SAFETY: there is nothing, or what `call` has put there, for which it waits.
    unsafe { ffi::BIO_get_data(bio).cast::<Call<'a>>().as_mut() }
}

unsafe extern "C" fn read(bio: *mut ffi::BIO, buffer: *mut c_char, length: c_int) -> c_int {
    let length = usize::try_from(length).unwrap_or(0);
    // SAFETY: OpenSSL calls with one of our BIOs and with a buffer of that length; reading doesn't look at what is in it.
    let (call, buffer) = unsafe {
        ffi::BIO_clear_retry_flags(bio);
        let Some(call) = served(bio) else { return -1 };
        if buffer.is_null() || length == 0 {
            return 0;
        }
        (call, slice::from_raw_parts_mut(buffer.cast::<u8>(), length))
    };
    match call.duct.read(buffer) {
        Ok(count) => c_int::try_from(count).unwrap_or(-1),
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            // SAFETY: as above.
            unsafe { ffi::BIO_set_retry_read(bio) };
            -1
        }
        Err(error) => {
            call.error = Some(error);
            -1
        }
    }
}

unsafe extern "C" fn write(bio: *mut ffi::BIO, bytes: *const c_char, length: c_int) -> c_int {
    let length = usize::try_from(length).unwrap_or(0);
    // SAFETY: OpenSSL calls with one of our BIOs and with so many bytes.
    let (call, bytes) = unsafe {
        ffi::BIO_clear_retry_flags(bio);
        let Some(call) = served(bio) else { return -1 };
        if bytes.is_null() || length == 0 {
            return 0;
        }
        (call, slice::from_raw_parts(bytes.cast::<u8>(), length))
    };
    match call.duct.write(bytes) {
        Ok(count) => c_int::try_from(count).unwrap_or(-1),
        Err(error) => {
            call.error = Some(error);
            -1
        }
    }
}

/// All that OpenSSL wants to be true is that nothing is left in the BIO.
unsafe extern "C" fn control(_: *mut ffi::BIO, what: c_int, _: c_long, _: *mut c_void) -> c_long {
    c_long::from(what == ffi::BIO_CTRL_FLUSH)
}

unsafe extern "C" {
    fn BIO_up_ref(bio: *mut ffi::BIO) -> c_int;
}
