//! Giving up root: to the account of `user`, or to the numbers of PUID and PGID; and the umask.

use std::ffi::{CStr, CString};
use std::io;

use rustix::process::{getuid, umask};

use super::background::reason;
use super::{INVALID, SYSTEM, say};
use crate::config::LogType::{Error, Information, Warning};
use crate::observe::Logger;

/// The account that mosquitto changes to unless told otherwise.
const DEFAULT_USER: &str = "mosquitto";

/// Where to go from root.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Account {
    name: String,
    user_id: libc::uid_t,
    group_id: libc::gid_t,
}

/// Gives up root, if this is root.
///
/// # Errors
/// The exit code; what is wrong was logged.
pub(super) fn drop_privileges(user: Option<&str>, logger: &Logger) -> Result<(), u8> {
    match become_user(user, logger)? {
        Became::Root => {
            say(logger, Warning, format_args!("Warning: Mosquitto should not be run as root/administrator."));
        }
        Became::Account(name) => {
            say(logger, Information, format_args!("Info: running mosquitto as user: {name}."));
        }
        Became::Same => {}
    }
    Ok(())
}

/// Who this is after [`become_user`].
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Became {
    /// Who it was before, or whoever `PUID` says.
    Same,
    /// Still root, because that was asked for.
    Root,
    /// An account.
    Account(String),
}

/// Whom a file is to belong to, where root makes it for the broker.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner {
    pub(super) user: Option<libc::uid_t>,
    pub(super) group: Option<libc::gid_t>,
}

/// Who this will be after [`become_user`]; `None`: who it is now, or that will go wrong.
pub(super) fn owner_to_be(user: Option<&str>) -> Option<Owner> {
    if stays() {
        return None;
    }
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
    let (puid, pgid) = (number("PUID"), number("PGID"));
    if puid.is_some() || pgid.is_some() {
        return Some(Owner { user: puid, group: pgid });
    }
    let account = match user {
        None | Some(DEFAULT_USER) => look_up(DEFAULT_USER).or_else(|| look_up("nobody")),
        Some(name) => look_up(name),
    };
    account.map(|account| Owner { user: Some(account.user_id), group: Some(account.group_id) })
}

/// Nobody to give up being.
fn stays() -> bool {
    let is_snap = std::env::var_os("SNAP_NAME").is_some_and(|name| name == "mosquitto");
    is_snap || !rustix::process::geteuid().is_root()
}

/// The same without a word when all goes well.
pub(super) fn become_user(user: Option<&str>, logger: &Logger) -> Result<Became, u8> {
    if stays() {
        return Ok(Became::Same);
    }
    if let Some(became) = change_to_numbers(logger)? {
        return Ok(became);
    }
    let user = user.unwrap_or(DEFAULT_USER);
    if user == "root" {
        return Ok(Became::Root);
    }
    let account = match look_up(user) {
        Some(account) => account,
        None if user == DEFAULT_USER => nobody(user, logger)?,
        None => {
            say(
                logger,
                Error,
                format_args!(
                    "Error: Unable to drop privileges to '{user}' because this user does not exist."
                ),
            );
            return Err(INVALID);
        }
    };
    change_to(&account).map_err(|(what, error)| {
        say(
            logger,
            Error,
            format_args!("Error setting {what} whilst dropping privileges: {}.", reason(&error)),
        );
        SYSTEM
    })?;
    Ok(Became::Account(account.name))
}

fn nobody(user: &str, logger: &Logger) -> Result<Account, u8> {
    say(
        logger,
        Warning,
        format_args!(
            "Warning: Unable to drop privileges to '{user}' because this user does not exist. Trying 'nobody' user instead."
        ),
    );
    look_up("nobody").ok_or_else(|| {
        say(logger, Error, format_args!("Error: Unable to drop privileges to 'nobody'."));
        INVALID
    })
}

/// `PUID` and `PGID`: `Some` where they took the place of `user`.
fn change_to_numbers(logger: &Logger) -> Result<Option<Became>, u8> {
    let user_id = number_of("PUID", logger)?;
    let group_id = number_of("PGID", logger)?;
    if user_id.is_none() && group_id.is_none() {
        return Ok(None);
    }
    // The groups first: afterwards there is no right to.
    let result = leave_groups(group_id)
        .and_then(|()| set_group(group_id.unwrap_or(0)))
        .map_err(|error| ("groups", error))
        .and_then(|()| set_user(user_id.unwrap_or(0)).map_err(|error| ("user", error)));
    if let Err((what, error)) = result {
        say(
            logger,
            Error,
            format_args!("Error setting {what} whilst dropping privileges: {}.", reason(&error)),
        );
        return Err(SYSTEM);
    }
    Ok(Some(if getuid().is_root() { Became::Root } else { Became::Same }))
}

/// The number in a variable; `None`: it isn't set.
fn number_of(name: &str, logger: &Logger) -> Result<Option<u32>, u8> {
    let Some(text) = std::env::var_os(name) else { return Ok(None) };
    let text = text.to_string_lossy();
    match text.parse::<i64>() {
        Ok(number) if number < 0 => {
            say(logger, Error, format_args!("Error: {name} must not be negative."));
            Err(INVALID)
        }
        Ok(number) if u32::try_from(number).is_ok() => Ok(u32::try_from(number).ok()),
        _ => {
            say(logger, Error, format_args!("Error: {name} not a valid ID '{text}'."));
            Err(INVALID)
        }
    }
}

/// `UMASK_SET`: an octal umask.
///
/// # Errors
/// The exit code; what is wrong was logged.
pub(super) fn set_umask(logger: &Logger) -> Result<(), u8> {
    let Some(text) = std::env::var_os("UMASK_SET") else { return Ok(()) };
    let wrong = |problem: &str| {
        say(logger, Error, format_args!("Error: UMASK_SET environment variable {problem}."));
        INVALID
    };
    let mode = text.to_str().and_then(|text| u32::from_str_radix(text, 8).ok());
    let mode = mode.ok_or_else(|| wrong("not a valid octal number"))?;
    if mode > 0o777 {
        return Err(wrong("out of range"));
    }
    umask(rustix::fs::Mode::from_raw_mode(mode));
    Ok(())
}

/// Groups, group and user of the account; which of them failed, and why.
fn change_to(account: &Account) -> Result<(), (&'static str, io::Error)> {
    set_groups(account).map_err(|error| ("groups", error))?;
    set_group(account.group_id).map_err(|error| ("group", error))?;
    set_user(account.user_id).map_err(|error| ("user", error))
}

/// The account of this name. libc's look-up, because accounts may come from elsewhere than /etc/passwd.
#[allow(unsafe_code)]
fn look_up(name: &str) -> Option<Account> {
    let c_name = CString::new(name).ok()?;
    let mut buffer = vec![0; 16 * 1024];
    let mut found = std::ptr::null_mut();
    let mut entry = std::mem::MaybeUninit::<libc::passwd>::zeroed();
    // SAFETY: all pointers are to live memory of the sizes given; `entry` is plain data for which zeroes are valid,
    // and its strings, which aren't read, point into `buffer`.
    let entry = unsafe {
        libc::getpwnam_r(c_name.as_ptr(), entry.as_mut_ptr(), buffer.as_mut_ptr(), buffer.len(), &mut found);
        if found.is_null() {
            return None;
        }
        entry.assume_init()
    };
    Some(Account { name: name.to_owned(), user_id: entry.pw_uid, group_id: entry.pw_gid })
}

/// libc's `initgroups`, which knows the groups of an account.
#[allow(unsafe_code)]
fn set_groups(account: &Account) -> io::Result<()> {
    let name = CString::new(account.name.as_str())?;
    let name: &CStr = &name;
    // SAFETY: the name is a C string that lives through the call.
    check(unsafe { libc::initgroups(name.as_ptr(), account.group_id) })
}

/// Leaves root's other groups for this one; without one, or with 0, changes nothing.
fn leave_groups(group_id: Option<u32>) -> io::Result<()> {
    match group_id.filter(|id| *id != 0) {
        // For this thread, which is the only one yet.
        Some(id) => Ok(rustix::thread::set_thread_groups(&[rustix::process::Gid::from_raw(id)])?),
        None => Ok(()),
    }
}

/// libc's `setgid` for the whole process; 0 changes nothing.
#[allow(unsafe_code)]
fn set_group(group_id: libc::gid_t) -> io::Result<()> {
    // SAFETY: takes a number, touches no memory of ours.
    if group_id == 0 { Ok(()) } else { check(unsafe { libc::setgid(group_id) }) }
}

/// libc's `setuid` for the whole process; 0 changes nothing.
#[allow(unsafe_code)]
fn set_user(user_id: libc::uid_t) -> io::Result<()> {
    // SAFETY: takes a number, touches no memory of ours.
    if user_id == 0 { Ok(()) } else { check(unsafe { libc::setuid(user_id) }) }
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found() {
        let root = look_up("root").unwrap();
        assert_eq!((root.user_id, root.group_id), (0, 0));
        assert_eq!(look_up("no such user, surely"), None);
        assert_eq!(look_up("a\0b"), None);
    }
}
