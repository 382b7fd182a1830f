//! Certificates: those that are given, or one that is made for this machine and
//! kept; and those of other servers, looked at before anything is said to them.

use std::{
  fs,
  io::{self, Write},
  path::{Path, PathBuf},
  sync::Arc,
};

use nexxo::protocol::Diagnostic;
use tokio::net::TcpStream;
use tokio_rustls::{
  TlsAcceptor, TlsConnector, client,
  rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{self, CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
  },
  server::TlsStream,
};

use super::options::Https;
use crate::{
  folders,
  message::{certificate_not_made, certificate_unusable, io_problem},
};

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

/// The encrypted way to one other server.
#[derive(Clone)]
pub(crate) struct Connector {
  tls: TlsConnector,
  name: ServerName<'static>,
}

impl std::fmt::Debug for Connector {
  fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    formatter.debug_tuple("Connector").field(&self.name).finish()
  }
}

impl Connector {
  /// To the server of this name. Where it is not `secure`, whoever answers is believed.
  ///
  /// # Errors
  /// What is wrong, as a part of a sentence.
  pub(crate) fn new(host: &str, secure: bool) -> Result<Self, String> {
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
      .map_err(|_| format!("`{host}` is no host"))?;
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
      .with_safe_default_protocol_versions()
      .map_err(|error| error.to_string())?;
    let config = if secure {
      let mut roots = RootCertStore::empty();
      roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
      config.with_root_certificates(roots)
    } else {
      let verifier = Arc::new(AnyCertificate(provider));
      config.dangerous().with_custom_certificate_verifier(verifier)
    };
    let config = config.with_no_client_auth();
    Ok(Self { tls: TlsConnector::from(Arc::new(config)), name })
  }

  pub(crate) async fn connect(
    &self,
    stream: TcpStream,
  ) -> io::Result<client::TlsStream<TcpStream>> {
    self.tls.connect(self.name.clone(), stream).await
  }
}

/// Believes every certificate, as is asked for with `secure: false` for a backend on this machine
/// that made its own. What is signed with it has to be right all the same.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
  fn verify_server_cert(
    &self,
    _end_entity: &CertificateDer<'_>,
    _intermediates: &[CertificateDer<'_>],
    _server_name: &ServerName<'_>,
    _ocsp_response: &[u8],
    _now: UnixTime,
  ) -> Result<ServerCertVerified, tokio_rustls::rustls::Error> {
    Ok(ServerCertVerified::assertion())
  }

  fn verify_tls12_signature(
    &self,
    message: &[u8],
    cert: &CertificateDer<'_>,
    dss: &DigitallySignedStruct,
  ) -> Result<HandshakeSignatureValid, tokio_rustls::rustls::Error> {
    crypto::verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
  }

  fn verify_tls13_signature(
    &self,
    message: &[u8],
    cert: &CertificateDer<'_>,
    dss: &DigitallySignedStruct,
  ) -> Result<HandshakeSignatureValid, tokio_rustls::rustls::Error> {
    crypto::verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
  }

  fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
    self.0.signature_verification_algorithms.supported_schemes()
  }
}

/// The certificate and the key of this machine, made where there are none: a browser that was told
/// to trust them need not be told again.
fn own() -> io::Result<(PathBuf, PathBuf)> {
  let folder = folders::cache()?;
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
