//! The file of dynamic security on disk: read at the start, made where there is none, replaced whole at each change.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::num::NonZeroU32;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::error::{Error, reason};
use crate::auth::dynsec::Dynsec;
use crate::auth::{HashMethod, PBKDF2_ITERATIONS, PasswordHash, SALT_BYTES_2_0};
use crate::config::Plugin;

/// The shortest password that the environment may give.
const PASSWORD_LEAST: usize = 12;
/// Length of a password of our own making.
const PASSWORD_MADE: usize = 20;
/// Where the environment has the first password.
const VARIABLE: &str = "MOSQUITTO_DYNSEC_PASSWORD";

/// What the configuration says of dynamic security, and the file as it is.
#[derive(Debug)]
pub struct DynsecFile {
    /// Its path, as written.
    pub path: String,
    init_file: Option<String>,
    /// `None`: there is no file yet.
    content: Option<Dynsec>,
}

impl DynsecFile {
    /// Reads the file, if it is there. Changes nothing.
    pub fn read(plugin: &Plugin) -> Result<DynsecFile, Error> {
        let Some(path) = plugin.option("config_file") else {
            return Err(Error::file(format!(
                "Error: The plugin \"{}\" needs a file: plugin_opt_config_file FILE.",
                plugin.path
            )));
        };
        let content = match fs::read(path) {
            Ok(text) => {
                let text = Zeroizing::new(text);
                Some(Dynsec::parse(&text, path).map_err(|error| Error::invalid(error.to_string()))?)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => {
                let reason = reason(&error);
                let text = format!("Error: Unable to open dynamic security file \"{path}\". {reason}.");
                return Err(Error::file(text));
            }
        };
        let init_file = plugin.option("password_init_file").map(str::to_owned);
        Ok(DynsecFile { path: path.to_owned(), init_file, content })
    }

    /// What the file says; `None`: there is none yet.
    pub fn content(&self) -> Option<&Dynsec> {
        self.content.as_ref()
    }

    /// Its content; where there is no file one is made. `say` gets lines for the log.
    pub fn settle(self, say: impl Fn(&str)) -> Result<Dynsec, Error> {
        if let Some(content) = self.content {
            return Ok(content);
        }
        say("Dynamic security plugin config not found, generating a default config.");
        let (admin, democlient) = self.first_passwords()?;
        let hash = |password: &str| {
            hash(password.as_bytes()).ok_or_else(|| Error::start("Error: Unable to hash password."))
        };
        let democlient_hash = democlient.as_deref().map(|password| hash(password)).transpose()?;
        let dynsec = Dynsec::initial(hash(&admin)?, democlient_hash);
        if let Some(democlient) = democlient {
            let path = format!("{}.pw", self.path);
            let text =
                Zeroizing::new(format!("admin {}\ndemoclient {}\n", admin.as_str(), democlient.as_str()));
            write(Path::new(&path), text.as_bytes()).map_err(|error| unwritable(&path, &error))?;
            say(&format!("The first passwords of dynamic security are in \"{path}\"."));
        }
        write(Path::new(&self.path), dynsec.to_text().as_bytes())
            .map_err(|error| unwritable(&self.path, &error))?;
        Ok(dynsec)
    }

    /// The password of admin, and that of democlient if both are our own making.
    fn first_passwords(&self) -> Result<(Zeroizing<String>, Option<Zeroizing<String>>), Error> {
        if let Some(path) = &self.init_file {
            let unusable = |why: &str| {
                Error::file(format!("Error: No password in password_init_file \"{path}\": {why}."))
            };
            let text = fs::read_to_string(path).map_err(|error| unusable(&reason(&error)))?;
            let text = Zeroizing::new(text);
            let first = text.lines().next().unwrap_or_default().trim();
            return match first {
                "" => Err(unusable("the first line is empty")),
                password => Ok((Zeroizing::new(password.to_owned()), None)),
            };
        }
        if let Some(password) = std::env::var_os(VARIABLE) {
            let password = password.into_string().map(Zeroizing::new).unwrap_or_default();
            if password.len() < PASSWORD_LEAST {
                return Err(Error::invalid(format!(
                    "Error: Not generating dynsec config, {VARIABLE} must be at least {PASSWORD_LEAST} characters."
                )));
            }
            return Ok((password, None));
        }
        Ok((random_password()?, Some(random_password()?)))
    }
}

fn unwritable(path: &str, error: &io::Error) -> Error {
    Error::file(format!("Error: Unable to write \"{path}\". {}.", reason(error)))
}

/// Letters and digits from the system's random source.
fn random_password() -> Result<Zeroizing<String>, Error> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut password = Zeroizing::new(String::with_capacity(PASSWORD_MADE));
    let mut bytes = Zeroizing::new([0; 64]);
    while password.len() < PASSWORD_MADE {
        getrandom::fill(&mut bytes[..]).map_err(|error| Error::start(format!("Error: {error}")))?;
        // Six bits of each byte; what is no place in the list is thrown away, so that each letter is as likely.
        let letters = bytes.iter().filter_map(|byte| LETTERS.get(usize::from(byte & 63)));
        for letter in letters.take(PASSWORD_MADE - password.len()) {
            password.push(char::from(*letter));
        }
    }
    Ok(password)
}

/// The hash of a new password: of a kind that every mosquitto can read.
pub fn hash(password: &[u8]) -> Option<PasswordHash> {
    let mut salt = [0; SALT_BYTES_2_0];
    getrandom::fill(&mut salt).ok()?;
    let iterations = NonZeroU32::new(PBKDF2_ITERATIONS).unwrap_or(NonZeroU32::MIN);
    PasswordHash::create(HashMethod::Sha512Pbkdf2 { iterations }, password, &salt).ok()
}

/// Puts a file that only its owner may read in the place of one, whole or not at all.
pub fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    // The place of a link's file, not the link.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut new = path.clone().into_os_string();
    new.push(".new");
    let new = PathBuf::from(new);
    match fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    let written = file.write_all(text).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&new, &path));
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written?;
    // The name survives a crash only with its folder; what can't be synced is in place all the same.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_is_replaced_whole_and_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d.json");
        fs::write(&path, "old").unwrap();
        fs::write(folder.path().join("d.json.new"), "left by a crash").unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        write(&link, b"new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        assert!(write(&folder.path().join("no/such"), b"x").is_err());
    }

    #[test]
    fn passwords_of_our_making_differ() {
        let (one, two) = (random_password().unwrap(), random_password().unwrap());
        assert_eq!((one.len(), two.len()), (PASSWORD_MADE, PASSWORD_MADE));
        assert_ne!(one, two);
        assert!(one.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }
}
