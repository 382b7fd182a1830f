//! Runs one command and prints, as JSON, what the kernel counted for it: wall
//! time, processor time and the largest resident set.
//!
//! `measure <command> <argument>…`. It exists because Node tells none of this
//! about a process that it started, and because the kernel takes the parent's
//! size for the least size of a child: the parent has to be as small as this.
//! What the command prints goes to standard error.

#![expect(clippy::disallowed_methods, reason = "the machine's clock is what this is about")]

use std::{
  env,
  io::{Error, stderr},
  mem::MaybeUninit,
  os::fd::AsFd,
  process::{Command, ExitCode, Stdio},
  time::{Duration, Instant},
};

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a command")]
fn main() -> ExitCode {
  let arguments: Vec<_> = env::args_os().skip(1).collect();
  let Some((program, rest)) = arguments.split_first() else {
    eprintln!("Usage: measure <command> <argument>…");
    return ExitCode::from(2);
  };
  let mut command = Command::new(program);
  command.args(rest).stdin(Stdio::null());
  match measure(&mut command) {
    Ok(Usage { wall, cpu, peak_bytes, code }) => {
      println!(
        r#"{{"wallMs":{:.3},"cpuMs":{:.3},"peakBytes":{peak_bytes},"code":{code}}}"#,
        wall.as_secs_f64() * 1000.0,
        cpu.as_secs_f64() * 1000.0
      );
      ExitCode::SUCCESS
    }
    Err(problem) => {
      eprintln!("`{}` could not be run: {problem}.", program.display());
      ExitCode::FAILURE
    }
  }
}

struct Usage {
  wall: Duration,
  /// Of the command and of every process that it started and waited for.
  cpu: Duration,
  /// Of the largest of them, not of all together.
  peak_bytes: i64,
  /// The exit code, or 128 and the signal that ended the command.
  code: i32,
}

fn measure(command: &mut Command) -> Result<Usage, Error> {
  command.stdout(stderr().as_fd().try_clone_to_owned()?);
  let start = Instant::now();
  let child = command.spawn()?;
  let id = libc::pid_t::try_from(child.id()).map_err(Error::other)?;
  let mut status = 0;
  let mut usage = MaybeUninit::<libc::rusage>::uninit();
  // SAFETY: both pointers are to locals that outlive the call, and the kernel fills `usage` when it gives `id` back.
  let usage = unsafe {
    if libc::wait4(id, &raw mut status, 0, usage.as_mut_ptr()) != id {
      return Err(Error::last_os_error());
    }
    usage.assume_init()
  };
  let wall = start.elapsed();
  let code =
    if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 128 + libc::WTERMSIG(status) };
  // Linux counts in kibibytes, macOS in bytes.
  let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
  Ok(Usage {
    wall,
    cpu: duration(usage.ru_utime) + duration(usage.ru_stime),
    peak_bytes: usage.ru_maxrss * unit,
    code,
  })
}

fn duration(time: libc::timeval) -> Duration {
  // The kernel gives no negative time; which integers it gives differs by system.
  Duration::new(
    u64::try_from(time.tv_sec).unwrap_or_default(),
    1000 * u32::try_from(time.tv_usec).unwrap_or_default(),
  )
}
