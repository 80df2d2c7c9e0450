//! What needs no broker: making the file of dynamic security, and setting a password in one.

use std::path::Path;

use zeroize::Zeroizing;

use super::{Request, Stop, prompt, say};
use crate::auth::dynsec::Dynsec;
use crate::options::ControlJob;
use crate::server::dynsec_file::{hash, write};

/// `init FILE USERNAME [PASSWORD]`
pub(super) fn init(arguments: &[String], program: &str) -> Result<Option<Request>, Stop> {
    let (file, username, password) = match arguments {
        [file, username] => (file, username, None),
        [file, username, password] => (file, username, Some(password)),
        [] | [_] => {
            let line = "dynsec init: Not enough arguments - filename, or admin-user missing.\n\
                        Error: Invalid function arguments provided.";
            return Err(Stop::new(line, super::ARGUMENTS));
        }
        _ => {
            let line = "dynsec init: Too many arguments.\nError: Invalid function arguments provided.";
            return Err(Stop::new(line, super::ARGUMENTS));
        }
    };
    if Path::new(file).exists() {
        let line =
            format!("dynsec init: '{file}' already exists. Remove the file or use a different location..");
        return Err(Stop::new(line, 0));
    }
    let password = match password {
        Some(password) => Zeroizing::new(password.clone()),
        None => prompt::new_password(username, false)?,
    };
    let dynsec = Dynsec::for_admin(username, hash(password.as_bytes()).ok_or_else(unhashed)?);
    store("dynsec init", file, &dynsec)?;
    say(&format!(
        "The client '{username}' has been created in the file '{file}'.\n\
         This client is configured to allow you to administer the dynamic security plugin only.\n\
         It does not have access to publish messages to normal topics.\n\
         You should create your application clients to do that, for example:\n   \
         {program} <connect options> dynsec createClient <username>\n   \
         {program} <connect options> dynsec createRole <rolename>\n   \
         {program} <connect options> dynsec addRoleACL <rolename> publishClientSend my/topic allow [priority]\n   \
         {program} <connect options> dynsec addClientRole <username> <rolename> [priority]\n\
         `{program} dynsec help` lists all commands.\n"
    ));
    Ok(None)
}

/// `-f FILE dynsec setClientPassword USERNAME [PASSWORD]`
pub(super) fn set_password(job: &ControlJob) -> Result<Option<Request>, Stop> {
    let (username, password) = match &job.command[1..] {
        [username] => (username, prompt::new_password(username, false)?),
        [username, password] => (username, Zeroizing::new(password.clone())),
        _ => return Err(Stop::arguments()),
    };
    let path = job.file.as_deref().unwrap_or(Path::new(""));
    let file = path.display().to_string();
    let text = std::fs::read(path)
        .map(Zeroizing::new)
        .map_err(|error| Stop::new(format!("Error: Unable to open \"{file}\": {error}."), 1))?;
    let mut dynsec = Dynsec::parse(&text, &file).map_err(|error| Stop::new(error.to_string(), 1))?;
    if !dynsec.set_password(username, hash(password.as_bytes()).ok_or_else(unhashed)?) {
        return Err(Stop::new(format!("Error: There is no client '{username}' in \"{file}\"."), 1));
    }
    store("dynsec setClientPassword", &file, &dynsec)?;
    Ok(None)
}

fn store(command: &str, file: &str, dynsec: &Dynsec) -> Result<(), Stop> {
    write(Path::new(file), dynsec.to_text().as_bytes()).map_err(|error| {
        let why = error.to_string();
        let why = why.split(" (os error").next().unwrap_or_default();
        Stop::new(format!("{command}: Unable to open '{file}' for writing. {why}."), 1)
    })
}

fn unhashed() -> Stop {
    Stop::new("Error: Unable to hash password.", 1)
}
