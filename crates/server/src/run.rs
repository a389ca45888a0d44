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
use crate::batches;
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
    /// The database of a worker.
    #[error("{0}")]
    Archive(String),
    /// A worker has no database that servers share.
    #[error(
        "a worker needs a PostgreSQL that it shares with servers (--database postgres://USER:PASSWORD@HOST/DATABASE); \
         a server that keeps its data in a file works on its batches itself"
    )]
    NotShared,
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
    within_runtime(&settings.models.clone(), async |cores| serve(settings, cores, serving).await)
}

fn within_runtime(
    models: &[ModelSpec],
    main: impl AsyncFnOnce(usize) -> Result<(), ServerError>,
) -> Result<(), ServerError> {
    check_names(models)?;
    let cores = available_parallelism().map_or(1, std::num::NonZero::get);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.clamp(1, 8))
        // Decoders and lookups have permits of their own; the rest parse bodies, tokenise and load models.
        .max_blocking_threads(2 * cores + 16 + LOOKUPS_AT_ONCE)
        .enable_all()
        .build()?;
    let result = runtime.block_on(main(cores));
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
    let (archive, accounts) = open(&mut settings).await?;
    let app = App::new(&mut settings, archive, accounts, cores);
    if settings.batch_lines > 0 {
        app.archive.open_if_there().await;
    }
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
    let batches = batches::work(Arc::clone(&app), settings.batch_lines, stop.subscribe());
    let batches = tokio::spawn(batches);
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
    let finished = async {
        graceful.shutdown().await;
        let _ended = batches.await;
    };
    tokio::select! {
        () = finished => tracing::info!("stopped"),
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

/// The database that is open from the start, and the accounts in it.
async fn open(
    settings: &mut Settings,
) -> Result<(Option<Arc<Archive>>, Option<Accounts>), ServerError> {
    if let Some(vectors) = settings.archive.as_ref().and_then(|archive| archive.vectors.clone()) {
        // It may come later, and files wait for it; but whoever mistyped its address should hear of it now.
        tokio::task::spawn_blocking(move || {
            if let Err(error) = vectors.check() {
                tracing::warn!(%error, "vector stores cannot be filled now");
            }
        });
    }
    match std::mem::take(&mut settings.auth) {
        Auth::Accounts(accounts) => {
            settings.auth = Auth::Keys(Vec::new());
            let failed = |error: StoreError| ServerError::Accounts(error.to_string());
            let place = settings.archive.as_ref();
            let place =
                place.ok_or_else(|| ServerError::Accounts("there is no place".to_owned()))?;
            let archive = Archive::open(place).await.map_err(failed)?;
            let accounts = Accounts::open(&archive, *accounts, settings.rates).await;
            Ok((Some(Arc::new(archive)), Some(accounts.map_err(failed)?)))
        }
        auth => {
            settings.auth = auth;
            Ok((None, None))
        }
    }
}

/// Told once a worker works: the database is open, and the models that load at the start are loaded.
#[derive(Debug)]
pub struct Working {
    /// The first model that answers, or that will when it is asked for.
    pub model: String,
}

/// Works on the batches of a database that servers share, and answers nobody, until the process is told to stop; then it
/// finishes the lines that are on their way. `working` is called at most once.
///
/// # Errors
/// When the settings make no sense, the database cannot be opened or is a file, which its server works on, or no model can be
/// loaded at the start.
pub fn work(settings: Settings, working: impl FnOnce(&Working)) -> Result<(), ServerError> {
    let shared = settings.archive.as_ref().map(|archive| &archive.location);
    if !matches!(shared, Some(store::Location::Postgres(_))) {
        return Err(ServerError::NotShared);
    }
    within_runtime(&settings.models.clone(), async |cores| {
        work_within(settings, cores, working).await
    })
}

async fn work_within(
    mut settings: Settings,
    cores: usize,
    working: impl FnOnce(&Working),
) -> Result<(), ServerError> {
    let mut signals = StopSignals::listen()?;
    let (archive, accounts) = open(&mut settings).await?;
    let app = App::new(&mut settings, archive, accounts, cores);
    let archive = app.archive().await;
    let archive =
        archive.map_err(|error| ServerError::Archive(error.object.message.into_owned()))?;
    if settings.loading == Loading::AtStart {
        app.registry.entries().iter().for_each(|entry| app.registry.load(entry));
    }
    let (stop, stopped) = watch::channel(false);
    let care = tokio::spawn(take_care(Arc::clone(&app), settings.idle_timeout));
    let beating = tokio::spawn(beat(Arc::clone(&app)));
    let model = app.registry.settled().await.ok_or(ServerError::NoModelLoaded)?;
    let batches = batches::work(Arc::clone(&app), settings.batch_lines, stopped);
    let batches = tokio::spawn(batches);
    working(&Working { model });
    signals.next().await;
    tracing::info!("stopping: finishing the lines that are on their way");
    let _nobody_listens = stop.send(true);
    care.abort();
    tokio::select! {
        _ended = batches => tracing::info!("stopped"),
        () = tokio::time::sleep(settings.shutdown_timeout) => {
            tracing::warn!("stopped with lines on their way: the time for them is over");
        }
        () = signals.next() => tracing::warn!("stopped at once: told twice"),
    }
    beating.abort();
    archive.leave().await;
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
