//! Plugins of mosquitto.conf. Foreign code isn't loaded: the libraries that come with mosquitto are known by their file
//! names, and what they do is built in.

use super::{Listener, Settings};

/// A plugin that the configuration names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plugin {
    /// Its name, if `plugin_load` gave it one.
    pub name: Option<String>,
    /// The path of its library, as written.
    pub path: String,
    /// `plugin_opt_KEY VALUE`, in order.
    pub options: Vec<(String, String)>,
}

/// Which of mosquitto's plugins a library is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PluginKind {
    /// `mosquitto_password_file.so`: what `password_file` does.
    PasswordFile,
    /// `mosquitto_acl_file.so`: what `acl_file` does.
    AclFile,
    /// `mosquitto_dynamic_security.so`
    DynamicSecurity,
    /// Any other: not built in.
    Foreign,
}

impl Plugin {
    /// A plugin without options.
    pub fn new(name: Option<&str>, path: &str) -> Self {
        Plugin { name: name.map(str::to_owned), path: path.to_owned(), options: Vec::new() }
    }

    /// Which one it is, by its file name.
    pub fn kind(&self) -> PluginKind {
        let file = self.path.rsplit('/').next().unwrap_or_default();
        match file.strip_suffix(".so").unwrap_or(file) {
            "mosquitto_password_file" => PluginKind::PasswordFile,
            "mosquitto_acl_file" => PluginKind::AclFile,
            "mosquitto_dynamic_security" => PluginKind::DynamicSecurity,
            _ => PluginKind::Foreign,
        }
    }

    /// The value of an option, whatever the case of its key; the last one counts.
    pub fn option(&self, key: &str) -> Option<&str> {
        self.options.iter().rev().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| &**value)
    }
}

impl Settings {
    /// The plugins that a listener uses, those of all listeners first.
    pub fn plugins_of<'a>(&'a self, listener: &'a Listener) -> impl Iterator<Item = &'a Plugin> {
        let own = &self.security_of(listener).plugins;
        let numbers = self.global_plugins.iter().chain(own).chain(&listener.plugins);
        numbers.filter_map(|&number| self.plugins.get(number))
    }

    fn plugin_option<'a>(&'a self, listener: &'a Listener, kind: PluginKind, key: &str) -> Option<&'a str> {
        self.plugins_of(listener).filter(|plugin| plugin.kind() == kind).find_map(|plugin| plugin.option(key))
    }

    /// The password file of a listener: of a plugin, or of the keyword. The first one decides about everybody.
    pub fn password_file_of<'a>(&'a self, listener: &'a Listener) -> Option<&'a str> {
        self.plugin_option(listener, PluginKind::PasswordFile, "password_file")
            .or(self.security_of(listener).password_file.as_deref())
    }

    /// The ACL file of a listener: of a plugin, or of the keyword.
    pub fn acl_file_of<'a>(&'a self, listener: &'a Listener) -> Option<&'a str> {
        self.plugin_option(listener, PluginKind::AclFile, "acl_file")
            .or(self.security_of(listener).acl_file.as_deref())
    }

    /// Whether dynamic security holds at a listener.
    pub fn uses_dynsec(&self, listener: &Listener) -> bool {
        self.plugins_of(listener).any(|plugin| plugin.kind() == PluginKind::DynamicSecurity)
    }

    /// The plugin of dynamic security, if there is one.
    pub fn dynsec_plugin(&self) -> Option<&Plugin> {
        self.plugins.iter().find(|plugin| plugin.kind() == PluginKind::DynamicSecurity)
    }
}
