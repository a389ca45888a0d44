//! From settings to a served address, and to the end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use hyper_util::server::graceful::GracefulShutdown;
use store::StoreError;
use tokio::sync::{Semaphore, watch};

use crate::accounts::{Accounts, BEAT};
use crate::app::App;
use crate::archive::Archive;
use crate::fetch::LOOKUPS_AT_ONCE;
use crate::listen::{self, Listener, StopSignals};
use crate::router;
use crate::settings::{Auth, Loading, Settings};
use crate::{ModelSpec, health, vector_stores};

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The system's words.
        source: std::io::Error,
    },
    /// The certificate or its key is not usable.
    #[error("TLS: {0}")]
    Tls(String),
    /// A file or a thread.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The accounts.
    #[error("accounts: {0}")]
    Accounts(String),
    /// Nothing to serve.
    #[error("there is no model to serve")]
    NoModel,
    /// Each of the models that load at the start failed to.
    #[error("no model could be loaded; the log says why")]
    NoModelLoaded,
    /// Two models or aliases have the same name.
    #[error("two models are called {0:?}")]
    NameTwice(String),
}

/// Told once the server answers: it listens, and the models that load at the start are loaded.
#[derive(Debug)]
pub struct Serving {
    /// With the ports that the system chose.
    pub addresses: Vec<SocketAddr>,
    /// The first model that answers, or that will when it is asked for.
    pub model: String,
}

/// Serves until the process is told to stop, then finishes what was accepted. `serving` is called at most once. Whoever
/// connects before that is answered too: 503 while the model loads.
///
/// # Errors
/// When the settings make no sense, an address or a certificate is not usable, or no model can be loaded at the start.
pub fn run(settings: Settings, serving: impl FnOnce(&Serving)) -> Result<(), ServerError> {
    check_names(&settings.models)?;
    let cores = available_parallelism().map_or(1, std::num::NonZero::get);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.clamp(1, 8))
        // Decoders and lookups have permits of their own; the rest parse bodies, tokenise and load models.
        .max_blocking_threads(2 * cores + 16 + LOOKUPS_AT_ONCE)
        .enable_all()
        .build()?;
    let result = runtime.block_on(serve(settings, cores, serving));
    // A decoder that is still at work for a caller who has gone is not waited for.
    runtime.shutdown_timeout(Duration::from_secs(1));
    result
}

async fn serve(
    mut settings: Settings,
    cores: usize,
    serving: impl FnOnce(&Serving),
) -> Result<(), ServerError> {
    let mut signals = StopSignals::listen()?;
    let tls = settings.tls.as_ref().map(listen::tls).transpose()?;
    let (archive, accounts) = match std::mem::take(&mut settings.auth) {
        Auth::Accounts(accounts) => {
            settings.auth = Auth::Keys(Vec::new());
            let failed = |error: StoreError| ServerError::Accounts(error.to_string());
            let place = settings.archive.as_ref();
            let place =
                place.ok_or_else(|| ServerError::Accounts("there is no place".to_owned()))?;
            let archive = Archive::open(place).await.map_err(failed)?;
            let accounts = Accounts::open(&archive, *accounts, settings.rates).await;
            (Some(Arc::new(archive)), Some(accounts.map_err(failed)?))
        }
        auth => {
            settings.auth = auth;
            (None, None)
        }
    };
    let app = App::new(&mut settings, archive, accounts, cores);
    let mut sockets = Vec::new();
    for address in &settings.addresses {
        sockets.push(listen::bind(*address).await?);
    }
    let addresses = sockets.iter().map(tokio::net::TcpListener::local_addr);
    let addresses = addresses.collect::<Result<Vec<_>, _>>()?;
    if settings.loading == Loading::AtStart {
        app.registry.entries().iter().for_each(|entry| app.registry.load(entry));
    }
    let listener = Arc::new(Listener {
        router: router::router(&app, &settings.cors_origins, settings.request_timeout),
        full: router::full(&app, &settings.cors_origins),
        turned_away: Arc::new(Semaphore::new(listen::TURNED_AWAY_AT_ONCE)),
        app: Arc::clone(&app),
        tls,
        connections: Arc::new(Semaphore::new(settings.admission.connections)),
    });
    let (stop, stopped) = watch::channel(false);
    let graceful = Arc::new(GracefulShutdown::new());
    let accepting = sockets.into_iter().map(|socket| {
        let listener = Arc::clone(&listener);
        tokio::spawn(listener.accept(socket, Arc::clone(&graceful), stopped.clone()))
    });
    let accepting = accepting.collect::<Vec<_>>();
    let care = tokio::spawn(take_care(Arc::clone(&app), settings.idle_timeout));
    // By itself: a canary that waits for a busy engine must not make this server look dead.
    let beating = tokio::spawn(beat(Arc::clone(&app)));
    tokio::select! {
        model = app.registry.settled() => {
            let model = model.ok_or(ServerError::NoModelLoaded)?;
            serving(&Serving { addresses, model });
            signals.next().await;
        }
        () = signals.next() => {}
    }
    tracing::info!("stopping: no new connections, finishing what was accepted");
    app.health.stop();
    let _nobody_listens = stop.send(true);
    for task in accepting {
        let _ended = task.await;
    }
    care.abort();
    let graceful = Arc::into_inner(graceful).expect("the accepting tasks have ended");
    tokio::select! {
        () = graceful.shutdown() => tracing::info!("stopped"),
        () = tokio::time::sleep(settings.shutdown_timeout) => {
            tracing::warn!("stopped with open connections: the time for them is over");
        }
        () = signals.next() => tracing::warn!("stopped at once: told twice"),
    }
    // It beats until the last answer is settled.
    beating.abort();
    app.vector_stores.stop().await;
    if let Some(archive) = app.archive.opened() {
        archive.leave().await;
    }
    Ok(())
}

/// Says that this server is alive, to those that share its database.
async fn beat(app: Arc<App>) {
    let mut beats = tokio::time::interval(BEAT);
    loop {
        beats.tick().await;
        if let Some(archive) = app.archive.opened()
            && let Err(error) = archive.beat(&app.metrics).await
        {
            tracing::error!(%error, "the database");
        }
        if let Some(accounts) = &app.accounts {
            accounts.care().await;
        }
        vector_stores::look_for_work(&app).await;
    }
}

/// Drops idle models and asks the canaries, as long as the server runs.
async fn take_care(app: Arc<App>, idle_timeout: Option<Duration>) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    let mut last_check = tokio::time::Instant::now();
    loop {
        ticks.tick().await;
        if let Some(timeout) = idle_timeout {
            app.registry.drop_idle(timeout);
        }
        if last_check.elapsed() >= health::INTERVAL {
            health::check(&app).await;
            last_check = tokio::time::Instant::now();
        }
    }
}

fn check_names(models: &[ModelSpec]) -> Result<(), ServerError> {
    if models.is_empty() {
        return Err(ServerError::NoModel);
    }
    let mut names = std::collections::HashSet::new();
    let all = models.iter().flat_map(|model| std::iter::once(&model.id).chain(&model.aliases));
    for name in all {
        if !names.insert(name) {
            return Err(ServerError::NameTwice(name.clone()));
        }
    }
    Ok(())
}
