//! Requests that go on to another server, such as an app's own backend.

use std::io;

use http_body_util::BodyExt;
use hyper::{
  Request, Response, Uri,
  body::Incoming,
  client::conn::http1,
  header::{self, HeaderName, HeaderValue},
  http::uri::{Authority, PathAndQuery},
};
use hyper_util::rt::TokioIo;
use tokio::{
  io::{AsyncRead, AsyncWrite},
  net::TcpStream,
};

use super::{http::ResponseBody, options::ProxyTarget, tls::Connector};

/// Meant for one connection, not for whoever is behind it.
const HOP_BY_HOP: [&str; 6] =
  ["keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer"];

#[derive(Debug)]
pub(crate) struct Proxy {
  pub(crate) prefix: String,
  authority: Authority,
  /// Where the way to the other server is encrypted.
  tls: Option<Connector>,
  /// Before the path that is asked for; without `/` at its end.
  path: String,
  /// Whether the other server sees its own name, and not the one that was asked for.
  change_origin: bool,
  ws: bool,
  strip_prefix: bool,
}

/// The other server could not be asked.
pub(crate) struct Unreachable;

impl Proxy {
  /// # Errors
  /// What is wrong with the target, as a part of a sentence.
  pub(crate) fn new(prefix: &str, target: ProxyTarget) -> Result<Self, String> {
    let ProxyTarget { target: address, change_origin, secure, ws, strip_prefix } = target;
    let secure = secure.unwrap_or(true);
    if !prefix.starts_with('/') {
      return Err("a prefix begins with `/`".to_owned());
    }
    let uri: Uri = address.parse().map_err(|_| format!("`{address}` is no address"))?;
    let is_encrypted = match uri.scheme_str() {
      Some("http" | "ws") => false,
      Some("https" | "wss") => true,
      _ => return Err(format!("`{address}` begins with neither `http://` nor `https://`")),
    };
    let authority = uri.authority().cloned().ok_or_else(|| format!("`{address}` has no host"))?;
    let tls = is_encrypted.then(|| Connector::new(authority.host(), secure)).transpose()?;
    let path = uri.path().trim_end_matches('/').to_owned();
    Ok(Self { prefix: prefix.to_owned(), authority, tls, path, change_origin, ws, strip_prefix })
  }

  /// Whether sockets are passed on as well.
  pub(crate) fn has_sockets(&self) -> bool {
    self.ws
  }

  /// Whether a path is below the prefix: the prefix itself, or what follows it after a `/`.
  pub(crate) fn takes(&self, path: &str) -> bool {
    let prefix = self.prefix.trim_end_matches('/');
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
  }

  /// Asks the other server, and gives what it says as it says it.
  ///
  /// # Errors
  /// Where it cannot be asked.
  pub(crate) async fn pass(
    &self,
    mut request: Request<Incoming>,
  ) -> Result<Response<ResponseBody>, Unreachable> {
    let stream = self.connect().await.map_err(|_| Unreachable)?;
    let (mut sender, connection) =
      http1::handshake(TokioIo::new(stream)).await.map_err(|_| Unreachable)?;
    tokio::spawn(connection.with_upgrades());

    let is_upgrade = self.ws && request.headers().contains_key(header::UPGRADE);
    let ours = is_upgrade.then(|| hyper::upgrade::on(&mut request));
    let (mut parts, body) = request.into_parts();
    let asked = parts.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let prefix = if self.strip_prefix { self.prefix.trim_end_matches('/') } else { "" };
    let asked = asked.strip_prefix(prefix).unwrap_or(asked);
    let slash = if asked.starts_with('/') { "" } else { "/" };
    parts.uri = format!("{}{slash}{asked}", self.path).parse().map_err(|_| Unreachable)?;
    for name in HOP_BY_HOP {
      parts.headers.remove(name);
    }
    if !is_upgrade {
      parts.headers.remove(header::UPGRADE);
      parts.headers.remove(header::CONNECTION);
    }
    if let Some(host) = parts.headers.get(header::HOST).cloned() {
      parts.headers.insert(HeaderName::from_static("x-forwarded-host"), host);
    }
    if self.change_origin {
      let own = HeaderValue::from_str(self.authority.as_str()).map_err(|_| Unreachable)?;
      parts.headers.insert(header::HOST, own);
    }
    let mut response =
      sender.send_request(Request::from_parts(parts, body)).await.map_err(|_| Unreachable)?;
    if let (Some(ours), hyper::StatusCode::SWITCHING_PROTOCOLS) = (ours, response.status()) {
      let theirs = hyper::upgrade::on(&mut response);
      tokio::spawn(async move {
        let (Ok(ours), Ok(theirs)) = (ours.await, theirs.await) else { return };
        // Ends when either side does.
        let _ =
          tokio::io::copy_bidirectional(&mut TokioIo::new(ours), &mut TokioIo::new(theirs)).await;
      });
    }
    Ok(response.map(BodyExt::boxed))
  }

  async fn connect(&self) -> io::Result<Box<dyn Stream>> {
    let port = self.authority.port_u16().unwrap_or(if self.tls.is_some() { 443 } else { 80 });
    let host = self.authority.host().trim_matches(['[', ']']);
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    Ok(match &self.tls {
      Some(tls) => Box::new(tls.connect(stream).await?),
      None => Box::new(stream),
    })
  }
}

/// A way to another server, encrypted or not.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}
