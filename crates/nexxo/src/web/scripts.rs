//! What scripts say to a bundler beside their imports: addresses of files,
//! workers, `import.meta.glob`, and imports by names that are known when they
//! run.
//!
//! Each becomes imports of the modules that it means. The syntax tree is
//! changed, not the text, so that every mistake stays where it was written.

use std::{collections::BTreeSet, path::Path};

use fast_glob::glob_match;
use oxc::{
  allocator::{Allocator, TakeIn},
  ast::ast::{
    Argument, ArrayExpressionElement, BinaryOperator, CallExpression, ChainElement, Expression,
    ImportAttribute, ImportDeclaration, ImportExpression, NewExpression, ObjectExpression,
    ObjectPropertyKind, Program, PropertyKey, TemplateLiteral,
  },
  ast_visit::{VisitMut, walk_mut},
  parser::{ParseOptions, Parser},
  span::{GetSpan, SourceType, Span},
};
use rolldown_ecmascript::EcmaAst;

use super::{Web, quoted, workers::Use};
use crate::{
  diagnostic::{invalid_glob, unresolved_import_pattern, unresolved_url},
  protocol::Diagnostic,
  snapshot::{Snapshot, normalize_path, shown},
};

/// Folders are searched no deeper than that.
const DEEPEST: usize = 32;

/// What a script was found to say.
#[derive(Default)]
pub(super) struct Said {
  /// Patterns of paths that its imports were made from: a file that comes or goes changes them.
  pub(super) patterns: Vec<Pattern>,
  pub(super) warnings: Vec<Diagnostic>,
}

/// Which files are meant. All are whole paths.
#[derive(Debug, Clone, Default)]
pub(super) struct Pattern {
  wanted: Vec<String>,
  unwanted: Vec<String>,
  /// Whether packages and hidden files count as well.
  exhaustive: bool,
}

impl Pattern {
  pub(super) fn matches(&self, path: &str) -> bool {
    let any = |patterns: &[String]| patterns.iter().any(|pattern| glob_match(pattern, path));
    any(&self.wanted) && !any(&self.unwanted)
  }

  fn find(&self, snapshot: &Snapshot) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for wanted in &self.wanted {
      let shows_hidden = self.exhaustive || wanted.contains("/.");
      let shows_packages = self.exhaustive || wanted.contains("/node_modules/");
      let plain = wanted.find(['*', '?', '[', '{', '\\', '!']).unwrap_or(wanted.len());
      let root = wanted[..plain].rfind('/').map_or("/", |slash| &wanted[..slash.max(1)]);
      let is_deep = wanted.contains("**");
      let levels = if is_deep { DEEPEST } else { wanted[root.len()..].matches('/').count() + 1 };
      let mut folders = vec![(root.to_owned(), levels)];
      while let Some((folder, levels)) = folders.pop() {
        for name in snapshot.names_in(Path::new(&folder)) {
          if (name.starts_with('.') && !shows_hidden) || (name == "node_modules" && !shows_packages)
          {
            continue;
          }
          let path = format!("{}/{name}", folder.trim_end_matches('/'));
          if snapshot.is_folder(Path::new(&path)) {
            if levels > 1 {
              folders.push((path, levels - 1));
            }
          } else if self.matches(&path) {
            found.insert(path);
          }
        }
      }
    }
    found
  }
}

impl Web {
  /// Puts imports into the place of what a script says.
  pub(super) fn understand(&self, ast: &mut EcmaAst, id: &str) -> anyhow::Result<()> {
    if !is_worth_a_look(ast.source()) {
      self.state().said.remove(id);
      return Ok(());
    }
    let source = ast.source().to_string();
    let said = ast.program.with_mut(|fields| {
      let mut reader = Reader {
        web: self,
        allocator: fields.allocator,
        source: &source,
        id,
        imports: Vec::new(),
        count: 0,
        place: None,
        said: Said::default(),
        mistake: None,
      };
      let program = fields.program;
      reader.visit_program(program);
      if let Some(mistake) = reader.mistake {
        return Err(mistake);
      }
      reader.add_imports(program);
      Ok(reader.said)
    });
    match said {
      Ok(said) => {
        self.state().said.insert(id.to_owned(), said);
        Ok(())
      }
      Err(mistake) => Err(self.view.fail(mistake)),
    }
  }
}

/// Most scripts say nothing of the kind, and are not gone through.
fn is_worth_a_look(source: &str) -> bool {
  if source.contains("with {") && source.contains("css")
    || source.contains("import.meta.glob")
    || source.contains("import.meta.url") && source.contains("new URL(")
  {
    return true;
  }
  source.match_indices("import(").any(|(at, call)| {
    let argument = source[at + call.len()..].trim_start();
    !argument.starts_with(['"', '\''])
  })
}

struct Reader<'a, 'w> {
  web: &'w Web,
  allocator: &'a Allocator,
  source: &'w str,
  id: &'w str,
  /// What comes before the script's own statements, and for which of its places.
  imports: Vec<(String, Span)>,
  count: usize,
  /// Where what is put in is said to stand, while it is.
  place: Option<Span>,
  said: Said,
  mistake: Option<Diagnostic>,
}

impl<'a> VisitMut<'a> for Reader<'a, '_> {
  fn visit_span(&mut self, span: &mut Span) {
    if let Some(place) = self.place {
      *span = place;
    }
  }

  /// `import sheet from "./sheet.css" with { type: "css" }`
  fn visit_import_declaration(&mut self, import: &mut ImportDeclaration<'a>) {
    let is_css = |attribute: &ImportAttribute<'a>| {
      attribute.key.as_arena_str() == "type" && attribute.value.value == "css"
    };
    let clause = import.with_clause.as_ref();
    if clause.is_some_and(|clause| clause.with_entries.iter().any(is_css))
      && super::is_style(&import.source.value)
    {
      import.with_clause = None;
      let specifier = &import.source.value;
      let sign = if specifier.contains('?') { '&' } else { '?' };
      let text = format!("{specifier}{sign}nexxo-sheet");
      import.source.value = self.allocator.alloc_str(&text).into();
      import.source.raw = None;
    }
    walk_mut::walk_import_declaration(self, import);
  }

  fn visit_expression(&mut self, expression: &mut Expression<'a>) {
    if self.place.is_none() && self.mistake.is_none() {
      let made = match expression {
        Expression::NewExpression(new) => self.new_expression(new),
        Expression::CallExpression(call) => self.call(call),
        Expression::ChainExpression(chain) => match &mut chain.expression {
          ChainElement::CallExpression(call) => self.call(call),
          _ => None,
        },
        Expression::ImportExpression(import) => self.import(import),
        _ => None,
      };
      if let Some(made) = made {
        *expression = made;
        return;
      }
    }
    walk_mut::walk_expression(self, expression);
  }
}

impl<'a> Reader<'a, '_> {
  /// A text as an expression that stands in a place.
  fn expression(&mut self, text: &str, place: Span) -> Option<Expression<'a>> {
    let text = self.allocator.alloc_str(text);
    let parser = Parser::new(self.allocator, text, SourceType::mjs())
      .with_options(ParseOptions { preserve_parens: false, ..ParseOptions::default() });
    let mut expression = parser.parse_expression().ok()?;
    self.place = Some(place);
    self.visit_expression(&mut expression);
    self.place = None;
    Some(expression)
  }

  /// Puts the imports before all other statements.
  fn add_imports(&mut self, program: &mut Program<'a>) {
    let own = program.body.take_in(&self.allocator);
    for (text, place) in std::mem::take(&mut self.imports) {
      let text = self.allocator.alloc_str(&text);
      let mut parsed = Parser::new(self.allocator, text, SourceType::mjs()).parse().program;
      self.place = Some(place);
      self.visit_program(&mut parsed);
      self.place = None;
      program.body.extend(parsed.body);
    }
    program.body.extend(own);
  }

  fn name(&mut self, of: &str) -> String {
    self.count += 1;
    format!("__nexxo_{of}_{}", self.count - 1)
  }

  /// Imports the default of a module, and gives the name that it has here.
  fn import_default(&mut self, specifier: &str, of: &str, place: Span) -> String {
    let name = self.name(of);
    self.imports.push((format!("import {name} from {};", quoted(specifier)), place));
    name
  }

  fn is_ignored(&self, span: Span) -> bool {
    self
      .source
      .get(span.start as usize..span.end as usize)
      .is_some_and(|text| text.contains("@vite-ignore") || text.contains("@nexxo-ignore"))
  }

  fn at(&self, diagnostic: Diagnostic, span: Span) -> Diagnostic {
    let file = shown(Path::new(super::split(self.id).0));
    diagnostic.at(file, self.source, span.start as usize, span.end as usize)
  }

  /// Whether a mistake in it is one that the project's author can mend.
  fn is_own(&self) -> bool {
    !self.id.contains("/node_modules/")
  }

  fn folder(&self) -> &str {
    let path = super::split(self.id).0;
    path.rfind('/').map_or("/", |slash| &path[..slash.max(1)])
  }

  /// The whole path of what begins at the script, or at the project's folder.
  fn whole(&self, path: &str) -> Option<String> {
    let joined = match path.strip_prefix('/') {
      Some(rooted) => self.web.cwd.join(rooted),
      None if path.starts_with("./") || path.starts_with("../") => {
        Path::new(self.folder()).join(path)
      }
      None => return None,
    };
    normalize_path(&joined.to_string_lossy()).ok()
  }

  /// `new Worker(new URL("./worker.ts", import.meta.url))`, `new URL("./logo.png", import.meta.url)`
  fn new_expression(&mut self, new: &mut NewExpression<'a>) -> Option<Expression<'a>> {
    let Expression::Identifier(callee) = &new.callee else { return None };
    let constructor = callee.name.as_str();
    match constructor {
      "URL" => {
        self.address(new, None);
        None
      }
      "Worker" | "SharedWorker" => {
        let is_module = new.arguments.get(1).is_some_and(is_of_modules);
        let Some(Argument::NewExpression(url)) = new.arguments.first_mut() else { return None };
        let used = Use::Worker { shared: constructor == "SharedWorker", module: is_module };
        let name = self.address(url, Some(used))?;
        if !self.web.is_dev {
          return None;
        }
        // So that it can be ended when its code is another.
        let place = new.span;
        let mut call = self.expression(&format!("{name}.keep(0)"), place)?;
        let taken = new.take_in(&self.allocator);
        if let Expression::CallExpression(call) = &mut call {
          call.arguments[0] =
            Argument::NewExpression(oxc::allocator::Box::new_in(taken, &self.allocator));
        }
        Some(call)
      }
      _ => None,
    }
  }

  /// `navigator.serviceWorker.register(new URL(…))`, `audioWorklet.addModule(new URL(…))`,
  /// `import.meta.glob(…)`
  fn call(&mut self, call: &mut CallExpression<'a>) -> Option<Expression<'a>> {
    let Expression::StaticMemberExpression(callee) = &call.callee else { return None };
    match (&callee.object, callee.property.name.as_str()) {
      (Expression::ImportMeta(_), "glob") => self.glob(call),
      (object, name @ ("register" | "addModule")) => {
        let is_module = call.arguments.get(1).is_some_and(is_of_modules);
        let used = match name {
          "addModule" => Use::Worklet,
          _ if ends_with_name(object, "serviceWorker") => Use::ServiceWorker { module: is_module },
          _ => return None,
        };
        if let Some(Argument::NewExpression(url)) = call.arguments.first_mut() {
          self.address(url, Some(used));
        }
        None
      }
      _ => None,
    }
  }

  /// `new URL(path, import.meta.url)`: gives its path the address that the file has in the output.
  /// Gives the name of what was imported for that.
  fn address(&mut self, new: &mut NewExpression<'a>, used: Option<Use>) -> Option<String> {
    let is_url = matches!(&new.callee, Expression::Identifier(callee) if callee.name == "URL");
    let [path, Argument::StaticMemberExpression(base)] = new.arguments.as_slice() else {
      return None;
    };
    let is_here = matches!(base.object, Expression::ImportMeta(_)) && base.property.name == "url";
    let path = path.as_expression()?;
    let place = path.span();
    if !is_url || !is_here || self.is_ignored(new.span) {
      return None;
    }
    let specifier = match path {
      Expression::StringLiteral(text) => text.value.to_string(),
      Expression::TemplateLiteral(text) if text.expressions.is_empty() => {
        text.quasis.first()?.value.cooked?.to_string()
      }
      Expression::TemplateLiteral(text) if used.is_none() => {
        let pattern = pattern_of_template(text)?;
        return self.addresses(new, &pattern);
      }
      _ => return None,
    };
    let at = specifier.find(['?', '#']).unwrap_or(specifier.len());
    let (file, rest) = specifier.split_at(at);
    // Of `public/`, or of another place.
    let whole = self.whole(file)?;
    if !self.web.view.snapshot().is_file(Path::new(&whole)) {
      // A folder may be meant.
      if self.is_own() && !file.starts_with('/') && Path::new(file).extension().is_some() {
        let warning = self.at(unresolved_url(&specifier), place);
        self.said.warnings.push(warning);
      }
      return None;
    }
    let name = match used {
      None => self.import_default(&format!("{whole}?nexxo-url"), "url", place),
      Some(used) => self.import_default(&format!("{whole}?{}", used.query()), "worker", place),
    };
    let shown = match (used, self.web.is_dev) {
      (Some(Use::Worker { .. }), true) => format!("{name}.address + {}", quoted(rest)),
      _ if rest.is_empty() => name.clone(),
      _ => format!("{name} + {}", quoted(rest)),
    };
    let expression = self.expression(&shown, place)?;
    *new.arguments.first_mut()? = expression.into();
    Some(name)
  }

  /// `` new URL(`./images/${name}.png`, import.meta.url) ``
  fn addresses(&mut self, new: &mut NewExpression<'a>, pattern: &str) -> Option<String> {
    let (pattern, rest) = split_query(pattern);
    if !pattern.contains('*') || !rest.is_empty() {
      return None;
    }
    let pattern = Pattern { wanted: vec![self.whole(pattern)?], ..Pattern::default() };
    let place = new.arguments.first()?.span();
    let mut fields = String::new();
    for path in self.found(&pattern) {
      let name = self.import_default(&format!("{path}?nexxo-url"), "url", place);
      fields.push_str(&format!("{}: {name},", quoted(&relative(self.folder(), &path))));
    }
    self.said.patterns.push(pattern);
    if fields.is_empty() {
      return None;
    }
    let text = format!("((files, path) => files[path] ?? path)({{{fields}}}, 0)");
    let given = new.arguments.first_mut()?.take_in(&self.allocator);
    let made = self.with_argument(&text, given, place)?;
    *new.arguments.first_mut()? = made.into();
    None
  }

  /// `` import(`./pages/${name}.js`) ``
  fn import(&mut self, import: &mut ImportExpression<'a>) -> Option<Expression<'a>> {
    let place = import.span;
    if import.phase.is_some() || import.options.is_some() || !self.is_own() {
      return None;
    }
    let pattern = pattern_of(&import.source)?;
    let (pattern, query) = split_query(&pattern);
    if !pattern.contains('*') || query.contains('*') || self.is_ignored(place) {
      return None;
    }
    // Anything at all may be meant where the beginning is not known.
    let wanted = self.whole(pattern)?;
    let found = {
      let pattern = Pattern { wanted: vec![wanted], ..Pattern::default() };
      let found = self.found(&pattern);
      self.said.patterns.push(pattern);
      found
    };
    if found.is_empty() {
      let warning = self.at(unresolved_import_pattern(pattern), import.source.span());
      self.said.warnings.push(warning);
      return None;
    }
    let rooted = pattern.starts_with('/');
    let mut fields = String::new();
    for path in found {
      let key = if rooted { self.rooted(&path) } else { relative(self.folder(), &path) };
      let (key, specifier) = (quoted(&format!("{key}{query}")), quoted(&format!("{path}{query}")));
      fields.push_str(&format!("{key}: () => import({specifier}),"));
    }
    let text = format!(
      "((files, path) => files[path] ? files[path]() : Promise.reject(new Error(`Unknown variable \
       dynamic import: ${{path}}`)))({{{fields}}}, 0)"
    );
    let given = import.source.take_in(&self.allocator);
    self.with_argument(&text, Argument::from(given), place)
  }

  /// A call whose last argument is given.
  fn with_argument(
    &mut self,
    text: &str,
    given: Argument<'a>,
    place: Span,
  ) -> Option<Expression<'a>> {
    let mut made = self.expression(text, place)?;
    if let Expression::CallExpression(call) = &mut made {
      *call.arguments.last_mut()? = given;
    }
    Some(made)
  }

  /// `import.meta.glob("./pages/*.ts", { eager: true })`
  fn glob(&mut self, call: &CallExpression<'a>) -> Option<Expression<'a>> {
    match self.globbed(call) {
      Ok(text) => self.expression(&text, call.span),
      Err((problem, span)) => {
        self.mistake = Some(self.at(invalid_glob(problem), span));
        None
      }
    }
  }

  fn globbed(&mut self, call: &CallExpression<'a>) -> Result<String, Mistake> {
    let (patterns, options) = match call.arguments.as_slice() {
      [patterns] => (patterns, None),
      [patterns, options] => (patterns, Some(options)),
      _ => return Err(("it takes patterns and, if need be, options", call.span)),
    };
    let options = GlobOptions::read(options)?;
    let base = match &options.base {
      None => self.folder().to_owned(),
      Some((base, span)) => {
        self.whole(base).ok_or(("`base` begins with `./`, `../` or `/`", *span))?
      }
    };
    let texts = literals(patterns).ok_or((
      "its patterns are texts, written where they are used: files are looked for before anything \
       runs",
      patterns.span(),
    ))?;
    let mut pattern = Pattern { exhaustive: options.exhaustive, ..Pattern::default() };
    let mut rooted = false;
    for (text, span) in texts {
      let (list, text) = match text.strip_prefix('!') {
        Some(rest) => (&mut pattern.unwanted, rest),
        None => (&mut pattern.wanted, text.as_str()),
      };
      if fast_glob::validate(text).is_err() {
        return Err(("the pattern is not closed", span));
      }
      let whole = match text.strip_prefix('/') {
        Some(_) => self.whole(text),
        None if text.starts_with("./") || text.starts_with("../") => {
          normalize_path(&format!("{base}/{text}")).ok()
        }
        // What is left out may be named by its end alone.
        None if text.starts_with("**") => Some(format!("/{text}")),
        None => None,
      };
      rooted |= text.starts_with('/');
      list.push(whole.ok_or(("a pattern begins with `./`, `../` or `/`", span))?);
    }
    let mut fields = String::new();
    for path in self.found(&pattern) {
      let key = if rooted { self.rooted(&path) } else { relative(&base, &path) };
      let specifier = quoted(&format!("{path}{}", options.query));
      let value = match (options.eager, options.import.as_deref().filter(|name| *name != "*")) {
        (false, None) => format!("() => import({specifier})"),
        (false, Some(name)) => {
          format!("() => import({specifier}).then((module) => module[{}])", quoted(name))
        }
        (true, None) => {
          let name = self.name("glob");
          self.imports.push((format!("import * as {name} from {specifier};"), call.span));
          name
        }
        (true, Some(exported)) => {
          let name = self.name("glob");
          let exported = quoted(exported);
          let import = format!("import {{ {exported} as {name} }} from {specifier};");
          self.imports.push((import, call.span));
          name
        }
      };
      fields.push_str(&format!("{}: {value},", quoted(&key)));
    }
    self.said.patterns.push(pattern);
    Ok(format!("({{{fields}}})"))
  }

  /// The files of a pattern, but for the script itself.
  fn found(&self, pattern: &Pattern) -> BTreeSet<String> {
    let mut found = pattern.find(&self.web.view.snapshot());
    found.remove(super::split(self.id).0);
    found
  }

  fn rooted(&self, path: &str) -> String {
    let root = self.web.cwd.to_string_lossy();
    let below = path.strip_prefix(root.trim_end_matches('/')).unwrap_or(path);
    format!("/{}", below.trim_start_matches('/'))
  }
}

/// What is wrong, and where.
type Mistake = (&'static str, Span);

#[derive(Default)]
struct GlobOptions {
  eager: bool,
  import: Option<String>,
  /// With its question mark.
  query: String,
  exhaustive: bool,
  base: Option<(String, Span)>,
}

impl GlobOptions {
  fn read(given: Option<&Argument<'_>>) -> Result<Self, Mistake> {
    let mut options = Self::default();
    let Some(given) = given else { return Ok(options) };
    let Argument::ObjectExpression(given) = given else {
      return Err(("its options are an object, written where it is used", given.span()));
    };
    for (name, value, span) in fields(given)? {
      let flag = || match value {
        Expression::BooleanLiteral(flag) => Ok(flag.value),
        _ => Err(("this option is `true` or `false`, as a literal", span)),
      };
      let text = || match value {
        Expression::StringLiteral(text) => Ok(text.value.to_string()),
        _ => Err(("this option is a text, as a literal", span)),
      };
      match name.as_str() {
        "eager" => options.eager = flag()?,
        "exhaustive" => options.exhaustive = flag()?,
        "import" => options.import = Some(text()?),
        "base" => options.base = Some((text()?, span)),
        "query" => {
          let query = match value {
            Expression::ObjectExpression(parts) => {
              let mut query = Vec::new();
              for (name, value, span) in fields(parts)? {
                query.push(match value {
                  Expression::StringLiteral(text) => format!("{name}={}", text.value),
                  Expression::BooleanLiteral(flag) if flag.value => name,
                  Expression::NumericLiteral(number) => format!("{name}={}", number.value),
                  _ => return Err(("a part of the query is a literal", span)),
                });
              }
              query.join("&")
            }
            _ => text()?.trim_start_matches('?').to_owned(),
          };
          options.query = if query.is_empty() { query } else { format!("?{query}") };
        }
        _ => {
          return Err((
            "its options are `eager`, `import`, `query`, `exhaustive` and `base`",
            span,
          ));
        }
      }
    }
    Ok(options)
  }
}

/// A name, its value, and where they stand.
type Field<'o, 'a> = (String, &'o Expression<'a>, Span);

fn fields<'o, 'a>(object: &'o ObjectExpression<'a>) -> Result<Vec<Field<'o, 'a>>, Mistake> {
  let field = |property: &'o ObjectPropertyKind<'a>| match property {
    ObjectPropertyKind::ObjectProperty(property) if !property.computed => {
      let name = match &property.key {
        PropertyKey::StaticIdentifier(name) => name.name.to_string(),
        PropertyKey::StringLiteral(name) => name.value.to_string(),
        _ => return Err(("this is no name of an option", property.span)),
      };
      Ok((name, &property.value, property.span))
    }
    other => Err(("options are written out", other.span())),
  };
  object.properties.iter().map(field).collect()
}

/// A text, or a list of texts.
fn literals(argument: &Argument<'_>) -> Option<Vec<(String, Span)>> {
  let one = |expression: &Expression<'_>| match expression {
    Expression::StringLiteral(text) => Some((text.value.to_string(), text.span)),
    Expression::TemplateLiteral(text) if text.expressions.is_empty() => {
      Some((text.quasis.first()?.value.cooked?.to_string(), text.span))
    }
    _ => None,
  };
  match argument {
    Argument::ArrayExpression(list) => list
      .elements
      .iter()
      .map(|element| one(ArrayExpressionElement::as_expression(element)?))
      .collect(),
    other => Some(vec![one(other.as_expression()?)?]),
  }
}

/// Whether options of a worker say that it is a module.
fn is_of_modules(options: &Argument<'_>) -> bool {
  let Argument::ObjectExpression(options) = options else { return false };
  fields(options).is_ok_and(|fields| {
    fields.iter().any(|(name, value, _)| {
      name == "type" && matches!(value, Expression::StringLiteral(text) if text.value == "module")
    })
  })
}

fn ends_with_name(expression: &Expression<'_>, name: &str) -> bool {
  match expression {
    Expression::StaticMemberExpression(member) => member.property.name == name,
    Expression::Identifier(identifier) => identifier.name == name,
    _ => false,
  }
}

/// What an expression can come to, with `*` for what is not known.
fn pattern_of(expression: &Expression<'_>) -> Option<String> {
  match expression {
    Expression::TemplateLiteral(text) => pattern_of_template(text),
    Expression::BinaryExpression(sum) if sum.operator == BinaryOperator::Addition => {
      let parts = [&sum.left, &sum.right].map(|part| match part {
        Expression::StringLiteral(text) => Some(escaped(&text.value)),
        Expression::BinaryExpression(_) | Expression::TemplateLiteral(_) => pattern_of(part),
        _ => Some("*".to_owned()),
      });
      let [Some(left), Some(right)] = parts else { return None };
      Some(joined(&[left, right]))
    }
    _ => None,
  }
}

fn pattern_of_template(text: &TemplateLiteral<'_>) -> Option<String> {
  let mut parts = Vec::new();
  for (at, quasi) in text.quasis.iter().enumerate() {
    if at > 0 {
      parts.push("*".to_owned());
    }
    parts.push(escaped(quasi.value.cooked.as_ref()?));
  }
  Some(joined(&parts))
}

/// Two unknown parts beside each other are one, as each is a name, not a path.
fn joined(parts: &[String]) -> String {
  let mut pattern = parts.concat();
  while pattern.contains("**") {
    pattern = pattern.replace("**", "*");
  }
  pattern
}

/// A text as a pattern of itself.
fn escaped(text: &str) -> String {
  let mut pattern = String::new();
  for character in text.chars() {
    if "*[]{}!\\".contains(character) {
      pattern.push('\\');
    }
    pattern.push(character);
  }
  pattern
}

fn split_query(pattern: &str) -> (&str, &str) {
  pattern.split_at(pattern.find('?').unwrap_or(pattern.len()))
}

/// The way from a folder to a file, as a specifier.
pub(crate) fn relative(folder: &str, path: &str) -> String {
  let from: Vec<&str> = folder.split('/').filter(|name| !name.is_empty()).collect();
  let to: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
  let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
  let up = "../".repeat(from.len() - shared);
  let start = if up.is_empty() { "./" } else { &up };
  format!("{start}{}", to[shared..].join("/"))
}

#[cfg(test)]
mod tests {
  use super::{escaped, is_worth_a_look, joined, relative};

  #[test]
  fn ways_lead_up_and_down() {
    assert_eq!(relative("/src", "/src/a.ts"), "./a.ts");
    assert_eq!(relative("/src/pages", "/src/a.ts"), "../a.ts");
    assert_eq!(relative("/", "/a.ts"), "./a.ts");
    assert_eq!(relative("/a/b", "/c/d.ts"), "../../c/d.ts");
  }

  #[test]
  fn only_scripts_that_say_something_are_gone_through() {
    for (source, is_worth) in [
      ("import('./a')", false),
      ("import( \"./a\")", false),
      ("import(`./${a}`)", true),
      ("import.meta.hot.accept()", false),
      ("import.meta.env; import(`./${a}`)", true),
      ("import a from './a.css' with { type: 'css' }", true),
      ("import.meta.glob('./*')", true),
      ("new URL('./a', import.meta.url)", true),
      ("new URL('./a', base)", false),
    ] {
      assert_eq!(is_worth_a_look(source), is_worth, "{source}");
    }
  }

  #[test]
  fn names_are_no_patterns() {
    assert_eq!(escaped("a[b]*.ts"), "a\\[b\\]\\*.ts");
    assert_eq!(joined(&["./".to_owned(), "*".to_owned(), "*".to_owned()]), "./*");
  }
}
