//! Who may ask, and how: the judgement of a request before its path is looked
//! at, and what every response says.

use std::{convert::Infallible, net::IpAddr, sync::Arc};

use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{
  HeaderMap, Method, Request, Response, StatusCode, Version,
  body::{Body, Bytes, Incoming},
  header::{self, HeaderName, HeaderValue},
};
use xxhash_rust::xxh3::xxh3_128;

use super::{
  ALIVE_PATH, OWN_PREFIX, Reply, SOCKET_PATH, Site,
  door::{Refusal, ServedPath},
  options::Settings,
};

pub(crate) type ResponseBody = BoxBody<Bytes, hyper::Error>;

/// More than any link has; what a site builds of a path stays small.
const LONGEST_TARGET: usize = 8 * 1024;

/// A site behind the judgement.
pub(crate) struct Server {
  pub(crate) settings: Settings,
  pub(crate) site: Arc<dyn Site>,
}

impl Server {
  /// Answers a request, whatever it is.
  pub(crate) async fn answer(
    self: Arc<Self>,
    request: Request<Incoming>,
  ) -> Result<Response<ResponseBody>, Infallible> {
    let version = request.version();
    let is_head = request.method() == Method::HEAD;
    let has_body = !request.body().is_end_stream();
    let origin =
      self.settings.cors.then(|| request.headers().get(header::ORIGIN).cloned()).flatten();
    let mut response = match self.judge(&request) {
      Err(status) => plain(status),
      Ok(Judged::Proxied(place)) => {
        // What comes from elsewhere has its own headers.
        let passed = self.settings.proxies[place].pass(request).await;
        return Ok(passed.unwrap_or_else(|_| plain(StatusCode::BAD_GATEWAY)));
      }
      Ok(Judged::Alive) => plain(StatusCode::OK),
      Ok(Judged::Socket) => self.upgrade(request),
      Ok(Judged::Served { path, is_navigation }) => {
        match self.site.get(&path, is_navigation).await {
          Ok(reply) => sent(reply, request.headers()),
          Err(Refusal::Malformed) => plain(StatusCode::BAD_REQUEST),
          Err(Refusal::Forbidden) => plain(StatusCode::FORBIDDEN),
          Err(Refusal::NotFound) => plain(StatusCode::NOT_FOUND),
        }
      }
    };
    let status = response.status();
    let headers = response.headers_mut();
    headers.insert(
      HeaderName::from_static("cross-origin-resource-policy"),
      HeaderValue::from_static("same-origin"),
    );
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("Origin, Sec-Fetch-Site"));
    if let Some(origin) = origin {
      // Never for all at once: who asks with cookies must be named.
      headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
      headers.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("cross-origin"),
      );
    }
    for (name, value) in &self.settings.headers {
      headers.insert(name, value.clone());
    }
    // What follows a body that nobody reads, or a request that nobody could, is not read either.
    if has_body || status == StatusCode::BAD_REQUEST || version < Version::HTTP_11 {
      headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if is_head {
      let length = response.body().size_hint().exact().unwrap_or(0);
      response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
      *response.body_mut() = body(Bytes::new());
    }
    Ok(response)
  }

  fn judge(&self, request: &Request<Incoming>) -> Result<Judged, StatusCode> {
    let headers = request.headers();
    let host = single(headers, header::HOST)?.ok_or(StatusCode::BAD_REQUEST)?;
    if !self.is_allowed(host)? {
      return Err(StatusCode::FORBIDDEN);
    }
    // Two ways to say where a body ends are one too many.
    if headers.contains_key(header::TRANSFER_ENCODING)
      && headers.contains_key(header::CONTENT_LENGTH)
      || headers.get_all(header::CONTENT_LENGTH).iter().count() > 1
    {
      return Err(StatusCode::BAD_REQUEST);
    }
    let target = request.uri();
    if request.method() == Method::CONNECT {
      return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    // Only a path is a target here, not an address of whatever host.
    if target.scheme().is_some() || target.authority().is_some() || !target.path().starts_with('/')
    {
      return Err(StatusCode::BAD_REQUEST);
    }
    if target.path_and_query().map_or(0, |target| target.as_str().len()) > LONGEST_TARGET {
      return Err(StatusCode::URI_TOO_LONG);
    }
    let fetch = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let is_navigation = match fetch("sec-fetch-mode") {
      Some(mode) => mode == "navigate",
      None => {
        fetch("accept").is_none_or(|accept| accept.contains("text/html") || accept.contains("*/*"))
      }
    };
    // Another site's page may lead here, but takes nothing from here into itself.
    let is_foreign = matches!(fetch("sec-fetch-site"), Some("cross-site" | "same-site"));
    let is_page = fetch("sec-fetch-mode") == Some("navigate") && request.method() == Method::GET;
    if is_foreign && !is_page && !self.settings.cors {
      return Err(StatusCode::FORBIDDEN);
    }
    let path = ServedPath::read(target.path()).map_err(|refusal| match refusal {
      Refusal::Malformed => StatusCode::BAD_REQUEST,
      Refusal::Forbidden => StatusCode::FORBIDDEN,
      Refusal::NotFound => StatusCode::NOT_FOUND,
    })?;
    let is_own = path.as_str().starts_with(OWN_PREFIX);
    if !is_own
      && let Some(place) = self.settings.proxies.iter().position(|proxy| proxy.takes(path.as_str()))
    {
      // Browsers ask nobody before they open a socket to another site's server.
      if is_upgrade(headers) && self.settings.proxies[place].has_sockets() && !self.settings.cors {
        let origin = single(headers, header::ORIGIN)?;
        let is_ours = |origin: &str| {
          origin.split_once("://").is_some_and(|(_, of)| of.eq_ignore_ascii_case(host))
        };
        if !origin.is_none_or(is_ours) {
          return Err(StatusCode::FORBIDDEN);
        }
      }
      return Ok(Judged::Proxied(place));
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
      return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    if path.as_str() == ALIVE_PATH {
      let knows = parameter(request, "token").and_then(|token| self.site.knows(token));
      return if knows == Some(true) { Ok(Judged::Alive) } else { Err(StatusCode::FORBIDDEN) };
    }
    if path.as_str() == SOCKET_PATH {
      self.judge_socket(request, host)?;
      return Ok(Judged::Socket);
    }
    // Names that begin with this are nobody's file, and never will be.
    if path.as_str().starts_with("/@") && !is_own {
      return Err(StatusCode::NOT_FOUND);
    }
    if is_own {
      return Ok(Judged::Served { path, is_navigation: false });
    }
    let path = path.below(&self.settings.base).ok_or(StatusCode::NOT_FOUND)?;
    Ok(Judged::Served { path, is_navigation })
  }

  /// A page of this very address, with the word that only pages of this process have.
  fn judge_socket(&self, request: &Request<Incoming>, host: &str) -> Result<(), StatusCode> {
    let headers = request.headers();
    self.site.knows("").ok_or(StatusCode::NOT_FOUND)?;
    if !is_upgrade(headers) {
      return Err(StatusCode::UPGRADE_REQUIRED);
    }
    let origin = single(headers, header::ORIGIN)?.ok_or(StatusCode::FORBIDDEN)?;
    let of_origin =
      origin.split_once("://").map(|(_, host)| host).ok_or(StatusCode::BAD_REQUEST)?;
    if of_origin.len() > 300 || of_origin.contains(['/', '@', '?', '#']) {
      return Err(StatusCode::BAD_REQUEST);
    }
    if !of_origin.eq_ignore_ascii_case(host) {
      return Err(StatusCode::FORBIDDEN);
    }
    match parameter(request, "token").and_then(|token| self.site.knows(token)) {
      Some(true) => Ok(()),
      _ => Err(StatusCode::FORBIDDEN),
    }
  }

  fn upgrade(&self, mut request: Request<Incoming>) -> Response<ResponseBody> {
    let key = request.headers().get(header::SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes);
    let Some(accept) = key.map(tokio_tungstenite::tungstenite::handshake::derive_accept_key) else {
      return plain(StatusCode::BAD_REQUEST);
    };
    let Ok(accept) = HeaderValue::from_str(&accept) else { return plain(StatusCode::BAD_REQUEST) };
    let page = parameter(&request, "page").unwrap_or_default().to_owned();
    let upgraded = hyper::upgrade::on(&mut request);
    let site = Arc::clone(&self.site);
    tokio::spawn(async move {
      let Ok(upgraded) = upgraded.await else { return };
      let io = hyper_util::rt::TokioIo::new(upgraded);
      let role = tokio_tungstenite::tungstenite::protocol::Role::Server;
      let mut config = tokio_tungstenite::tungstenite::protocol::WebSocketConfig::default();
      config.max_message_size = Some(MOST_SOCKET_BYTES);
      config.max_frame_size = Some(MOST_SOCKET_BYTES);
      let stream =
        tokio_tungstenite::WebSocketStream::from_raw_socket(io, role, Some(config)).await;
      site.talk(page, stream).await;
    });
    let mut response = plain(StatusCode::SWITCHING_PROTOCOLS);
    *response.body_mut() = body(Bytes::new());
    let headers = response.headers_mut();
    headers.clear();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    response
  }

  /// Whether a `Host` is one of this machine's names, or a number: another name may be somebody's
  /// who made it point here.
  fn is_allowed(&self, host: &str) -> Result<bool, StatusCode> {
    let authority: hyper::http::uri::Authority =
      host.parse().map_err(|_| StatusCode::BAD_REQUEST)?;
    let port = authority.as_str().rsplit_once(':').filter(|(_, port)| !port.contains(']'));
    if host.contains('@')
      || host.len() > 300
      || port.is_some_and(|(_, port)| port.parse::<u16>().is_err())
    {
      return Err(StatusCode::BAD_REQUEST);
    }
    let name = authority.host().to_lowercase();
    let number = name.trim_start_matches('[').trim_end_matches(']');
    Ok(
      name == "localhost"
        || name.ends_with(".localhost")
        || number.parse::<IpAddr>().is_ok()
        || self.settings.allowed_hosts.iter().any(|allowed| match allowed.strip_prefix('.') {
          Some(domain) => name == domain || name.ends_with(allowed.as_str()),
          None => name == *allowed,
        }),
    )
  }
}

/// Of one message of a page, and of all that were put together.
const MOST_SOCKET_BYTES: usize = 1024 * 1024;

enum Judged {
  Proxied(usize),
  Alive,
  Socket,
  Served { path: ServedPath, is_navigation: bool },
}

/// A header that may be there once.
fn single(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, StatusCode> {
  let mut values = headers.get_all(name).iter();
  let first = values.next().map(|value| value.to_str().map_err(|_| StatusCode::BAD_REQUEST));
  if values.next().is_some() { Err(StatusCode::BAD_REQUEST) } else { first.transpose() }
}

fn is_upgrade(headers: &HeaderMap) -> bool {
  let has = |name: HeaderName, word: &str| {
    headers
      .get(name)
      .and_then(|value| value.to_str().ok())
      .is_some_and(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(word)))
  };
  has(header::CONNECTION, "upgrade") && has(header::UPGRADE, "websocket")
}

fn parameter<'a>(request: &'a Request<Incoming>, name: &str) -> Option<&'a str> {
  request.uri().query()?.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// A status and its words. Nothing of the request is in them.
pub(crate) fn plain(status: StatusCode) -> Response<ResponseBody> {
  let text = format!("{status}\n");
  let mut response = Response::new(body(text.into()));
  *response.status_mut() = status;
  response
    .headers_mut()
    .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
  if status == StatusCode::METHOD_NOT_ALLOWED {
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
  }
  response
}

pub(crate) fn body(bytes: Bytes) -> ResponseBody {
  Full::new(bytes).map_err(|never: Infallible| match never {}).boxed()
}

/// A reply as it is asked for: whole, a part of it, or only that it is still the same.
fn sent(reply: Reply, request: &HeaderMap) -> Response<ResponseBody> {
  let Reply { status, content_type, body: bytes, is_unique } = reply;
  if is_unique {
    let mut response = Response::new(body(bytes));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    return response;
  }
  let tag = format!("\"{:032x}\"", xxh3_128(&bytes));
  let known = request.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
  let mut response = if status == StatusCode::OK && known.is_some_and(|known| known == tag) {
    let mut response = Response::new(body(Bytes::new()));
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    response
  } else {
    let length = bytes.len();
    let wanted = request.get(header::RANGE).filter(|_| status == StatusCode::OK);
    match wanted.and_then(|range| part(range, length)) {
      None => {
        let mut response = Response::new(body(bytes));
        *response.status_mut() = status;
        response
      }
      Some(Err(())) => {
        let mut response = plain(StatusCode::RANGE_NOT_SATISFIABLE);
        if let Ok(range) = HeaderValue::from_str(&format!("bytes */{length}")) {
          response.headers_mut().insert(header::CONTENT_RANGE, range);
        }
        return response;
      }
      Some(Ok((first, last))) => {
        let mut response = Response::new(body(bytes.slice(first..=last)));
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        if let Ok(range) = HeaderValue::from_str(&format!("bytes {first}-{last}/{length}")) {
          response.headers_mut().insert(header::CONTENT_RANGE, range);
        }
        response
      }
    }
  };
  let headers = response.headers_mut();
  headers.insert(header::CONTENT_TYPE, content_type);
  headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
  if let Ok(tag) = HeaderValue::from_str(&tag) {
    headers.insert(header::ETAG, tag);
  }
  response
}

/// The one part that is asked for; of several, the whole is sent, as is allowed.
fn part(range: &HeaderValue, length: usize) -> Option<Result<(usize, usize), ()>> {
  let (first, last) = range.to_str().ok()?.strip_prefix("bytes=")?.split_once('-')?;
  if last.contains(',') {
    return None;
  }
  let end = length.checked_sub(1);
  let number = |text: &str| text.trim().parse::<usize>().ok();
  let found = match (first.trim(), last.trim()) {
    ("", count) => {
      let count = number(count)?;
      end.filter(|_| count > 0).map(|end| (length.saturating_sub(count), end))
    }
    (first, "") => {
      let first = number(first).unwrap_or(usize::MAX);
      end.filter(|end| first <= *end).map(|end| (first, end))
    }
    (first, last) => {
      let (first, last) = (number(first)?, number(last)?);
      end.filter(|end| first <= *end && first <= last).map(|end| (first, last.min(end)))
    }
  };
  Some(found.ok_or(()))
}
