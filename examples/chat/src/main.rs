//! A live chat, and live prices: rooms, private messages, presence and history that survive broken
//! connections and a killed server.
//!
//! ```text
//! cargo run --release -p chat -- [OPTION...]
//! ```
//!
//! Then open the address that it prints, in two windows. README.md says more.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::wildcard_enum_match_arm,
    reason = "an example is an application"
)]

mod addresses;
mod app;
mod args;
mod bench;
mod client;
mod commands;
mod connection;
mod flood;
mod held;
mod hub;
mod journal;
mod listener;
mod log;
mod names;
mod prices;
mod protocol;
mod redis;
mod routes;
mod serve;
mod shelf;
#[path = "../../stop.rs"]
mod signals;
mod sse;
mod stop;

use std::error::Error;
use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use sanswire::CloseCode;
use tokio::sync::mpsc;

use crate::app::App;
use crate::args::{Args, Asked, USAGE};
use crate::journal::Journal;
use crate::listener::Listener;
use crate::log::Log;
use crate::redis::Redis;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let asked = match Asked::parse(args.into_iter()) {
        Ok(asked) => asked,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    raise_limit();
    let done = match asked {
        Asked::Bench(receivers) => bench::run(receivers),
        Asked::BenchRaw => bench::serve_raw(),
        Asked::Help => writeln!(std::io::stdout(), "{USAGE}").map_err(Into::into),
        Asked::Serve(args) => serve(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until a signal, then lets everybody go.
#[tokio::main]
async fn serve(args: Args) -> Result<(), Box<dyn Error>> {
    let (sender, updates) = mpsc::channel(UPDATES);
    let log = match &args.redis {
        Some(url) => Log::Shared(Redis::open(url, args.history, sender).await?),
        None => Log::Local(
            Journal::open(&args.data, args.history, sender)
                .map_err(|error| format!("--data {}: {error}", args.data.display()))?,
        ),
    };
    let app = Arc::new(App::new(log, args.rate, prices::begin(), args.origins, args.proxies));
    let passing_on = tokio::spawn({
        let app = Arc::clone(&app);
        async move { app.run(updates).await }
    });
    if args.redis.is_some() {
        let app = Arc::clone(&app);
        tokio::spawn(async move { app.share_presence().await });
    }
    let tls = match &args.tls {
        Some((certificate, key)) => Some(listener::read_tls(certificate, key)?),
        None => None,
    };
    let listener = Listener::bind(args.listen, tls).await.map_err(|error| {
        let remedy = match error.kind() {
            ErrorKind::AddrInUse => ": stop what listens there, or choose another port",
            ErrorKind::PermissionDenied => ": choose a port above 1023",
            _ => "",
        };
        format!("--listen {}: {error}{remedy}", args.listen)
    })?;
    let shutdown = app.shutdown.clone();
    signals::on_signals(move |limit| {
        if limit.is_zero() {
            std::process::exit(1);
        }
        shutdown.begin(CloseCode::GOING_AWAY, "the server stops")
    });
    writeln!(std::io::stdout(), "listening on {}", listener.url()?)?;

    let router = routes::router(Arc::clone(&app));
    tokio::select! {
        () = stop::bounded(serve::serve(listener, router, &app.shutdown), &app.shutdown) => Ok(()),
        // By a fault of this program. Pages would stay connected, and hear nothing more.
        _ = passing_on => Err("the server cannot go on: start it again".into()),
    }
}

/// Allows as many sockets as the system lets this process have: often it begins with 1024.
fn raise_limit() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        // Where it may not be raised, it stays.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
}

/// How many messages may be in the log before they are passed on.
const UPDATES: usize = 1024;
