//! `nexxo preview`: the output of a build, as a plain host would serve it.

use std::{path::PathBuf, sync::Arc};

use hyper::StatusCode;

use crate::{
  args::PreviewArgs,
  build::{Builder, Outcome},
  config::Project,
  host::{Interrupt, NativeHost},
  message::no_output,
  report,
  serve::{
    BoxFuture, Reply, Site,
    door::{Door, Refusal, ServedPath},
    html,
    http::Server,
    listen,
    options::Settings,
    tls,
  },
};

const DEFAULT_PORT: u16 = 4173;

pub(crate) async fn run(args: PreviewArgs, shell_cwd: PathBuf) -> Outcome {
  let builder = Builder {
    args: args.build(),
    shell_cwd,
    host: Arc::new(NativeHost::new()),
    interrupt: Interrupt::listen(),
  };
  match serve(&builder, &args).await {
    Ok(()) => Outcome::Done,
    Err(mistakes) => builder.refuse(&mistakes),
  }
}

async fn serve(
  builder: &Builder,
  args: &PreviewArgs,
) -> Result<(), Vec<nexxo::protocol::Diagnostic>> {
  let project = Project::open(&builder.args, &builder.shell_cwd)?;
  // What a preview is not told, it has from the development server.
  let mut options = project.command.server.clone();
  options.take_over(&project.command.preview);
  args.server.put_into(&mut options);
  let settings = Settings::new(&options, project.command.base.as_deref(), DEFAULT_PORT)?;
  let door =
    Door::new(&project.out_dir).map_err(|_| vec![no_output(&builder.shown(&project.out_dir))])?;
  let tls = match &settings.https {
    Some(https) => Some(tls::Acceptor::new(https, &project.cwd).map_err(|mistake| vec![mistake])?),
    None => None,
  };
  let listener = listen::bind(&settings).await.map_err(|mistake| vec![mistake])?;
  let addresses = listen::addresses(&listener, &settings);
  report::served("The output is served at", &addresses);
  if settings.open {
    listen::open(&addresses);
  }
  let server = Arc::new(Server { settings, site: Arc::new(Output { door }) });
  let interrupt = builder.interrupt.token();
  tokio::select! {
    () = interrupt.cancelled() => {}
    () = listen::serve(listener, server, tls) => {}
  }
  Ok(())
}

struct Output {
  door: Door,
}

impl Site for Output {
  fn get<'a>(
    &'a self,
    path: &'a ServedPath,
    is_navigation: bool,
  ) -> BoxFuture<'a, Result<Reply, Refusal>> {
    Box::pin(std::future::ready(self.find(path, is_navigation)))
  }
}

impl Output {
  fn find(&self, path: &ServedPath, is_navigation: bool) -> Result<Reply, Refusal> {
    match self.door.read(path) {
      Ok(bytes) => return Ok(Reply::new(path.as_str(), bytes)),
      Err(Refusal::NotFound) => {}
      Err(refusal) => return Err(refusal),
    }
    for page in html::candidates(path, is_navigation) {
      let Ok(page) = ServedPath::read(&format!("/{page}")) else { continue };
      if let Ok(bytes) = self.door.read(&page) {
        return Ok(Reply { status: StatusCode::OK, ..Reply::new("page.html", bytes) });
      }
    }
    Err(Refusal::NotFound)
  }
}
