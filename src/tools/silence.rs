//! A terminal that doesn't show what is typed, as long as a password is asked for. A signal that ends the program
//! meanwhile gives the terminal its echo back first.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use libc::{c_int, sigaction};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};

/// The signals that people and systems end a program with.
const HELD: [c_int; 2] = [libc::SIGINT, libc::SIGTERM];

/// As long as it lives, the terminal doesn't show what is typed.
pub(super) struct Silence {
    terminal: OwnedFd,
    before: &'static Before,
}

/// What was before, for the handler of the signals.
struct Before {
    terminal: RawFd,
    settings: Termios,
    /// In the order of [`HELD`]; `None`: the signal is ignored, and stays so.
    actions: [Option<sigaction>; 2],
    exit_code: Option<u8>,
}

/// For the handler.
static BEFORE: AtomicPtr<Before> = AtomicPtr::new(ptr::null_mut());

impl Silence {
    /// `exit_code`: what a signal ends the program with, instead of what the signal does else.
    ///
    /// # Errors
    /// This is no terminal.
    pub(super) fn begin(terminal: impl AsFd, exit_code: Option<u8>) -> io::Result<Self> {
        let terminal = terminal.as_fd().try_clone_to_owned()?;
        let settings = tcgetattr(&terminal)?;
        let actions = HELD.map(|signal| action(signal).filter(|old| old.sa_sigaction != libc::SIG_IGN));
        let before = Before { terminal: terminal.as_raw_fd(), settings, actions, exit_code };
        // Never freed: who knows when the last handler has looked at it.
        let before: &'static Before = Box::leak(Box::new(before));
        BEFORE.store(ptr::from_ref(before).cast_mut(), Ordering::SeqCst);
        for (signal, old) in HELD.iter().zip(&before.actions) {
            if old.is_some() {
                set_action(*signal, &ours());
            }
        }
        let silence = Silence { terminal, before };
        tcsetattr(&silence.terminal, OptionalActions::Now, &silent(silence.before.settings.clone()))?;
        Ok(silence)
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before.settings);
        self.before.restore_actions();
        BEFORE.store(ptr::null_mut(), Ordering::SeqCst);
    }
}

impl Before {
    fn restore_actions(&self) {
        for (signal, old) in HELD.iter().zip(&self.actions) {
            if let Some(old) = old {
                set_action(*signal, old);
            }
        }
    }
}

/// The settings rpassword reads with. They are set before the question is asked, so that an answer (or Ctrl-C) that
/// comes at once meets them.
fn silent(mut settings: Termios) -> Termios {
    let modes = LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG;
    settings.local_modes.remove(modes);
    settings.special_codes[SpecialCodeIndex::VMIN] = 1;
    settings.special_codes[SpecialCodeIndex::VTIME] = 0;
    settings
}

/// What a signal does at present.
#[allow(unsafe_code)]
fn action(signal: c_int) -> Option<sigaction> {
    let mut action = MaybeUninit::<sigaction>::uninit();
    // SAFETY: nothing is changed, and what is asked for is written where there is room for it, or there is an error.
    unsafe { (sigaction(signal, ptr::null(), action.as_mut_ptr()) == 0).then(|| action.assume_init()) }
}

#[allow(unsafe_code)]
fn set_action(signal: c_int, action: &sigaction) {
    // SAFETY: it is what was in force before, or a handler that does only what a handler may do.
    unsafe { sigaction(signal, action, ptr::null_mut()) };
}

/// The action that ends the silence.
#[allow(unsafe_code)]
fn ours() -> sigaction {
    // SAFETY: all zero is an action: the default one, with no flags and no signals held.
    let mut action: sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = end as extern "C" fn(c_int) as libc::sighandler_t;
    action.sa_flags = libc::SA_RESTART;
    action
}

/// Handles a signal: makes system calls only, and takes no lock.
#[allow(unsafe_code)]
extern "C" fn end(signal: c_int) {
    // SAFETY: null, or a value that is never freed.
    let Some(before) = (unsafe { BEFORE.load(Ordering::SeqCst).as_ref() }) else { return };
    // SAFETY: it is open as long as the silence lasts.
    let terminal = unsafe { BorrowedFd::borrow_raw(before.terminal) };
    let _ = tcsetattr(terminal, OptionalActions::Now, &before.settings);
    // Else the shell's prompt would stand behind the question.
    let _ = rustix::io::write(terminal, b"\n");
    if let Some(code) = before.exit_code {
        // SAFETY: ends the process, without anything that might wait for a lock.
        unsafe { libc::_exit(c_int::from(code)) }
    }
    before.restore_actions();
    // SAFETY: it comes when this handler returns, and does what it did before.
    unsafe { libc::raise(signal) };
}
