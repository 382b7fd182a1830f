//! `nexxo dev` and `nexxo preview` under attack: every kind of request that ever got a file out of
//! such a server, sent by raw sockets, because clients make addresses harmless.
//!
//! A secret is beside the project, and secrets are in it. Whatever is asked for, none of them is in
//! an answer, the status is one of those that are right, and the server answers the next request.

use std::{
  env, fs,
  io::{BufRead, BufReader, Read, Write},
  net::{Shutdown, TcpStream},
  os::unix::fs::symlink,
  path::Path,
  process::{Child, Command, Stdio},
  time::Duration,
};

const CANARY: &str = "CANARY-4c1f-never-served";
const PATIENCE: Duration = Duration::from_secs(30);

/// A project with secrets in and around it, and a server of it.
struct Served {
  /// Goes with the server.
  _scene: tempfile::TempDir,
  server: Child,
  port: u16,
}

impl Drop for Served {
  fn drop(&mut self) {
    // Both may be over already.
    let _ = self.server.kill();
    let _ = self.server.wait();
  }
}

/// What was answered: the status, and everything that was sent.
struct Answer {
  status: u16,
  text: String,
}

impl Served {
  fn start(command: &str) -> Self {
    let scene = tempfile::tempdir().expect("a folder can be made");
    let project = scene.path().join("project");
    make(scene.path());
    let mut server = Command::new(env!("CARGO_BIN_EXE_nexxo-under-test"))
      .args([command, project.to_str().expect("it is text")])
      .stdin(Stdio::null())
      .stdout(Stdio::null())
      .stderr(Stdio::piped())
      .spawn()
      .expect("the command starts");
    let mut lines = BufReader::new(server.stderr.take().expect("it is piped"));
    let mut said = String::new();
    let port = loop {
      let mut line = String::new();
      assert_ne!(lines.read_line(&mut line).expect("it says text"), 0, "it ended: {said}");
      said.push_str(&line);
      if let Some((_, rest)) = line.split_once("http://localhost:") {
        break rest.split('/').next().and_then(|port| port.parse().ok()).expect("it is a port");
      }
    };
    // What it says from now on must not fill the pipe.
    std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
    Self { _scene: scene, server, port }
  }

  /// Sends bytes, and reads until the other side ends or an answer is whole.
  fn send(&self, bytes: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time can be set");
    // A server that has heard enough may hang up while more is sent.
    let _ = stream.write_all(bytes);
    read_answer(&mut stream)
  }

  /// A request for a target, as it is written.
  fn get(&self, target: &str) -> Answer {
    self.get_with(target, "")
  }

  fn get_with(&self, target: &str, headers: &str) -> Answer {
    let host = format!("Host: localhost:{}\r\n", self.port);
    let host = if headers.starts_with("Host:") || headers.contains("\nHost:") { "" } else { &host };
    self
      .send(format!("GET {target} HTTP/1.1\r\n{host}{headers}Connection: close\r\n\r\n").as_bytes())
  }

  fn is_alive(&self) {
    let answer = self.get("/");
    assert_eq!(answer.status, 200, "{}", answer.text);
  }
}

fn read_answer(stream: &mut TcpStream) -> Answer {
  let mut bytes = Vec::new();
  let mut buffer = [0; 16 * 1024];
  loop {
    match stream.read(&mut buffer) {
      Ok(0) | Err(_) => break,
      Ok(count) => bytes.extend_from_slice(&buffer[..count]),
    }
    if is_whole(&bytes) {
      break;
    }
  }
  let text = String::from_utf8_lossy(&bytes).into_owned();
  let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
  Answer { status, text }
}

fn is_whole(bytes: &[u8]) -> bool {
  let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
  let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
  if text.starts_with("http/1.1 101") || text.starts_with("http/1.1 304") {
    return true;
  }
  let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
  let length: usize = length.and_then(|length| length.trim().parse().ok()).unwrap_or(0);
  bytes.len() >= head + 4 + length
}

/// The project, its output, and the secrets.
fn make(scene: &Path) {
  let project = scene.join("project");
  let write = |path: &str, text: &str| {
    let path = scene.join(path);
    fs::create_dir_all(path.parent().expect("it has one")).expect("a folder can be made");
    fs::write(path, text).expect("a file can be written");
  };
  let page = "<!doctype html><html><head><title>Served</title></head><body><div id=root></div><script type=module src=/src/main.js></script></body></html>";
  write("secret.txt", CANARY);
  write("secret.html", CANARY);
  write("project-secret/x", CANARY);
  for root in ["project", "project/public", "project/dist"] {
    for name in [
      ".env",
      ".env.local",
      "tls.pem",
      "server.key",
      ".npmrc",
      ".git/config",
      "sub/.git/index",
      ".ssh/id_rsa",
      "id_ed25519",
      ".netrc",
      "deny/.env.production",
      "node_modules/p/index.js",
    ] {
      write(&format!("{root}/{name}"), CANARY);
    }
    symlink("../../secret.txt", scene.join(root).join("link.txt")).expect("a link can be made");
    symlink("../..", scene.join(root).join("up")).expect("a link can be made");
    symlink(".env", scene.join(root).join("env.txt")).expect("a link can be made");
  }
  write("project/public-secret/x", CANARY);
  write("project/dist-secret/x", CANARY);
  write("project/package.json", "{ \"name\": \"served\" }");
  write("project/index.html", page);
  write("project/src/main.js", "console.log('main');");
  // Sources are not served by themselves: this one is in no build.
  write("project/src/unused.js", CANARY);
  for root in ["project/public", "project/dist"] {
    for name in [
      "special characters åäö/safe.txt",
      "..file.js",
      ".well-known/x",
      "[id].tsx",
      "(g)/a.js",
      "a~b.js",
      "0~rslib-runtime.js",
      "safe.txt",
      "src/safe.txt",
    ] {
      write(&format!("{root}/{name}"), "safe");
    }
  }
  write("project/dist/index.html", page);
  write("project/dist/main.js", "console.log('main');");
  assert!(project.is_dir());
}

/// What has to be refused, as it is written on the wire. `@` stands for each of the secrets that are
/// in what is served, `$` for one outside of it.
const REFUSED: &[&str] = &[
  // Paths that lead out.
  "/../$",
  "/../../../../../../../../../../../../$",
  "/src/%2e%2e%2f$",
  "/src/%2e%2e/%2e%2e/$",
  "/src/%252e%252e%252f$",
  "/public/..%2f../$",
  "/..%5c..%5c$",
  "/..\\..\\$",
  "/src/safe.txt#/../../$",
  "/@fs/src/safe.txt#/../../$",
  "/@fs/%2e%2e/%2e%2e/$",
  "/@fs/../../$",
  "/@id/$",
  "/@vite/client",
  "/../public-secret/x",
  "/../dist-secret/x",
  "/../project-secret/x",
  "/link.txt",
  "/up/$",
  "/up/up/$",
  "/env.txt",
  "/%00",
  "/src/a.js%00.txt",
  "/.env%00.js",
  "/src/%c0%ae%c0%ae/$",
  "/%ff%fe",
  "/%",
  "/%e0%a4%a",
  "/%zz",
  "/;/../$",
  "/src;x=1/../../$",
  "/node_modules/.cache-deps/../../../$.map",
  "/node_modules/p/index.js",
  "/..;/$",
  "/%2e%2e;/$",
  "/./../$",
  "/src/./../../$",
  "/src//../../$",
  // Names that are denied, however they are written.
  "/@",
  "//@",
  "///@",
  "/@/.",
  "/@/",
  "/@//",
  "/@/./",
  "/@\\",
  "/@%20",
  "/@%20.",
  "/@.",
  "/@::$DATA",
  "/@%2e",
  "/.EnV",
  "/.ENV.local",
  "/TLS.PEM",
  "/Server.Key",
  "/.GIT/config",
  "/.git/HEAD",
  "/sub/.git/index",
  "/.%65nv",
  "/%2eenv",
  "/tls%2epem",
  "/.git%2fconfig",
  "/deny/.env.production",
  "/id_ed25519.pub",
  "/.ssh/",
  // Windows' spellings, which are refused everywhere.
  "/.env::$DATA?raw",
  "/tls.pem::$DATA?raw",
  "/ENV~1",
  "/TLS~1.PEM",
  "/C:/x",
  "/c:x",
  "/foo/c:/windows/x",
  "/\\\\host\\share\\f",
  "/%5c%5chost%5cshare%5cf",
  "//host/share/f",
  "/%2f%2fhost/x",
  "/\\\\?\\C:\\x",
  "/\\\\.\\pipe\\x",
  "/CON",
  "/aux.js",
  "/nul",
  "/com1.txt",
  "/LPT9.js",
  "/src\\..\\..\\$",
  "/@nexxo/../.env",
  "/@nexxo/%2e%2e/.env",
  "/@nexxo/unknown.js",
];

/// What other servers do things for; here they are routes of the app, of which no other thing comes.
const ROUTES: &[&str] = &[
  "/-secret/x",
  "/__open-in-editor?file=%5c%5c127.0.0.1%5cshare%5ctest.txt",
  "/open-url",
  "/__debug",
  "/json/list",
  "/__inspect",
];

/// Queries by which transforms were reached past the check.
const QUERIES: &[&str] = &[
  "?raw",
  "?url",
  "?inline",
  "?import&raw",
  "?import&raw??",
  "?import&raw?&",
  "?raw??",
  "?raw?import",
  "?import&inline",
  "?import&url",
  "?import&?inline=1.wasm?init",
  "?.svg?import",
  "?.svg?.wasm?init",
  "?raw%20",
  "?%72aw",
  "?RAW",
  "?worker",
  "?sharedworker",
  "?worker&inline",
  "?worker&url",
  "?commonjs-proxy",
  "?html-proxy&index=0.js",
  "?direct",
  "?used",
  "?lang.ts",
  "?v=1&t=2",
  "?/../../$?import&raw",
  "??",
  "?",
];

const DENIED: &[&str] =
  &[".env", ".env.local", "tls.pem", "server.key", ".npmrc", ".git/config", "id_ed25519", ".netrc"];
const OUTSIDE: &str = "secret.txt";

fn refused() -> Vec<String> {
  let mut targets = Vec::new();
  for pattern in REFUSED {
    match pattern.starts_with("/@fs")
      || pattern.starts_with("/@id")
      || pattern.starts_with("/@vite")
      || pattern.starts_with("/@nexxo")
    {
      false if pattern.contains('@') => {
        targets.extend(DENIED.iter().map(|name| pattern.replace('@', name)));
      }
      _ => targets.push((*pattern).to_owned()),
    }
  }
  for query in QUERIES {
    targets.extend(DENIED.iter().map(|name| format!("/{name}{query}")));
    targets.push(format!("/../{OUTSIDE}{query}"));
  }
  targets
    .into_iter()
    .map(|target| target.replace("$DATA", "\u{0}").replace('$', OUTSIDE).replace('\u{0}', "$DATA"))
    .collect()
}

fn is_clean(answer: &Answer, what: &str) {
  assert!(!answer.text.contains(CANARY), "a secret came for {what}: {}", answer.text);
}

fn each(test: impl Fn(&Served, &str)) {
  for command in ["dev", "preview"] {
    let served = Served::start(command);
    served.is_alive();
    test(&served, command);
    served.is_alive();
  }
}

#[test]
fn no_path_leads_to_a_secret() {
  each(|served, command| {
    for target in refused() {
      let answer = served.get(&target);
      is_clean(&answer, &target);
      assert!([400, 403, 404].contains(&answer.status), "{command} {target}: {}", answer.text);
      // As a page that a browser goes to, and as a script.
      for headers in [
        "Sec-Fetch-Mode: navigate\r\nAccept: text/html\r\n",
        "Sec-Fetch-Dest: script\r\nAccept: */*\r\n",
      ] {
        let answer = served.get_with(&target, headers);
        is_clean(&answer, &target);
        assert!([400, 403, 404].contains(&answer.status), "{command} {target}: {}", answer.text);
      }
    }
  });
}

#[test]
fn what_may_be_served_is() {
  each(|served, command| {
    for route in ROUTES {
      let answer = served.get(route);
      is_clean(&answer, route);
      assert!(answer.text.contains("<div id=root>"), "{command} {route}");
      assert_eq!(served.get_with(route, "Sec-Fetch-Mode: no-cors\r\n").status, 404);
    }
    let good = [
      "/special%20characters%20%C3%A5%C3%A4%C3%B6/safe.txt",
      "/..file.js",
      "/.well-known/x",
      "/[id].tsx",
      "/(g)/a.js",
      "/a~b.js",
      "/0~rslib-runtime.js",
      "/safe.txt",
      "/safe.txt?query",
      "/src/safe.txt",
    ];
    for target in good {
      let answer = served.get_with(target, "Sec-Fetch-Mode: no-cors\r\n");
      assert_eq!(answer.status, 200, "{command} {target}: {}", answer.text);
      assert!(answer.text.ends_with("safe"), "{command} {target}");
    }
    for route in ["/", "/about", "/users/7", "/index.html", "/?query"] {
      let answer = served.get(route);
      assert_eq!(answer.status, 200, "{command} {route}");
      assert!(answer.text.contains("<div id=root>"), "{command} {route}");
    }
    // Sources are no files of the server's.
    assert_eq!(served.get_with("/src/unused.js", "Sec-Fetch-Mode: no-cors\r\n").status, 404);
  });
}

#[test]
fn only_this_machines_names_are_answered() {
  each(|served, command| {
    let port = served.port;
    let host = |host: &str| {
      let answer = served.get_with("/", &format!("Host: {host}\r\n"));
      is_clean(&answer, host);
      answer.status
    };
    for good in ["localhost", "127.0.0.1", "[::1]", "foo.bar.localhost", "LOCALHOST"] {
      assert_eq!(host(&format!("{good}:{port}")), 200, "{command} {good}");
    }
    for bad in [
      "vite.dev",
      "evil.example",
      "localhos",
      "localhost.foo",
      "255.255.255.256",
      "evilexample.com",
    ] {
      assert_eq!(host(bad), 403, "{command} {bad}");
    }
    for broken in [
      "[:",
      "[::z]",
      "mailto:foo@bar.com",
      "file:///x",
      "chrome-extension://x",
      "a b",
      "localhost@evil",
      "localhost:99999",
      "localhost:x",
      "",
    ] {
      assert!([400, 403].contains(&host(broken)), "{command} {broken}");
    }
    assert!([400, 403, 431].contains(&host(&"a".repeat(8 * 1024))), "{command} long");
    let raw = |head: &str| served.send(head.as_bytes()).status;
    assert_eq!(raw("GET / HTTP/1.1\r\nConnection: close\r\n\r\n"), 400, "{command}: none");
    let two = format!(
      "GET / HTTP/1.1\r\nHost: localhost:{port}\r\nHost: evil\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(raw(&two), 400, "{command}: two");
    // What a proxy would say counts for nothing.
    assert_eq!(served.get_with("/", "X-Forwarded-Host: evil\r\n").status, 200);
    assert_eq!(served.get_with("/", "Host: evil\r\nX-Forwarded-Host: localhost\r\n").status, 403);
  });
}

#[test]
fn no_other_site_reads_or_runs_what_is_served() {
  each(|served, command| {
    // A dev server's entry is the page, and its chunk has the page's name.
    let script = if command == "dev" { "/index.js" } else { "/main.js" };
    assert_eq!(served.get(script).status, 200, "{command} {script}");
    let map = format!("{script}.map");
    for origin in [
      "https://evil.example",
      "null",
      "http://localhost:1",
      "http://localhost.evil",
      "http://127.0.0.1.nip",
    ] {
      for target in ["/", script, &map, "/@nexxo/client.js"] {
        let answer = served.get_with(target, &format!("Origin: {origin}\r\n"));
        let head = answer.text.to_lowercase();
        assert!(!head.contains("access-control-allow"), "{command} {origin} {target}");
      }
    }
    for target in ["/", script, "/safe.txt", "/nothing", "/.env"] {
      let head = served.get(target).text.to_lowercase();
      assert!(head.contains("cross-origin-resource-policy: same-origin"), "{command} {target}");
      assert!(head.contains("x-content-type-options: nosniff"), "{command} {target}");
    }
    for site in ["cross-site", "same-site"] {
      let headers =
        format!("Sec-Fetch-Site: {site}\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: script\r\n");
      assert_eq!(served.get_with(script, &headers).status, 403, "{command} {site}");
      // A link from elsewhere leads here all the same.
      let headers = format!(
        "Sec-Fetch-Site: {site}\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n"
      );
      assert_eq!(served.get_with("/", &headers).status, 200, "{command} {site}");
    }
    if command == "dev" {
      // As a classic script it is a mistake of syntax, whatever the page around it changed.
      for target in [script, "/@nexxo/client.js"] {
        assert!(served.get(target).text.contains("\nexport {};\n"), "{target}");
      }
    }
    let preflight = format!(
      "OPTIONS / HTTP/1.1\r\nHost: localhost:{}\r\nOrigin: https://evil\r\nAccess-Control-Request-Method: GET\r\nAccess-Control-Request-Private-Network: true\r\nConnection: close\r\n\r\n",
      served.port
    );
    let answer = served.send(preflight.as_bytes());
    assert_eq!(answer.status, 405);
    assert!(!answer.text.to_lowercase().contains("access-control-allow"));
  });
}

#[test]
fn only_reading_is_possible_and_nothing_is_repeated() {
  each(|served, command| {
    for method in
      ["POST", "PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "PROPFIND", "MKCOL", "CONNECT"]
    {
      for target in ["/", "/main.js", "/open-url", "/@nexxo/socket", "/@nexxo/restart"] {
        let request = format!(
          "{method} {target} HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\n\r\n",
          served.port
        );
        let answer = served.send(request.as_bytes());
        assert!(
          [400, 405].contains(&answer.status),
          "{command} {method} {target}: {}",
          answer.text
        );
      }
    }
    for target in ["http://evil/.env", "http://localhost/", "*", "evil:443"] {
      let answer = served.get(target);
      is_clean(&answer, target);
      assert!(
        [400, 403, 404, 405].contains(&answer.status),
        "{command} {target}: {}",
        answer.status
      );
    }
    for target in [
      "/?\"></script><script>alert(1)</script>",
      "/%22%3e%3cscript%3ealert(1)%3c/script%3e",
      "/nothing.png?<svg onload=alert(1)>",
    ] {
      let answer = served.get(target);
      assert!(!answer.text.contains("alert(1)"), "{command} {target}: {}", answer.text);
    }
    for request in [
      "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /.env HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
      "GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: localhost\r\n folded: x\r\n\r\n",
      "GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
      "\r\n\r\n\r\n",
      "nonsense\r\n\r\n",
      "GET\r\n\r\n",
      "GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "GET /\u{1} HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ] {
      let answer = served.send(request.as_bytes());
      is_clean(&answer, request);
      // Where a body is read by one of its two lengths, nothing that follows it is.
      let ends =
        answer.text.contains("connection: close") && answer.text.matches("HTTP/1.1").count() == 1;
      let is_right = [0, 400, 505].contains(&answer.status) || request.contains("chunked") && ends;
      assert!(is_right, "{command} {request:?}: {}", answer.text);
    }
    let smuggled = format!(
      "GET / HTTP/1.1\r\nHost: localhost:{0}\r\nContent-Length: 40\r\n\r\nGET /main.js HTTP/1.1\r\nHost: localhost\r\n\r\n",
      served.port
    );
    let answer = served.send(smuggled.as_bytes());
    assert!(!answer.text.contains("console.log"), "{command}: {}", answer.text);
  });
}

#[test]
fn large_and_odd_requests_end() {
  each(|served, command| {
    let long = "a".repeat(64 * 1024);
    for (target, headers) in [
      (format!("/{long}"), String::new()),
      (format!("/?{long}"), String::new()),
      (format!("/?{}", "&".repeat(2_000)), String::new()),
      ("/".to_owned(), format!("If-None-Match: \"{long}\"\r\n")),
      ("/".to_owned(), format!("X-Long: {}\r\n", "b".repeat(1024 * 1024))),
      ("/".to_owned(), "X-Many: 1\r\n".repeat(1_000)),
    ] {
      let answer = served.get_with(&target, &headers);
      is_clean(&answer, "a long request");
      assert!(
        [0, 200, 400, 413, 414, 431].contains(&answer.status),
        "{command}: {}",
        answer.status
      );
    }
    for (range, statuses) in [
      ("bytes=0-", &[206][..]),
      ("bytes=-2", &[206]),
      ("bytes=1-2", &[206]),
      ("bytes=-0", &[416]),
      ("bytes=9e99-", &[416]),
      ("bytes=100-", &[416]),
      ("bytes=2-1", &[416]),
      ("lines=0-1", &[200]),
      ("bytes=0-0,2-3", &[200, 206]),
    ] {
      let answer = served.get_with("/safe.txt", &format!("Range: {range}\r\n"));
      assert!(statuses.contains(&answer.status), "{command} {range}: {}", answer.status);
    }
    let many = (0..1_000).map(|at| format!("{at}-{at}")).collect::<Vec<_>>().join(",");
    let answer = served.get_with("/safe.txt", &format!("Range: bytes={many}\r\n"));
    assert!([200, 206, 416].contains(&answer.status), "{command} many ranges");
    let first = served.get("/safe.txt");
    let tag =
      first.text.lines().find_map(|line| line.strip_prefix("etag: ")).expect("it has a tag");
    assert_eq!(served.get_with("/safe.txt", &format!("If-None-Match: {tag}\r\n")).status, 304);
  });
}

#[test]
fn idle_connections_keep_nobody_out() {
  each(|served, _| {
    let idle: Vec<TcpStream> = (0..500)
      .map(|_| {
        let mut stream = TcpStream::connect(("127.0.0.1", served.port)).expect("it listens");
        stream.write_all(b"GET / HTTP/1.1\r\nHost: loc").expect("it takes them");
        stream
      })
      .collect();
    served.is_alive();
    drop(idle);
  });
}

#[test]
fn a_socket_opens_for_the_servers_own_pages_only() {
  let served = Served::start("dev");
  let port = served.port;
  let page = served.get("/").text;
  let token = page
    .split("\"token\":\"")
    .nth(1)
    .and_then(|rest| rest.split('"').next())
    .expect("it has one")
    .to_owned();
  assert!(token.len() >= 32);
  let open = |target: &str, host: &str, origin: Option<&str>| {
    let origin = origin.map(|origin| format!("Origin: {origin}\r\n")).unwrap_or_default();
    let request = format!(
      "GET {target} HTTP/1.1\r\nHost: {host}\r\n{origin}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    served.send(request.as_bytes()).status
  };
  let own = format!("localhost:{port}");
  let origin = format!("http://{own}");
  let good = format!("/@nexxo/socket?token={token}&page=1");
  assert_eq!(open(&good, &own, Some(&origin)), 101);
  let mut wrong = token.clone();
  wrong.replace_range(0..1, if wrong.starts_with('a') { "b" } else { "a" });
  for target in [
    "/@nexxo/socket".to_owned(),
    "/@nexxo/socket?token=".to_owned(),
    format!("/@nexxo/socket?token={wrong}"),
    format!("/@nexxo/socket?token={token}x"),
    format!("/@nexxo/socket?tokens={token}"),
    "/?token=x".to_owned(),
  ] {
    let status = open(&target, &own, Some(&origin));
    assert!(status == 403 || target.starts_with("/?"), "{target}: {status}");
    assert_ne!(status, 101, "{target}");
  }
  assert_eq!(open(&good, "vite.dev", Some(&origin)), 403);
  for other in [
    "http://1.2.3.4",
    "https://evil.example",
    "null",
    "http://[",
    ":",
    "http://localhost:1",
    "http://localhost.evil",
  ] {
    let status = open(&good, &own, Some(other));
    assert!([400, 403].contains(&status), "{other}: {status}");
  }
  let long = format!("http://{}", "a".repeat(8 * 1024));
  assert!([400, 403, 431].contains(&open(&good, &own, Some(&long))));
  assert_eq!(open(&good, &own, None), 403);
  let alive = |token: &str| served.get(&format!("/@nexxo/alive?token={token}")).status;
  assert_eq!((alive(&token), alive(&wrong), alive("")), (200, 403, 403));

  // Frames that no client sends end the connection, and nothing else.
  for frames in [
    vec![0x81, 0x85],
    [vec![0x81, 0xff], (1_u64 << 40).to_be_bytes().to_vec(), vec![0; 64]].concat(),
    vec![0x81, 0x05, b'h', b'e', b'l', b'l', b'o'],
    vec![0xff; 4_096],
    masked(&"[".repeat(100_000)),
    masked("{\"type\":\"__proto__\"}"),
    masked("{\"type\":\"update\",\"seq\":1,\"code\":\"alert(1)\"}"),
    masked(
      "{\"type\":\"factories\",\"request\":1,\"modules\":[\"file:///secret.txt?raw\",\"../secret.txt\",\"/@fs/secret.txt\",\"data:text/javascript,1\",\"http://169.254.169.254/\"]}",
    ),
  ] {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_millis(400))).expect("a time can be set");
    let request = format!(
      "GET {good} HTTP/1.1\r\nHost: {own}\r\nOrigin: {origin}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).expect("it takes them");
    let _ = stream.write_all(&frames);
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said);
    let _ = stream.shutdown(Shutdown::Both);
    assert!(!String::from_utf8_lossy(&said).contains(CANARY));
    served.is_alive();
  }
}

/// A text message as a client has to send it.
fn masked(text: &str) -> Vec<u8> {
  let length = u32::try_from(text.len()).expect("it is short");
  let mut frame = vec![0x81];
  match length {
    0..126 => frame.push(0x80 | u8::try_from(length).expect("it is below 126")),
    _ => {
      frame.push(0xff);
      frame.extend_from_slice(&u64::from(length).to_be_bytes());
    }
  }
  frame.extend_from_slice(&[0; 4]);
  frame.extend_from_slice(text.as_bytes());
  frame
}

/// A generator that gives the same numbers everywhere (SplitMix64).
struct Draw(u64);

impl Draw {
  fn below(&mut self, end: usize) -> usize {
    self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = self.0;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    usize::try_from((z ^ (z >> 31)) % end as u64).expect("it is below a `usize`")
  }
}

/// What targets are mutated with.
const PIECES: &[&str] = &[
  "/",
  "//",
  "../",
  "..",
  ".",
  "%2e",
  "%2f",
  "%5c",
  "\\",
  "%00",
  "%",
  "%25",
  "?",
  "#",
  ";",
  ":",
  "~1",
  "::$DATA",
  "@",
  ".env",
  ".ENV",
  ".git/config",
  "secret.txt",
  "tls.pem",
  "up/",
  "link.txt",
  "public/",
  "dist/",
  "@nexxo/",
  "@fs/",
  "src/",
  "raw",
  "import",
  "&",
  "=",
  "%c0%ae",
  "%u002e",
  "\u{e9}",
  "index.html",
  "main.js",
  "node_modules/",
  "%2e%2e%2f",
  "..;",
  "....//",
  "%252e",
  " ",
  "\t",
];

/// `NEXXO_SEED` and `NEXXO_TARGETS` set where it begins and how many there are.
#[test]
fn no_mutation_of_a_target_leads_to_a_secret() {
  let number =
    |name: &str, or: u64| env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(or);
  let (seed, targets) = (number("NEXXO_SEED", 1), number("NEXXO_TARGETS", 100_000));
  let corpus = refused();
  each(|served, command| {
    let mut draw = Draw(seed);
    let mut stream = None;
    for at in 0..targets / 2 {
      let mut target = corpus[draw.below(corpus.len())].clone();
      for _ in 0..=draw.below(4) {
        let places: Vec<usize> =
          target.char_indices().map(|(place, _)| place).chain([target.len()]).collect();
        let place = places[draw.below(places.len())];
        match draw.below(4) {
          0 if place < target.len() => {
            target.remove(place);
          }
          1 => target = target[..place].to_owned() + PIECES[draw.below(PIECES.len())],
          _ => target.insert_str(place, PIECES[draw.below(PIECES.len())]),
        }
      }
      let request = format!("GET {target} HTTP/1.1\r\nHost: localhost:{}\r\n\r\n", served.port);
      let connection = stream.get_or_insert_with(|| {
        let stream = TcpStream::connect(("127.0.0.1", served.port)).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time can be set");
        stream.set_nodelay(true).expect("it can be set");
        stream
      });
      let _ = connection.write_all(request.as_bytes());
      let answer = read_answer(connection);
      assert!(
        !answer.text.contains(CANARY),
        "{command}, NEXXO_SEED={seed}, target {at}: {target:?}\n{}",
        answer.text
      );
      assert_ne!(answer.status, 500, "{command}, NEXXO_SEED={seed}, target {at}: {target:?}");
      // Whatever ended the connection, or left it in the middle of something.
      if answer.status != 200 && answer.status != 404 && answer.status != 403
        || answer.text.contains("connection: close")
      {
        stream = None;
      }
    }
  });
}
