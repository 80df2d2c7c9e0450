//! Password hashes and rules: decisions over text already read. Pure.

mod acl;
pub mod dynsec;
mod password_file;
mod password_hash;
mod psk_file;

pub use acl::{Access, Acl, AclError, Who};
pub use password_file::{
    PasswordFile, PasswordFileError, PasswordFileProblem, PasswordLine, USERNAME_MAX, parse_password_line,
    trim_blanks,
};
pub use password_hash::{
    HashMethod, PASSWORD_MAX, PBKDF2_ITERATIONS, PasswordHash, PasswordHashError, SALT_BYTES, SALT_BYTES_2_0,
};
pub use psk_file::{PskFileError, PskList, PskWarning};
