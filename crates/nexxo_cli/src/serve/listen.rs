//! Connections: where they come in, how many there may be, and how long they
//! may take.

use std::{
  io,
  net::SocketAddr,
  pin::Pin,
  sync::Arc,
  task::{Context, Poll, ready},
  time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
  io::{AsyncRead, AsyncWrite, ReadBuf},
  net::TcpListener,
  sync::Semaphore,
};

use super::{http::Server, options::Settings, tls};
use crate::message::{address_not_usable, port_taken};

/// At once. A page has a dozen; who has more waits.
const MOST_CONNECTIONS: usize = 1_024;
/// For the head of a request, from its first letter on, and for a connection that says nothing.
const HEAD_PATIENCE: Duration = Duration::from_secs(15);
/// Of a request's head.
const MOST_HEAD_BYTES: usize = 64 * 1024;
const MOST_HEADERS: usize = 100;
/// How many ports are tried after the one that is taken.
const MOST_PORTS: u16 = 100;

/// Listens where the settings say, or on the next port that is free.
///
/// # Errors
/// `PORT_TAKEN` where no other will do, `ADDRESS_NOT_USABLE`.
pub(crate) async fn bind(settings: &Settings) -> Result<TcpListener, nexxo::protocol::Diagnostic> {
  let last =
    if settings.is_strict { settings.port } else { settings.port.saturating_add(MOST_PORTS) };
  for port in settings.port..=last {
    match TcpListener::bind(SocketAddr::new(settings.address, port)).await {
      Ok(listener) => return Ok(listener),
      Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
      Err(error) => return Err(address_not_usable(&settings.address, port, &error)),
    }
  }
  Err(port_taken(settings.port, settings.is_strict))
}

/// Answers until it is dropped.
pub(crate) async fn serve(listener: TcpListener, server: Arc<Server>, tls: Option<tls::Acceptor>) {
  let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
  loop {
    let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
    let stream = match listener.accept().await {
      Ok((stream, _)) => stream,
      // Out of handles, or the other side is gone already: the next may fare better.
      Err(_) => {
        tokio::time::sleep(Duration::from_millis(20)).await;
        continue;
      }
    };
    let (server, tls) = (Arc::clone(&server), tls.clone());
    tokio::spawn(async move {
      let _ = stream.set_nodelay(true);
      match tls {
        None => connection(Targets::new(stream), server).await,
        Some(tls) => {
          let greeted = tokio::time::timeout(HEAD_PATIENCE, tls.accept(stream)).await;
          if let Ok(Ok(stream)) = greeted {
            connection(Targets::new(stream), server).await;
          }
        }
      }
      drop(place);
    });
  }
}

async fn connection<S>(stream: S, server: Arc<Server>)
where
  S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
  let service = service_fn(move |request| Arc::clone(&server).answer(request));
  // However it ends, there is nobody left to tell.
  let _ = http1::Builder::new()
    .timer(TokioTimer::new())
    .header_read_timeout(HEAD_PATIENCE)
    .max_buf_size(MOST_HEAD_BYTES)
    .max_headers(MOST_HEADERS)
    .serve_connection(TokioIo::new(stream), service)
    .with_upgrades()
    .await;
}

/// Lets no `#` pass in the target of a request: the parser behind would drop it and what follows,
/// and with them what the sender meant. A letter that no target has takes its place, so that the
/// request is refused.
///
/// Looks at the first line of each head. A request with a body ends this, as where its body ends is
/// the parser's to know.
struct Targets<S> {
  stream: S,
  at: At,
  /// The end of the line that is read, without letters' case.
  line: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
  Target,
  Fields,
  /// Of a message that is not looked at any more.
  Beyond,
}

/// Of a field's name and value, no more has to be known.
const LONGEST_LINE: usize = 64;

impl<S> Targets<S> {
  fn new(stream: S) -> Self {
    Self { stream, at: At::Target, line: Vec::new() }
  }

  fn look(&mut self, bytes: &mut [u8]) {
    for byte in bytes {
      match (self.at, *byte) {
        (At::Beyond, _) => return,
        (At::Target, b'#') => *byte = 1,
        (_, b'\n') => {
          let line = std::mem::take(&mut self.line);
          let line = line.strip_suffix(b"\r").unwrap_or(&line);
          self.at = match self.at {
            At::Target if line.is_empty() => At::Target,
            At::Target => At::Fields,
            At::Fields if line.is_empty() => At::Target,
            At::Fields if is_body(line) => At::Beyond,
            at => at,
          };
        }
        (_, byte) if self.line.len() < LONGEST_LINE => self.line.push(byte.to_ascii_lowercase()),
        _ => {}
      }
    }
  }
}

fn is_body(line: &[u8]) -> bool {
  line.starts_with(b"transfer-encoding")
    || line.starts_with(b"upgrade")
    || line.strip_prefix(b"content-length:").is_some_and(|value| value.trim_ascii() != b"0")
}

impl<S: AsyncRead + Unpin> AsyncRead for Targets<S> {
  fn poll_read(
    mut self: Pin<&mut Self>,
    context: &mut Context<'_>,
    buffer: &mut ReadBuf<'_>,
  ) -> Poll<io::Result<()>> {
    let before = buffer.filled().len();
    ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
    let read = &mut buffer.filled_mut()[before..];
    self.look(read);
    Poll::Ready(Ok(()))
  }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Targets<S> {
  fn poll_write(
    mut self: Pin<&mut Self>,
    context: &mut Context<'_>,
    bytes: &[u8],
  ) -> Poll<io::Result<usize>> {
    Pin::new(&mut self.stream).poll_write(context, bytes)
  }

  fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
    Pin::new(&mut self.stream).poll_flush(context)
  }

  fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
    Pin::new(&mut self.stream).poll_shutdown(context)
  }
}

/// The addresses under which a listener can be reached, for people.
pub(crate) fn addresses(listener: &TcpListener, settings: &Settings) -> Vec<String> {
  let Ok(address) = listener.local_addr() else { return Vec::new() };
  let scheme = if settings.https.is_some() { "https" } else { "http" };
  let host = match address.ip() {
    ip if ip.is_loopback() || ip.is_unspecified() => "localhost".to_owned(),
    std::net::IpAddr::V6(ip) => format!("[{ip}]"),
    ip => ip.to_string(),
  };
  vec![format!("{scheme}://{host}:{}{}", address.port(), settings.base)]
}

/// Opens the first address in the user's browser; where there is none, the address was said.
pub(crate) fn open(addresses: &[String]) {
  if let Some(address) = addresses.first() {
    let _ = open::that_detached(address);
  }
}
