//! WebAssembly as a module: `?init` gives what instantiates it, and an import
//! without a query its exports, with its own imports resolved like any other.

use rolldown::plugin::HookLoadOutput;
use rolldown_common::side_effects::HookSideEffects;
use wasmparser::{Parser, Payload};

use super::{Web, is_name, quoted, script};
use crate::{diagnostic::invalid_wasm, protocol::Platform, snapshot::shown};

/// The id of the module that loads them, and its specifier.
pub(super) const LOADER: &str = "\0nexxo/wasm.js";

/// Instantiates what is at an address. Servers that do not know the type are none of the app's mistakes.
const LOAD: &str = r#"export const load = async (address, imports = {}) => {
  if (address.startsWith("data:")) {
    const bytes = Uint8Array.from(atob(address.slice(address.indexOf(",") + 1)), (byte) => byte.charCodeAt(0));
    return (await WebAssembly.instantiate(bytes, imports)).instance;
  }
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address} cannot be loaded: ${response.status} ${response.statusText}`);
  if (response.headers.get("content-type")?.startsWith("application/wasm")) {
    return (await WebAssembly.instantiateStreaming(response, imports)).instance;
  }
  return (await WebAssembly.instantiate(await response.arrayBuffer(), imports)).instance;
};
"#;

const LOAD_IN_NODE: &str = r#"import { readFile } from "node:fs/promises";
export const load = async (address, imports = {}) => {
  const bytes = address.startsWith("data:")
    ? Buffer.from(address.slice(address.indexOf(",") + 1), "base64")
    : await readFile(new URL(address, import.meta.url));
  return (await WebAssembly.instantiate(bytes, imports)).instance;
};
"#;

impl Web {
  /// The module that loads all of them.
  pub(super) fn wasm_loader(&self) -> HookLoadOutput {
    let is_node = self.options.platform == Some(Platform::Node);
    let code = if is_node { LOAD_IN_NODE } else { LOAD };
    script(code.to_owned(), HookSideEffects::False)
  }

  /// The module of a WebAssembly.
  pub(super) async fn wasm(&self, path: &str, init: bool) -> anyhow::Result<HookLoadOutput> {
    let bytes = self.bytes(path)?;
    let parts = if init { Ok(Parts::default()) } else { Parts::read(&bytes) };
    let parts = parts.map_err(|problem| {
      self.view.fail(invalid_wasm(&shown(std::path::Path::new(path)), &problem))
    })?;
    let address = self.beside(&self.asset(path, bytes, None, false)?);
    let import = format!("import {{ load }} from {};\n", quoted(LOADER));
    if init {
      let code = format!("{import}export default (imports) => load({address}, imports);\n");
      return Ok(script(code, HookSideEffects::False));
    }
    let (mut code, mut imports) = (import, String::new());
    for (at, module) in parts.imports.iter().enumerate() {
      let module = quoted(module);
      code.push_str(&format!("import * as imported{at} from {module};\n"));
      imports.push_str(&format!("{module}: imported{at},"));
    }
    code.push_str(&format!("const {{ exports }} = await load({address}, {{{imports}}});\n"));
    for (at, name) in parts.exports.iter().enumerate() {
      let key = quoted(name);
      code.push_str(&match is_name(name) && name != "exports" && name != "load" {
        true => format!("export const {name} = exports[{key}];\n"),
        false => format!("const export{at} = exports[{key}];\nexport {{ export{at} as {key} }};\n"),
      });
    }
    Ok(script(code, HookSideEffects::True))
  }
}

/// What a module has to say of itself.
#[derive(Default)]
struct Parts {
  /// The modules that it imports, each once.
  imports: Vec<String>,
  exports: Vec<String>,
}

impl Parts {
  fn read(bytes: &[u8]) -> Result<Self, String> {
    let told = |error: wasmparser::BinaryReaderError| {
      error.message().lines().next().unwrap_or_default().to_owned()
    };
    let mut parts = Self::default();
    for payload in Parser::new(0).parse_all(bytes) {
      match payload.map_err(told)? {
        Payload::ImportSection(section) => {
          for import in section.into_imports() {
            let module = import.map_err(told)?.module;
            if !parts.imports.iter().any(|known| known == module) {
              parts.imports.push(module.to_owned());
            }
          }
        }
        Payload::ExportSection(section) => {
          for export in section {
            parts.exports.push(export.map_err(told)?.name.to_owned());
          }
        }
        _ => {}
      }
    }
    Ok(parts)
  }
}
