//! Whether the sessions on a server are encrypted, and what its certificate is held against.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `tls` of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Tls {
    /// Encrypted, and only with a server whose certificate is of a given CA, of the server's name, and valid now.
    VerifyFull,
    /// Not encrypted.
    Off,
}

/// What a server's certificate is held against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServerTls {
    /// The absolute path of a PEM file with the certificates of the CAs that are trusted; nobody is without one.
    pub ca: Option<String>,
    /// The name that the certificate has to be of, where it is not the host that is connected to: at the end of a tunnel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}
