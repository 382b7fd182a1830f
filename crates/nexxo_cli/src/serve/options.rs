//! How a server is set: the options `server`, `preview` and `base` of the
//! configuration, by Vite's names, and the flags on top of them.

use std::{collections::BTreeMap, fmt, marker::PhantomData, net::IpAddr};

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use nexxo::{protocol::Diagnostic, request::read};
use serde::{
  Deserialize, Deserializer,
  de::{self, IntoDeserializer, MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::Value;

use super::proxy::Proxy;
use crate::{
  cache::CacheOptions,
  message::{invalid_base, invalid_header, invalid_host, invalid_proxy},
};

/// The options of `server` and of `preview`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ServerOptions {
  /// An address, or `true` for all of the machine's. Default: this machine alone.
  pub(crate) host: Option<Host>,
  pub(crate) port: Option<u16>,
  /// Whether to stop where the port is taken, and not to look for the next free one.
  pub(crate) strict_port: Option<bool>,
  pub(crate) open: Option<bool>,
  pub(crate) https: Option<Https>,
  /// Path prefixes to where requests for them go.
  pub(crate) proxy: BTreeMap<String, OneOr<String, ProxyTarget>>,
  /// Headers of every response.
  pub(crate) headers: BTreeMap<String, String>,
  /// Host names besides those of this machine; `.example.com` for all below it.
  pub(crate) allowed_hosts: Vec<String>,
  /// `true` lets pages of every origin read what is served. Default `false`.
  pub(crate) cors: Option<bool>,
}

impl ServerOptions {
  /// Puts what is set in `other` in place of what is set here.
  pub(crate) fn take_over(&mut self, other: &Self) {
    let Self { host, port, strict_port, open, https, proxy, headers, allowed_hosts, cors } = other;
    self.host = host.clone().or(self.host.take());
    self.port = *port;
    self.strict_port = strict_port.or(self.strict_port);
    self.open = open.or(self.open);
    self.https = https.clone().or(self.https.take());
    self.cors = cors.or(self.cors);
    self.proxy.extend(proxy.clone());
    self.headers.extend(headers.clone());
    self.allowed_hosts.extend(allowed_hosts.iter().cloned());
  }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Host {
  All(bool),
  Named(String),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Https {
  Generated(bool),
  Given { cert: String, key: String },
}

/// Where requests go, and how.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ProxyTarget {
  pub(crate) target: String,
  #[serde(default)]
  pub(crate) change_origin: bool,
  /// Whether the other server's certificate has to be one that this machine trusts. Default `true`.
  pub(crate) secure: Option<bool>,
  #[serde(default)]
  pub(crate) ws: bool,
  #[serde(default)]
  pub(crate) strip_prefix: bool,
}

/// An address alone is one with the defaults.
impl From<OneOr<String, Self>> for ProxyTarget {
  fn from(given: OneOr<String, Self>) -> Self {
    match given {
      OneOr::One(target) => Self { target, ..Self::default() },
      OneOr::Full(full) => full,
    }
  }
}

/// An option that is one word where that is all there is to say, and an object otherwise. Unlike
/// serde's untagged enums it tells which field of the object is wrong.
#[derive(Debug, Clone)]
pub(crate) enum OneOr<One, Full> {
  One(One),
  Full(Full),
}

impl<'de, One: Deserialize<'de>, Full: Deserialize<'de>> Deserialize<'de> for OneOr<One, Full> {
  fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
    struct Any<One, Full>(PhantomData<(One, Full)>);

    impl<'de, One: Deserialize<'de>, Full: Deserialize<'de>> Visitor<'de> for Any<One, Full> {
      type Value = OneOr<One, Full>;

      fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("one value or an object")
      }

      fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
        One::deserialize(value.into_deserializer()).map(OneOr::One)
      }

      fn visit_str<E: de::Error>(self, value: &str) -> Result<Self::Value, E> {
        One::deserialize(value.into_deserializer()).map(OneOr::One)
      }

      fn visit_map<M: MapAccess<'de>>(self, fields: M) -> Result<Self::Value, M::Error> {
        Full::deserialize(MapAccessDeserializer::new(fields)).map(OneOr::Full)
      }
    }

    deserializer.deserialize_any(Any(PhantomData))
  }
}

/// What of a configuration is for the command, and not for the engine.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Section {
  pub(crate) server: ServerOptions,
  pub(crate) preview: ServerOptions,
  pub(crate) base: Option<String>,
  pub(crate) cache: Option<OneOr<bool, CacheOptions>>,
}

impl Section {
  /// Takes the command's options out of a configuration's.
  pub(crate) fn take(options: &mut Value) -> Result<Self, Vec<Diagnostic>> {
    let mut own = serde_json::Map::new();
    if let Value::Object(fields) = options {
      for name in ["server", "preview", "base", "cache"] {
        own.extend(fields.shift_remove(name).map(|value| (name.to_owned(), value)));
      }
    }
    read(&Value::Object(own))
  }
}

/// A server's options, checked.
#[derive(Debug)]
pub(crate) struct Settings {
  pub(crate) address: IpAddr,
  pub(crate) port: u16,
  /// Whether the port was asked for, so that no other will do.
  pub(crate) is_strict: bool,
  pub(crate) open: bool,
  pub(crate) https: Option<Https>,
  pub(crate) proxies: Vec<Proxy>,
  pub(crate) headers: HeaderMap,
  pub(crate) allowed_hosts: Vec<String>,
  pub(crate) cors: bool,
  /// Begins and ends with `/`.
  pub(crate) base: String,
}

impl Settings {
  pub(crate) fn new(
    options: &ServerOptions,
    base: Option<&str>,
    default_port: u16,
  ) -> Result<Self, Vec<Diagnostic>> {
    let mut mistakes = Vec::new();
    let address = match &options.host {
      None | Some(Host::All(false)) => IpAddr::from([127, 0, 0, 1]),
      Some(Host::All(true)) => IpAddr::from([0, 0, 0, 0]),
      Some(Host::Named(name)) => match name.as_str() {
        "localhost" => IpAddr::from([127, 0, 0, 1]),
        name => name.trim_matches(['[', ']']).parse().unwrap_or_else(|_| {
          mistakes.push(invalid_host(name));
          IpAddr::from([127, 0, 0, 1])
        }),
      },
    };
    let mut headers = HeaderMap::new();
    for (name, value) in &options.headers {
      match (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
        (Ok(name), Ok(value)) => {
          headers.insert(name, value);
        }
        _ => mistakes.push(invalid_header(name)),
      }
    }
    let mut proxies = Vec::new();
    for (prefix, target) in &options.proxy {
      match Proxy::new(prefix, target.clone().into()) {
        Ok(proxy) => proxies.push(proxy),
        Err(problem) => mistakes.push(invalid_proxy(prefix, &problem)),
      }
    }
    // The longest prefix is the one that is meant.
    proxies.sort_by_key(|proxy| std::cmp::Reverse(proxy.prefix.len()));
    let base = match base.unwrap_or("/") {
      // Of a build that is to be anywhere, or at another origin: here it is at the root.
      "" | "." | "./" => "/".to_owned(),
      base if base.starts_with("https://") || base.starts_with("http://") => "/".to_owned(),
      base
        if base.starts_with('/')
          && !base.contains(['?', '#', '%', '\\', ' '])
          && !base.contains("//")
          && !base.contains("/.") =>
      {
        format!("{}/", base.trim_end_matches('/'))
      }
      base => {
        mistakes.push(invalid_base(base));
        "/".to_owned()
      }
    };
    if !mistakes.is_empty() {
      return Err(mistakes);
    }
    Ok(Self {
      address,
      port: options.port.unwrap_or(default_port),
      is_strict: options.strict_port.unwrap_or(false),
      open: options.open.unwrap_or(false),
      https: options.https.clone().filter(|https| !matches!(https, Https::Generated(false))),
      proxies,
      headers,
      allowed_hosts: options.allowed_hosts.iter().map(|host| host.to_lowercase()).collect(),
      cors: options.cors.unwrap_or(false),
      base,
    })
  }
}
