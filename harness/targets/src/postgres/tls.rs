//! TLS to a server, as libpq's `verify-full` has it: its certificate has to be of a trusted CA, of the server's name, and
//! valid now, and nothing goes on without.
//!
//! Not looked at: whether a certificate was revoked.

use std::io;
use std::sync::Arc;

use lifeboat_model::ServerTls;
use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::Socket;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres_rustls::MakeRustlsConnect;

/// What makes the TLS of each new connection.
#[derive(Clone)]
pub(super) struct Connector {
    inner: MakeRustlsConnect,
    name: Option<String>,
}

impl Connector {
    /// Reads the CA certificates.
    ///
    /// # Errors
    /// The sentence that says what is wrong with them.
    pub(super) fn new(tls: &ServerTls) -> Result<Self, String> {
        let path = tls.ca.as_deref().ok_or(
            "the plan gives no tls_ca, the PEM file with the certificates of the CAs to trust, so that no server can be",
        )?;
        let mut roots = RootCertStore::empty();
        let certificates = CertificateDer::pem_file_iter(path).map_err(|error| unusable(path, &error))?;
        for certificate in certificates {
            let added = certificate.map(|certificate| roots.add(certificate));
            added.map_err(|error| unusable(path, &error))?.map_err(|error| unusable(path, &error))?;
        }
        if roots.is_empty() {
            return Err(unusable(path, &"there is no certificate in it"));
        }
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        // A session that is taken up again would not show its certificate again.
        config.resumption = Resumption::disabled();
        Ok(Self { inner: MakeRustlsConnect::new(config), name: tls.name.clone() })
    }
}

fn unusable(path: &str, error: &dyn std::fmt::Display) -> String {
    format!("the CA certificates in `{path}` cannot be used: {error}")
}

impl MakeTlsConnect<Socket> for Connector {
    type Stream = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;
    type TlsConnect = <MakeRustlsConnect as MakeTlsConnect<Socket>>::TlsConnect;
    type Error = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Error;

    fn make_tls_connect(&mut self, host: &str) -> Result<Self::TlsConnect, Self::Error> {
        let name = self.name.as_deref().unwrap_or(host);
        <MakeRustlsConnect as MakeTlsConnect<Socket>>::make_tls_connect(&mut self.inner, name)
    }
}

/// Whether a connection was not made because the server has no TLS, or because what it showed is not trusted.
pub(super) fn is_distrust(error: &tokio_postgres::Error) -> bool {
    let Some(cause) = std::error::Error::source(error) else { return false };
    // The driver has no other word for it.
    if cause.to_string() == "server does not support TLS" {
        return true;
    }
    let wrapped = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    wrapped.is_some_and(|inner| inner.is::<rustls::Error>())
}
