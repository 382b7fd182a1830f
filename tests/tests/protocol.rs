//! Fails where `protocol.rs` and `protocol.ts` list different things: names,
//! order, what may be left out, the words of an enum, the types of a field.
//!
//! Each file is read into the same small model, with the enums that only Rust
//! has a name for put in where they are used. The messages at the end of
//! `protocol.ts` exist in TypeScript only.

use std::{collections::BTreeMap, fmt, fs, path::Path};

#[test]
fn both_languages_list_the_same() {
  let (rust, typescript) = texts();
  assert_eq!(differences(&rust, &typescript), Vec::<String>::new());
}

/// Every kind of difference is seen: the comparison itself is tested with altered texts.
#[test]
fn every_kind_of_difference_is_found() {
  let (rust, typescript) = texts();
  for (from, to, found) in [
    ("pub dir: Option<String>,", "", "OutputOptions.dir"),
    ("pub test: Option<String>,", "pub test: String,", "ChunkGroup.test"),
    ("pub dir: Option<String>,", "pub dir: Option<bool>,", "OutputOptions.dir"),
    ("pub dir: Option<String>,", "pub dir: Option<Vec<String>>,", "OutputOptions.dir"),
    ("pub dir: Option<String>,", "pub folder: Option<String>,", "OutputOptions.folder"),
    (
      "pub intro: Option<String>,\n  pub outro: Option<String>,",
      "pub outro: Option<String>,\n  pub intro: Option<String>,",
      "OutputOptions.outro",
    ),
    ("  Tsx,\n", "", "BuildOptions.moduleTypes"),
    ("  Iife,\n  Umd,\n", "  Umd,\n  Iife,\n", "Format"),
    ("  AllowExtension,", "  AllowExtensions,", "PreserveEntrySignatures"),
    ("  Hidden,\n", "", "OutputOptions.sourcemap"),
    ("pub struct Limits {", "pub struct Bounds {", "Bounds"),
    ("rename = \"resolve\")]", "rename = \"resolved\")]", "ResolveEvent.type"),
    ("#[serde(rename = \"type\")]\n", "", "OutputFile.kind"),
    (
      "  #[serde(skip_serializing_if = \"Option::is_none\")]\n  pub hint: Option<String>,",
      "  pub hint: Option<String>,",
      "Diagnostic.hint",
    ),
    ("pub bytes_in_output: usize", "pub bytes_in_output: Option<usize>", "bytesInOutput"),
  ] {
    assert!(rust.contains(from), "protocol.rs has no {from:?} any more");
    let all = differences(&rust.replacen(from, to, 1), &typescript);
    assert!(all.iter().any(|line| line.contains(found)), "{from:?} -> {to:?}: {all:?}");
  }
  for (from, to, found) in [
    ("  dir?: string;", "", "OutputOptions.dir"),
    ("  dir?: string;", "  dir: string;", "OutputOptions.dir"),
    ("  dir?: string;", "  dir?: string | false;", "OutputOptions.dir"),
    ("  dir?: string;", "  dir?: string;\n  file?: string;", "OutputOptions.file"),
    ("export interface Position {", "export interface Place {", "Place"),
    ("  cwd?: string;", "  cwd?: string[];", "BuildOptions.cwd"),
    ("  | 'base64'\n", "", "moduleTypes"),
    ("  | 'base64'\n", "  | 'base64'\n  | 'base32'\n", "moduleTypes"),
    ("  contents: Uint8Array;", "  contents: ArrayBuffer;", "OutputFile.contents"),
    ("Record<string, string | [string, string]>", "Record<string, string>", "inject"),
    ("'init' | 'graph'", "'graph' | 'init'", "Stage"),
    ("  | ChunkEvent\n", "", "ExplainEvent"),
    ("'auto' | 'default' | 'named'", "'auto' | 'default' | 'name'", "OutputOptions.exports"),
    ("export type Severity", "export type Extra = 'a';\n\nexport type Severity", "Extra"),
  ] {
    assert!(typescript.contains(from), "protocol.ts has no {from:?} any more");
    let all = differences(&rust, &typescript.replacen(from, to, 1));
    assert!(all.iter().any(|line| line.contains(found)), "{from:?} -> {to:?}: {all:?}");
  }
}

fn texts() -> (String, String) {
  let read = |path: &str| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
  };
  let typescript = read("worker/src/protocol.ts");
  let (shared, _messages) = typescript
    .split_once("// Messages between the page's side and the worker.")
    .expect("protocol.ts says where its messages begin");
  (read("crates/nexxo/src/protocol.rs"), shared.to_owned())
}

#[derive(Debug, Clone, PartialEq)]
enum Type {
  String,
  Number,
  Boolean,
  Bytes,
  /// A Rust `&'static str`, or `Word`, which is one: one of a few words that only TypeScript lists, or any.
  Word,
  Literal(String),
  False,
  Name(String),
  Array(Box<Type>),
  Tuple(Vec<Type>),
  Record(Box<Type>, Box<Type>),
  Union(Vec<Type>),
}

#[derive(Debug, PartialEq)]
struct Field {
  name: String,
  optional: bool,
  kind: Type,
}

#[derive(Debug)]
enum Shape {
  Fields(Vec<Field>),
  Alias(Type),
}

type Listing = Vec<(String, Shape)>;

impl fmt::Display for Type {
  fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let join =
      |types: &[Type], by: &str| types.iter().map(Type::to_string).collect::<Vec<_>>().join(by);
    match self {
      Type::String => f.write_str("string"),
      Type::Number => f.write_str("number"),
      Type::Boolean => f.write_str("boolean"),
      Type::Bytes => f.write_str("Uint8Array"),
      Type::Word => f.write_str("string of few"),
      Type::Literal(text) => write!(f, "'{text}'"),
      Type::False => f.write_str("false"),
      Type::Name(name) => f.write_str(name),
      Type::Array(item) => write!(f, "({item})[]"),
      Type::Tuple(items) => write!(f, "[{}]", join(items, ", ")),
      Type::Record(key, value) => write!(f, "Record<{key}, {value}>"),
      Type::Union(types) => f.write_str(&join(types, " | ")),
    }
  }
}

impl Type {
  /// Whether a Rust type and a TypeScript type are the same on the wire.
  fn matches(&self, typescript: &Type) -> bool {
    match (self, typescript) {
      (Type::Word, Type::String | Type::Literal(_)) => true,
      (Type::Word, Type::Union(types)) => types.iter().all(|kind| matches!(kind, Type::Literal(_))),
      // Rust reads both, and refuses the one that means nothing with a diagnostic.
      (Type::Boolean, Type::False) => true,
      (Type::Array(one), Type::Array(other)) => one.matches(other),
      (Type::Record(key, value), Type::Record(other_key, other_value)) => {
        key.matches(other_key) && value.matches(other_value)
      }
      (Type::Tuple(ones), Type::Tuple(others)) | (Type::Union(ones), Type::Union(others)) => {
        ones.len() == others.len() && ones.iter().zip(others).all(|(one, other)| one.matches(other))
      }
      _ => self == typescript,
    }
  }

  /// Puts what a name stands for in its place, but for objects with fields.
  fn expand(&self, aliases: &BTreeMap<&str, &Type>) -> Type {
    let all = |types: &[Type]| types.iter().map(|kind| kind.expand(aliases)).collect::<Vec<_>>();
    match self {
      Type::Name(name) => match aliases.get(name.as_str()) {
        Some(alias) => alias.expand(aliases),
        None => self.clone(),
      },
      Type::Array(item) => Type::Array(Box::new(item.expand(aliases))),
      Type::Tuple(items) => Type::Tuple(all(items)),
      Type::Record(key, value) => {
        Type::Record(Box::new(key.expand(aliases)), Box::new(value.expand(aliases)))
      }
      Type::Union(types) => {
        let mut flat = Vec::new();
        for kind in all(types) {
          match kind {
            Type::Union(inner) => flat.extend(inner),
            kind => flat.push(kind),
          }
        }
        Type::Union(flat)
      }
      _ => self.clone(),
    }
  }
}

fn differences(rust: &str, typescript: &str) -> Vec<String> {
  let (rust, typescript) = (read_rust(rust), read_typescript(typescript));
  let mut out = Vec::new();
  let aliases = |listing: &'_ Listing| -> BTreeMap<String, Type> {
    listing
      .iter()
      .filter_map(|(name, shape)| match shape {
        Shape::Alias(kind) => Some((name.clone(), kind.clone())),
        Shape::Fields(_) => None,
      })
      .collect()
  };
  let (rust_aliases, typescript_aliases) = (aliases(&rust), aliases(&typescript));
  let rust_aliases = rust_aliases.iter().map(|(name, kind)| (name.as_str(), kind)).collect();
  let typescript_aliases =
    typescript_aliases.iter().map(|(name, kind)| (name.as_str(), kind)).collect();

  let in_typescript = |name: &str| typescript.iter().any(|(other, _)| other == name);
  let listed: Vec<&(String, Shape)> = rust
    .iter()
    .filter(|(name, shape)| in_typescript(name) || matches!(shape, Shape::Fields(_)))
    .collect();
  for index in 0..listed.len().max(typescript.len()) {
    let (one, other) = (listed.get(index), typescript.get(index));
    let name = |entry: Option<&str>| entry.unwrap_or("nothing").to_owned();
    let (Some((name_here, shape)), Some((name_there, other))) = (one, other) else {
      let here = name(one.map(|(name, _)| name.as_str()));
      let there = name(other.map(|(name, _)| name.as_str()));
      out.push(format!("Rust lists {here} where TypeScript lists {there}"));
      return out;
    };
    if name_here != name_there {
      // Everything behind it would differ as well.
      out.push(format!("Rust lists {name_here} where TypeScript lists {name_there}"));
      return out;
    }
    match (shape, other) {
      (Shape::Fields(ones), Shape::Fields(others)) => {
        for index in 0..ones.len().max(others.len()) {
          let show = |field: Option<&Field>, aliases: &BTreeMap<&str, &Type>| match field {
            None => "nothing".to_owned(),
            Some(Field { name, optional, kind }) => {
              let mark = if *optional { "?" } else { "" };
              format!("{name_here}.{name}{mark}: {}", kind.expand(aliases))
            }
          };
          let (one, other) = (ones.get(index), others.get(index));
          let same = one.zip(other).is_some_and(|(one, other)| {
            one.name == other.name
              && one.optional == other.optional
              && one.kind.expand(&rust_aliases).matches(&other.kind.expand(&typescript_aliases))
          });
          if !same {
            out.push(format!(
              "Rust has {} where TypeScript has {}",
              show(one, &rust_aliases),
              show(other, &typescript_aliases)
            ));
          }
        }
      }
      (Shape::Alias(one), Shape::Alias(other)) => {
        let (one, other) = (one.expand(&rust_aliases), other.expand(&typescript_aliases));
        if !one.matches(&other) {
          out.push(format!("{name_here} is {one} in Rust and {other} in TypeScript"));
        }
      }
      _ => out.push(format!("{name_here} has fields in one language only")),
    }
  }
  out
}

// --- Rust -------------------------------------------------------------------

/// What serde is told about a type, a field or a variant.
#[derive(Default)]
struct Serde {
  words: BTreeMap<String, Option<String>>,
}

impl Serde {
  fn of(attributes: &[syn::Attribute]) -> Self {
    let mut words = BTreeMap::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
      attribute
        .parse_nested_meta(|meta| {
          let name = meta.path.get_ident().expect("serde's words are single").to_string();
          let value = meta
            .value()
            .ok()
            .map(|value| value.parse::<syn::LitStr>())
            .transpose()?
            .map(|text| text.value());
          words.insert(name, value);
          Ok(())
        })
        .expect("a serde attribute");
    }
    Self { words }
  }

  fn has(&self, word: &str) -> bool {
    self.words.contains_key(word)
  }

  fn text(&self, word: &str) -> Option<&str> {
    self.words.get(word)?.as_deref()
  }
}

fn derives(attributes: &[syn::Attribute], name: &str) -> bool {
  let mut found = false;
  for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("derive")) {
    attribute
      .parse_nested_meta(|meta| {
        found |= meta.path.segments.last().is_some_and(|segment| segment.ident == name);
        Ok(())
      })
      .expect("a derive attribute");
  }
  found
}

fn read_rust(text: &str) -> Listing {
  let file = syn::parse_file(text).expect("protocol.rs is Rust");
  file
    .items
    .iter()
    .filter_map(|item| match item {
      syn::Item::Struct(item) => Some((item.ident.to_string(), rust_struct(item))),
      syn::Item::Enum(item) => Some((item.ident.to_string(), Shape::Alias(rust_enum(item)))),
      _ => None,
    })
    .collect()
}

fn rust_struct(item: &syn::ItemStruct) -> Shape {
  let serde = Serde::of(&item.attrs);
  // What is given back may be read as well, by the cache.
  let is_read = derives(&item.attrs, "Deserialize") && !derives(&item.attrs, "Serialize");
  let mut fields = Vec::new();
  if let Some(tag) = serde.text("tag") {
    let word = serde.text("rename").map_or(item.ident.to_string(), str::to_owned);
    fields.push(Field { name: tag.to_owned(), optional: false, kind: Type::Literal(word) });
  }
  for field in &item.fields {
    let own = Serde::of(&field.attrs);
    let ident = field.ident.as_ref().expect("fields have names").to_string();
    let name = match own.text("rename") {
      Some(name) => name.to_owned(),
      None => renamed(&ident, serde.text("rename_all")),
    };
    let (is_option, kind) = rust_type(&field.ty);
    // What is read may be missing; what is written has to say that it is left out.
    let optional = if is_read {
      is_option || serde.has("default") || own.has("default")
    } else {
      is_option && own.has("skip_serializing_if")
    };
    // What is neither left out nor there is `null` on the wire.
    let kind = if is_option && !optional {
      Type::Union(vec![kind, Type::Literal("null".to_owned())])
    } else {
      kind
    };
    fields.push(Field { name, optional, kind });
  }
  Shape::Fields(fields)
}

fn rust_enum(item: &syn::ItemEnum) -> Type {
  let serde = Serde::of(&item.attrs);
  let variants = item.variants.iter().map(|variant| match variant.fields.iter().next() {
    Some(payload) => {
      assert!(!serde.has("tag"), "{} has payloads and tags", item.ident);
      rust_type(&payload.ty).1
    }
    None => Type::Literal(renamed(&variant.ident.to_string(), serde.text("rename_all"))),
  });
  Type::Union(variants.collect())
}

/// A type, and whether it stood in an `Option`.
fn rust_type(kind: &syn::Type) -> (bool, Type) {
  let plain = |kind: &syn::Type| Box::new(rust_type(kind).1);
  match kind {
    syn::Type::Reference(_) => (false, Type::Word),
    syn::Type::Array(array) => {
      let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(length), .. }) = &array.len else {
        panic!("an array of unknown length");
      };
      let length: usize = length.base10_parse().expect("a length");
      (false, Type::Tuple(vec![*plain(&array.elem); length]))
    }
    syn::Type::Path(path) => {
      let segment = path.path.segments.last().expect("a path has a segment");
      let arguments: Vec<&syn::Type> = match &segment.arguments {
        syn::PathArguments::AngleBracketed(list) => list
          .args
          .iter()
          .filter_map(|argument| match argument {
            syn::GenericArgument::Type(kind) => Some(kind),
            _ => None,
          })
          .collect(),
        _ => Vec::new(),
      };
      match (segment.ident.to_string().as_str(), arguments.as_slice()) {
        ("Option", [inner]) => (true, *plain(inner)),
        ("Vec", [syn::Type::Path(inner)]) if inner.path.is_ident("u8") => (false, Type::Bytes),
        ("Vec", [inner]) => (false, Type::Array(plain(inner))),
        ("IndexMap", [key, value]) => (false, Type::Record(plain_key(key), plain(value))),
        ("String", []) => (false, Type::String),
        ("Word", []) => (false, Type::Word),
        ("bool", []) => (false, Type::Boolean),
        ("u32" | "u64" | "i32" | "usize" | "f64", []) => (false, Type::Number),
        (name, []) => (false, Type::Name(name.to_owned())),
        (name, _) => panic!("no TypeScript for {name}"),
      }
    }
    _ => panic!("no TypeScript for a type"),
  }
}

/// Keys are strings, whoever owns them.
fn plain_key(kind: &syn::Type) -> Box<Type> {
  Box::new(match rust_type(kind).1 {
    Type::Word => Type::String,
    kind => kind,
  })
}

fn renamed(name: &str, rule: Option<&str>) -> String {
  match rule {
    None => name.to_owned(),
    Some("lowercase") => name.to_lowercase(),
    Some("camelCase") => {
      let mut out = String::new();
      for (index, part) in name.split('_').enumerate() {
        let (first, rest) = part.split_at(part.len().min(1));
        out.push_str(&if index == 0 { first.to_lowercase() } else { first.to_uppercase() });
        out.push_str(rest);
      }
      out
    }
    Some("kebab-case") => {
      let mut out = String::new();
      for (index, c) in name.char_indices() {
        if c.is_uppercase() && index > 0 {
          out.push('-');
        }
        out.extend(c.to_lowercase());
      }
      out
    }
    Some(rule) => panic!("the rule {rule} is new here"),
  }
}

// --- TypeScript -------------------------------------------------------------

use oxc::{
  allocator::Allocator,
  ast::ast::{
    Declaration, PropertyKey, Statement, TSLiteral, TSSignature, TSTupleElement, TSType, TSTypeName,
  },
  parser::Parser,
  span::SourceType,
};

fn read_typescript(text: &str) -> Listing {
  let allocator = Allocator::default();
  let parsed = Parser::new(&allocator, text, SourceType::ts()).parse();
  let mut listing = Listing::new();
  for statement in &parsed.program.body {
    let Statement::ExportDeclaration(export) = statement else {
      panic!("protocol.ts has something else than exported types");
    };
    match &export.declaration {
      Declaration::TSInterfaceDeclaration(item) => {
        assert!(item.extends.is_empty(), "{} extends another", item.id.name);
        let fields = item.body.body.iter().map(typescript_field).collect();
        listing.push((item.id.name.to_string(), Shape::Fields(fields)));
      }
      Declaration::TSTypeAliasDeclaration(item) => {
        let alias = Shape::Alias(typescript_type(&item.type_annotation));
        listing.push((item.id.name.to_string(), alias));
      }
      _ => panic!("protocol.ts exports something else than types"),
    }
  }
  listing
}

fn typescript_field(signature: &TSSignature) -> Field {
  let TSSignature::TSPropertySignature(property) = signature else {
    panic!("protocol.ts has a member that is no property");
  };
  let PropertyKey::StaticIdentifier(key) = &property.key else {
    panic!("protocol.ts has a key that is no name");
  };
  let annotation = property.type_annotation.as_ref().expect("properties have types");
  Field {
    name: key.name.to_string(),
    optional: property.optional,
    kind: typescript_type(&annotation.type_annotation),
  }
}

fn typescript_type(kind: &TSType) -> Type {
  match kind {
    TSType::TSStringKeyword(_) => Type::String,
    TSType::TSNumberKeyword(_) => Type::Number,
    TSType::TSBooleanKeyword(_) => Type::Boolean,
    TSType::TSArrayType(array) => Type::Array(Box::new(typescript_type(&array.element_type))),
    TSType::TSUnionType(union) => Type::Union(union.types.iter().map(typescript_type).collect()),
    TSType::TSParenthesizedType(inner) => typescript_type(&inner.type_annotation),
    TSType::TSTupleType(tuple) => Type::Tuple(
      tuple
        .element_types
        .iter()
        .map(|element: &TSTupleElement| {
          typescript_type(element.as_ts_type().expect("a plain element"))
        })
        .collect(),
    ),
    TSType::TSLiteralType(literal) => match &literal.literal {
      TSLiteral::StringLiteral(text) => Type::Literal(text.value.to_string()),
      TSLiteral::BooleanLiteral(value) if !value.value => Type::False,
      _ => panic!("no Rust for a literal"),
    },
    TSType::TSTypeReference(reference) => {
      let TSTypeName::IdentifierReference(name) = &reference.type_name else {
        panic!("no Rust for a qualified name");
      };
      let arguments: Vec<Type> = match &reference.type_arguments {
        Some(list) => list.params.iter().map(typescript_type).collect(),
        None => Vec::new(),
      };
      match (name.name.as_str(), arguments.as_slice()) {
        ("Uint8Array", []) => Type::Bytes,
        ("Record", [key, value]) => Type::Record(Box::new(key.clone()), Box::new(value.clone())),
        (name, []) => Type::Name(name.to_owned()),
        (name, _) => panic!("no Rust for {name}"),
      }
    }
    _ => panic!("no Rust for a type"),
  }
}
