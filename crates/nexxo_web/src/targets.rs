//! Browsers by what is said of them: `> 0.5%`, `last 2 versions`.

use std::collections::BTreeMap;

use browserslist::{Opts, resolve};

/// The oldest version of each browser that is meant, such as `chrome109`.
pub(crate) fn find(queries: &[String]) -> Result<Vec<String>, String> {
  let found = resolve(queries, &Opts::default()).map_err(|error| error.to_string())?;
  let mut oldest: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
  for browser in &found {
    // Others have the engine of one of these, or nothing that is known of their syntax.
    let name = match browser.name() {
      "chrome" | "and_chr" | "android" => "chrome",
      "firefox" | "and_ff" => "firefox",
      "ios_saf" => "ios",
      name @ ("edge" | "ie" | "opera" | "safari" | "samsung" | "node") => name,
      _ => continue,
    };
    let first = browser.version().split('-').next().unwrap_or_default();
    let mut numbers = first.split('.').map(|part| part.parse::<u32>().ok());
    let Some(Some(major)) = numbers.next() else { continue };
    let version = (major, numbers.next().flatten().unwrap_or(0));
    oldest.entry(name).and_modify(|known| *known = version.min(*known)).or_insert(version);
  }
  let shown = |(name, (major, minor)): (&str, (u32, u32))| match minor {
    0 => format!("{name}{major}"),
    _ => format!("{name}{major}.{minor}"),
  };
  Ok(oldest.into_iter().map(shown).collect())
}

#[cfg(test)]
mod tests {
  use super::find;

  #[test]
  fn the_oldest_of_each_is_found() {
    let queries = ["chrome >= 100", "safari 15.2-15.3", "ios_saf 16.4", "op_mini all"];
    assert_eq!(find(&queries.map(str::to_owned)).unwrap(), ["chrome100", "ios16.4", "safari15.2"]);
    assert!(find(&["no such browser 1".to_owned()]).is_err());
  }
}
