//! Certificates: those that are given, or one that is made for this machine and
//! kept.

use std::{
  fs,
  io::{self, Write},
  path::{Path, PathBuf},
  sync::Arc,
};

use nexxo::protocol::Diagnostic;
use tokio::net::TcpStream;
use tokio_rustls::{
  TlsAcceptor,
  rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
  },
  server::TlsStream,
};

use super::options::Https;
use crate::message::{certificate_not_made, certificate_unusable, io_problem};

#[derive(Clone)]
pub(crate) struct Acceptor(TlsAcceptor);

impl Acceptor {
  /// # Errors
  /// `CERTIFICATE_UNUSABLE`, `CERTIFICATE_NOT_MADE`.
  pub(crate) fn new(https: &Https, cwd: &Path) -> Result<Self, Diagnostic> {
    let (cert, key) = match https {
      Https::Given { cert, key } => (cwd.join(cert), cwd.join(key)),
      Https::Generated(_) => own().map_err(|error| certificate_not_made(&io_problem(&error)))?,
    };
    let unusable = |path: &Path, problem: &str| certificate_unusable(path, problem);
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&cert)
      .and_then(Iterator::collect)
      .map_err(|error| unusable(&cert, &error.to_string()))?;
    let key_der =
      PrivateKeyDer::from_pem_file(&key).map_err(|error| unusable(&key, &error.to_string()))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
      .with_safe_default_protocol_versions()
      .map_err(|error| unusable(&cert, &error.to_string()))?
      .with_no_client_auth()
      .with_single_cert(chain, key_der)
      .map_err(|error| unusable(&cert, &error.to_string()))?;
    Ok(Self(TlsAcceptor::from(Arc::new(config))))
  }

  pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    self.0.accept(stream).await
  }
}

/// The certificate and the key of this machine, made where there are none: a browser that was told
/// to trust them need not be told again.
fn own() -> io::Result<(PathBuf, PathBuf)> {
  let folder = cache_folder()?;
  let (cert, key) = (folder.join("localhost.crt"), folder.join("localhost.key"));
  if cert.is_file() && key.is_file() {
    return Ok((cert, key));
  }
  let names = ["localhost", "*.localhost", "127.0.0.1", "::1"].map(str::to_owned);
  let made = rcgen::generate_simple_self_signed(names).map_err(io::Error::other)?;
  fs::create_dir_all(&folder)?;
  write_private(&key, made.signing_key.serialize_pem().as_bytes())?;
  fs::write(&cert, made.cert.pem())?;
  Ok((cert, key))
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
  use std::os::unix::fs::OpenOptionsExt;
  let mut options = fs::OpenOptions::new();
  options.write(true).create(true).truncate(true).mode(0o600);
  options.open(path)?.write_all(bytes)
}

fn cache_folder() -> io::Result<PathBuf> {
  let named =
    |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
  named("XDG_CACHE_HOME")
    .or_else(|| named("HOME").map(|home| home.join(".cache")))
    .map(|folder| folder.join("nexxo"))
    .ok_or_else(|| io::Error::other("neither `HOME` nor `XDG_CACHE_HOME` is set"))
}
