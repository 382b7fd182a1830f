//! What `nexxo dev` and `nexxo preview` have in common: a careful HTTP server.
//!
//! A connection comes in ([`listen`]), each request is judged by who asks and
//! how ([`http`]), its path by its letters ([`door`]), and then a [`Site`] answers.
//! `docs/design/serve.md` has the reasons.

pub(crate) mod door;
pub(crate) mod html;
pub(crate) mod http;
pub(crate) mod listen;
pub(crate) mod options;
pub(crate) mod proxy;
pub(crate) mod tls;

use std::{future::Future, pin::Pin, sync::Arc};

use hyper::{StatusCode, body::Bytes, header::HeaderValue};

use door::{Refusal, ServedPath};

/// What is served. Everything about requests as such was looked at before.
pub(crate) trait Site: Send + Sync + 'static {
  /// Answers a request for a path below the base.
  fn get<'a>(
    &'a self,
    path: &'a ServedPath,
    is_navigation: bool,
  ) -> BoxFuture<'a, Result<Reply, Refusal>>;

  /// Whether a word is the one that only pages of this process have; nothing where there is none.
  fn knows(&self, _token: &str) -> Option<bool> {
    None
  }

  /// Talks with the page of this id until the socket ends.
  fn talk(self: Arc<Self>, _page: String, _stream: WebSocket) -> BoxFuture<'static, ()> {
    Box::pin(std::future::ready(()))
  }
}

pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
pub(crate) type WebSocket =
  tokio_tungstenite::WebSocketStream<hyper_util::rt::TokioIo<hyper::upgrade::Upgraded>>;

/// Below it is what the servers have of their own; nobody's file.
pub(crate) const OWN_PREFIX: &str = "/@nexxo/";
pub(crate) const SOCKET_PATH: &str = "/@nexxo/socket";
/// Says whether the process that a page is of still runs.
pub(crate) const ALIVE_PATH: &str = "/@nexxo/alive";

/// A file or page to be sent.
#[derive(Debug)]
pub(crate) struct Reply {
  pub(crate) status: StatusCode,
  pub(crate) content_type: HeaderValue,
  pub(crate) body: Bytes,
  /// Whether it is made anew for everybody who asks, so that nobody may keep it.
  pub(crate) is_unique: bool,
}

impl Reply {
  pub(crate) fn new(name: &str, body: impl Into<Bytes>) -> Self {
    Self {
      status: StatusCode::OK,
      content_type: content_type(name),
      body: body.into(),
      is_unique: false,
    }
  }

  pub(crate) fn html(status: StatusCode, text: String) -> Self {
    Self { status, is_unique: true, ..Self::new("page.html", text) }
  }
}

/// By the name's extension, and never by the content.
fn content_type(name: &str) -> HeaderValue {
  let guess = mime_guess::from_path(name).first_or_octet_stream();
  let essence = guess.essence_str();
  let is_text = essence.starts_with("text/")
    || essence.ends_with("+xml")
    || essence.ends_with("json")
    || essence.ends_with("javascript");
  let text = if is_text { format!("{essence}; charset=utf-8") } else { essence.to_owned() };
  HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("application/octet-stream"))
}
