//! The playground on this machine: built from the sources as they are, then served.

use crate::run::{hand_over, node};
use crate::wasm::Kind;
use crate::{Result, page, pkg};

pub(crate) fn command(arguments: &[String]) -> Result {
  let port = match arguments {
    [] => None,
    [flag, port] if flag == "--port" => Some(port.clone()),
    [flag] => flag.strip_prefix("--port=").map(|port| Some(port.to_owned())).ok_or(USAGE)?,
    _ => return Err(USAGE.to_owned()),
  };
  if let Some(port) = &port
    && !port.parse::<u16>().is_ok_and(|port| port > 0)
  {
    return Err(format!("`{port}` is no port: a number from 1 to 65535 is."));
  }
  let package = pkg::package(Kind::Play)?;
  let page = page::page(Kind::Play, &package)?;
  let mut server = node();
  server.arg("www/serve.mjs").arg(page).args(port.iter().flat_map(|port| ["--port", port]));
  hand_over(&mut server)
}

const USAGE: &str = "`play` takes `--port <n>`, or nothing.";
