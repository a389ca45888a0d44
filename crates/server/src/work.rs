//! From the parts of a request to vectors: fetch, look up, admit, decode, queue.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use ledger::Tier;
use pixels::{ErrorKind, PixelsError, RgbImage};
use sha2::{Digest, Sha256};
use tokens::Encoding;
use tokio::sync::oneshot;
use weights::Tower;

use crate::admission::Ticket;
use crate::app::{App, DECODING_UNIT};
use crate::bill::{Measured, Origin};
use crate::caches::{Hash, Key};
use crate::call::Call;
use crate::error::{ApiError, image_error_code};
use crate::fetch::{FetchError, FetchErrorKind};
use crate::input::{Content, ImageSource, Part, read_files};
use crate::line::{Line, Place};
use crate::loaded::LoadedModel;
use crate::metrics::Stage;
use crate::queue::{Computed, Lane, QueueError};
use crate::uploads::no_file;

/// Parts of one request that are on their way at once: two batches, so that others come in between.
const PARTS_AT_ONCE: usize = 32;

/// A long text is tokenised beside the runtime.
const SHORT_TEXT: usize = 4096;

/// Which tower a vector came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Image,
}

/// A part's vector.
#[derive(Clone, Debug)]
pub(crate) struct Embedded {
    /// Of length 1.
    pub(crate) row: Arc<[f32]>,
    pub(crate) kind: Kind,
    /// Of a text, ends included.
    pub(crate) tokens: usize,
    /// Whether it was computed before.
    pub(crate) cached: bool,
    pub(crate) times: Times,
}

/// Where the time of a part went.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    pub(crate) decode: Duration,
    pub(crate) queue: Duration,
    pub(crate) engine: Duration,
}

impl Times {
    /// The longest of each.
    pub(crate) fn longest(self, other: Self) -> Self {
        Self {
            decode: self.decode.max(other.decode),
            queue: self.queue.max(other.queue),
            engine: self.engine.max(other.engine),
        }
    }
}

/// A vector for each part, or why it has none. The order is that of the parts. The call pays for those that have one.
///
/// # Errors
/// When the whole request cannot be served: too much waits already, the caller's allowance is used up, or it cannot pay.
pub(crate) async fn embed_each(
    call: &Call,
    model: &Arc<LoadedModel>,
    parts: Vec<Part>,
) -> Result<Vec<Result<Embedded, ApiError>>, ApiError> {
    let works = begin(call, model, parts).await?;
    let rows = stream::iter(works).buffered(PARTS_AT_ONCE).collect::<Vec<_>>().await;
    call.bill.measure(measured(rows.iter().flatten()));
    Ok(rows)
}

/// A vector for each part, in order. The first part that fails ends the work on all.
///
/// # Errors
/// Those of [`embed_each`], and that of a part.
pub(crate) async fn embed_all(
    call: &Call,
    model: &Arc<LoadedModel>,
    parts: Vec<Part>,
) -> Result<Vec<Embedded>, ApiError> {
    let works = begin(call, model, parts).await?;
    let rows = stream::iter(works).buffered(PARTS_AT_ONCE).try_collect::<Vec<_>>().await?;
    call.bill.measure(measured(&rows));
    Ok(rows)
}

/// What good parts took.
fn measured<'a>(rows: impl IntoIterator<Item = &'a Embedded>) -> Measured {
    let (mut images, mut cached, mut texts) = (0, 0, 0);
    for row in rows {
        match (row.kind, row.cached) {
            (Kind::Text, _) => texts += 1,
            (Kind::Image, true) => cached += 1,
            (Kind::Image, false) => images += 1,
        }
    }
    Measured::new(images, cached, texts)
}

/// The works on all parts, once there is room for them and the most that they may cost is set aside.
async fn begin(
    call: &Call,
    model: &Arc<LoadedModel>,
    mut parts: Vec<Part>,
) -> Result<Vec<impl Future<Output = Result<Embedded, ApiError>> + use<>>, ApiError> {
    let known = |content: &Hash| {
        call.app.images.get(&Key { generation: model.generation, content: *content }).is_some()
    };
    read_files(&call.app, &call.bill, &mut parts, known).await?;
    let stations = stations(&call.app, model, parts).await?;
    let images = stations.iter().filter(|station| station.is_waiting_image()).count() as u64;
    let texts = stations.iter().filter(|station| matches!(station, Station::Text(..))).count();
    let works = admit(call, model, stations)?;
    call.bill.reserve(&call.app, &model.description.id, images, texts as u64).await?;
    Ok(works)
}

/// The works on all parts, once they are let in together.
fn admit(
    call: &Call,
    model: &Arc<LoadedModel>,
    stations: Vec<Station>,
) -> Result<Vec<impl Future<Output = Result<Embedded, ApiError>> + use<>>, ApiError> {
    let lane = match call.bill.tier() {
        Tier::Standard => Lane::of(stations.len()),
        Tier::Batch => Lane::Bulk,
    };
    let images = stations.iter().filter(|station| station.is_image()).count();
    let works = enter(&call.app, model, lane, stations, call.bill.origin())?;
    // An account's minute is in the database; a batch's lines have none.
    if call.bill.payer().is_none() && call.bill.origin() == Origin::Client {
        call.app.rates.images(call.caller, images)?;
    }
    Ok(works)
}

/// Vectors of pictures that were paid for before, such as examples of label sets, in order.
///
/// # Errors
/// When too much waits already, or one of them cannot be embedded.
pub(crate) async fn embed_unpaid(
    app: &Arc<App>,
    model: &Arc<LoadedModel>,
    pictures: Vec<Bytes>,
) -> Result<Vec<Arc<[f32]>>, ApiError> {
    let part = |(item, bytes)| {
        let content = Ok(Content::Image(ImageSource::Bytes(bytes)));
        Part { content, place: "label_set".to_owned(), item }
    };
    let parts = pictures.into_iter().enumerate().map(part).collect();
    let stations = stations(app, model, parts).await?;
    let works = enter(app, model, Lane::of(stations.len()), stations, Origin::Client)?;
    let rows = stream::iter(works).buffered(PARTS_AT_ONCE).map_ok(|embedded| embedded.row);
    rows.try_collect().await
}

/// A picture or text that somebody pays for elsewhere, behind everything that people wait for.
///
/// # Errors
/// When too much waits already, or it cannot be embedded.
pub(crate) async fn embed_in_background(
    app: &Arc<App>,
    model: &Arc<LoadedModel>,
    content: Content,
) -> Result<Embedded, ApiError> {
    let part = Part { content: Ok(content), place: "file".to_owned(), item: 0 };
    let stations = stations(app, model, vec![part]).await?;
    let works = enter(app, model, Lane::Bulk, stations, Origin::Line)?;
    let mut rows: Vec<Embedded> = stream::iter(works).buffered(1).try_collect().await?;
    rows.pop().ok_or_else(|| ApiError::internal("a part has no row"))
}

/// The works on all parts, each with what it has of the budgets.
fn enter(
    app: &Arc<App>,
    model: &Arc<LoadedModel>,
    lane: Lane,
    stations: Vec<Station>,
    origin: Origin,
) -> Result<Vec<impl Future<Output = Result<Embedded, ApiError>> + use<>>, ApiError> {
    let waiting = stations.iter().filter(|station| station.is_waiting_image()).count();
    let texts = stations.iter().filter(|station| matches!(station, Station::Text(..))).count();
    let pixels = stations.iter().map(Station::pixels).sum::<u64>();
    let mut pixels = enter_budget(app, pixels, origin)?;
    let mut image_line = enter_line(app, &model.image_line, lane, waiting)?;
    let mut text_line = enter_line(app, &model.text_line, lane, texts)?;
    let works = stations.into_iter().map(|station| {
        let admitted = Admitted {
            pixels: pixels.as_mut().map(|ticket| ticket.split(station.pixels())),
            _place: match &station {
                Station::Text(..) => text_line.as_mut().map(Place::split),
                waiting if waiting.is_waiting_image() => image_line.as_mut().map(Place::split),
                _ => None,
            },
        };
        run(Arc::clone(app), Arc::clone(model), lane, station, admitted)
    });
    Ok(works.collect())
}

/// What one part has of the budgets, until it has its vector.
struct Admitted {
    pixels: Option<Ticket>,
    _place: Option<Place>,
}

/// A ticket for pixels that have to wait; none when nothing does.
fn enter_budget(app: &App, pixels: u64, origin: Origin) -> Result<Option<Ticket>, ApiError> {
    if pixels == 0 {
        return Ok(None);
    }
    let ticket = match origin {
        Origin::Client => app.pixels.enter(pixels),
        Origin::Line => app.pixels.enter_behind(pixels),
    };
    ticket.map(Some).ok_or_else(|| {
        ApiError::busy("queue_full", "too many pixels are waiting already; try again", 1)
    })
}

/// A place in a tower's line; none when nothing has to wait.
///
/// # Errors
/// 429 when the wait would be too long, with the time after which it is not.
pub(crate) fn enter_line(
    app: &App,
    line: &Arc<Line>,
    lane: Lane,
    count: usize,
) -> Result<Option<Place>, ApiError> {
    if count == 0 {
        return Ok(None);
    }
    line.enter(lane, count, app.longest_wait).map(Some).map_err(ApiError::too_long)
}

/// How far a part is when the request is admitted.
enum Station {
    Failed(ApiError),
    Text(String, String),
    /// In the cache.
    Found(Arc<[f32]>),
    Fetch {
        url: String,
        place: String,
    },
    Decode(Picture),
}

/// A picture that is not in the cache.
struct Picture {
    bytes: Bytes,
    key: Key,
    pixels: u64,
    place: String,
}

impl Station {
    fn is_image(&self) -> bool {
        matches!(self, Self::Fetch { .. } | Self::Decode(_) | Self::Found(_))
    }

    /// Whether it needs the engine.
    fn is_waiting_image(&self) -> bool {
        matches!(self, Self::Fetch { .. } | Self::Decode(_))
    }

    /// A picture on the web counts as one pixel until its size is known.
    fn pixels(&self) -> u64 {
        match self {
            Self::Decode(picture) => picture.pixels,
            Self::Fetch { .. } => 1,
            _ => 0,
        }
    }
}

/// Hashes and headers are read on a blocking thread: a body may hold 64 MiB of pictures.
async fn stations(
    app: &Arc<App>,
    model: &Arc<LoadedModel>,
    parts: Vec<Part>,
) -> Result<Vec<Station>, ApiError> {
    let (app, model) = (Arc::clone(app), Arc::clone(model));
    let has_bytes = |part: &Part| matches!(part.content, Ok(Content::Image(ImageSource::Bytes(_))));
    let heavy = parts.iter().any(has_bytes);
    let all = move || parts.into_iter().map(|part| station(&app, &model, part)).collect::<Vec<_>>();
    if !heavy {
        return Ok(all());
    }
    tokio::task::spawn_blocking(all).await.map_err(|_| failed_decoder())
}

fn station(app: &App, model: &LoadedModel, part: Part) -> Station {
    let place = part.place;
    let missing = |tower| {
        let has = model.backend.dimension(tower).is_some();
        (!has).then(|| {
            let id = &model.description.id;
            let name = if tower == Tower::Vision { "vision" } else { "text" };
            let message = format!("the model {id} has no {name} tower");
            Station::Failed(ApiError::invalid("missing_tower", message).at(place.clone()))
        })
    };
    match part.content {
        Err(error) => Station::Failed(error),
        Ok(Content::Text(text)) => {
            missing(Tower::Text).unwrap_or_else(|| Station::Text(text, place.clone()))
        }
        Ok(Content::Image(source)) => {
            if let Some(failed) = missing(Tower::Vision) {
                return failed;
            }
            match source {
                ImageSource::Url(url) => Station::Fetch { url, place },
                ImageSource::Held(content) => {
                    let key = Key { generation: model.generation, content };
                    app.images.get(&key).map_or_else(
                        || {
                            let message = "the server no longer holds an image of this sha256";
                            let error = ApiError::not_found("image_not_found", message);
                            Station::Failed(error.at(place))
                        },
                        Station::Found,
                    )
                }
                ImageSource::Bytes(bytes) => look_up(app, model, bytes, place),
                // Read before, or never found.
                ImageSource::File(id) => Station::Failed(no_file(&id).at(place)),
            }
        }
    }
}

/// The cache, else the header.
fn look_up(app: &App, model: &LoadedModel, bytes: Bytes, place: String) -> Station {
    let content: Hash = Sha256::digest(&bytes).into();
    let key = Key { generation: model.generation, content };
    if let Some(row) = app.images.get(&key) {
        return Station::Found(row);
    }
    match pixels::dimensions(&bytes, &app.image_limits) {
        Ok(dimensions) => {
            Station::Decode(Picture { bytes, key, pixels: dimensions.pixels(), place })
        }
        Err(error) => Station::Failed(undecoded(&error).at(place)),
    }
}

async fn run(
    app: Arc<App>,
    model: Arc<LoadedModel>,
    lane: Lane,
    station: Station,
    mut admitted: Admitted,
) -> Result<Embedded, ApiError> {
    let station = match station {
        Station::Fetch { url, place } => {
            let found = fetched(&app, &model, &url, place).await?;
            if let Some(ticket) = &mut admitted.pixels {
                ticket.grow(found.pixels());
            }
            found
        }
        other => other,
    };
    match station {
        Station::Failed(error) => Err(error),
        Station::Found(row) => {
            let times = Times::default();
            Ok(Embedded { row, kind: Kind::Image, tokens: 0, cached: true, times })
        }
        Station::Text(text, place) => {
            let embedded = embed_text(&model, lane, text).await;
            embedded.map_err(|error| error.at(place))
        }
        Station::Decode(picture) => embed_picture(&app, &model, lane, picture).await,
        Station::Fetch { .. } => unreachable!("what was fetched is bytes"),
    }
}

/// Gets a picture of the web as far as one that came in the request.
async fn fetched(
    app: &Arc<App>,
    model: &Arc<LoadedModel>,
    url: &str,
    place: String,
) -> Result<Station, ApiError> {
    let bytes = fetch(app, url).await.map_err(|error| error.at(place.clone()))?;
    let (app, model) = (Arc::clone(app), Arc::clone(model));
    let look_up = move || look_up(&app, &model, bytes, place);
    tokio::task::spawn_blocking(look_up).await.map_err(|_| failed_decoder())
}

/// The bytes of a picture of the web.
///
/// # Errors
/// When it may not be fetched, cannot be, or is none.
pub(crate) async fn fetch(app: &App, url: &str) -> Result<Bytes, ApiError> {
    let _permit = app.fetches.acquire().await.map_err(|_| failed_decoder())?;
    let began = Instant::now();
    let fetched = app.fetcher.fetch(url).await;
    app.metrics.stage(Stage::Fetch, began.elapsed());
    fetched.map_err(|error| unfetched(&error))
}

async fn embed_picture(
    app: &Arc<App>,
    model: &Arc<LoadedModel>,
    lane: Lane,
    picture: Picture,
) -> Result<Embedded, ApiError> {
    let Picture { bytes, key, pixels, place } = picture;
    let closed = |_| failed_decoder();
    let _place = Arc::clone(model.places(lane)).acquire_owned().await.map_err(closed)?;
    let thread = Arc::clone(&app.decoders).acquire_owned().await.map_err(closed)?;
    let units = (pixels.div_ceil(DECODING_UNIT) as u32).clamp(1, app.decoding_units);
    let memory = Arc::clone(&app.decoding).acquire_many_owned(units).await.map_err(closed)?;
    let (answer, decoded) = oneshot::channel();
    let decoder = Arc::clone(model);
    tokio::task::spawn_blocking(move || {
        // Given back when the decoder has ended, also when the caller has gone.
        let _permits = [thread, memory];
        if answer.is_closed() {
            return;
        }
        let began = Instant::now();
        let prepare = std::panic::AssertUnwindSafe(|| decoder.backend.prepare(&bytes));
        let prepared = std::panic::catch_unwind(prepare);
        let _gone = answer.send(Decoded { prepared: prepared.ok(), took: began.elapsed() });
    });
    let Decoded { prepared, took } = decoded.await.map_err(|_| failed_decoder())?;
    app.metrics.stage(Stage::Decode, took);
    let prepared = prepared.ok_or_else(failed_decoder)?;
    let picture = prepared.map_err(|error| undecoded(&error).at(place.clone()))?;
    let computed = model.images.embed(picture, lane).await;
    let computed = computed.map_err(|error| uncomputed(&error).at(place.clone()))?;
    let Computed { row, waited, engine } = finite(computed).map_err(|error| error.at(place))?;
    let row = Arc::<[f32]>::from(row);
    app.images.insert(key, Arc::clone(&row));
    let times = Times { decode: took, queue: waited, engine };
    Ok(Embedded { row, kind: Kind::Image, tokens: 0, cached: false, times })
}

struct Decoded {
    /// `None` when the decoder panicked.
    prepared: Option<Result<RgbImage, PixelsError>>,
    took: Duration,
}

/// Embeds one text.
///
/// # Errors
/// When the model has no usable tokenizer, or its engine fails.
pub(crate) async fn embed_text(
    model: &Arc<LoadedModel>,
    lane: Lane,
    text: String,
) -> Result<Embedded, ApiError> {
    let encoding = tokenize(model, text).await?;
    let tokens = encoding.tokens;
    let computed = model.texts.embed(encoding, lane).await.map_err(|error| uncomputed(&error))?;
    let Computed { row, waited, engine } = finite(computed)?;
    let times = Times { decode: Duration::ZERO, queue: waited, engine };
    Ok(Embedded { row: row.into(), kind: Kind::Text, tokens, cached: false, times })
}

async fn tokenize(model: &Arc<LoadedModel>, text: String) -> Result<Encoding, ApiError> {
    let encoded = if text.len() <= SHORT_TEXT {
        model.backend.tokenize(&text)
    } else {
        let model = Arc::clone(model);
        let encode = move || model.backend.tokenize(&text);
        tokio::task::spawn_blocking(encode).await.map_err(|_| failed_decoder())?
    };
    encoded.map_err(|error| ApiError::internal(error.to_string()))
}

/// The model's own numbers may be broken.
fn finite(computed: Computed) -> Result<Computed, ApiError> {
    if computed.row.iter().all(|value| value.is_finite()) {
        return Ok(computed);
    }
    let mut error = ApiError::internal("the model's embedding of it is not finite");
    error.object.code = Some("embedding_not_finite");
    Err(error)
}

fn undecoded(error: &PixelsError) -> ApiError {
    let (code, message) = (image_error_code(error.kind()), error.to_string());
    match error.kind() {
        ErrorKind::TooLarge => ApiError::too_large(code, message),
        ErrorKind::Unsupported => ApiError::unsupported(code, message),
        _ => ApiError::undecodable(code, message),
    }
}

fn unfetched(error: &FetchError) -> ApiError {
    let message = error.to_string();
    match error.kind() {
        FetchErrorKind::TooLarge => ApiError::too_large("image_too_large", message),
        FetchErrorKind::NotAnImage => ApiError::unsupported("image_unsupported", message),
        FetchErrorKind::Failed => ApiError::undecodable("url_failed", message),
        FetchErrorKind::TimedOut => ApiError::undecodable("url_timeout", message),
        FetchErrorKind::Off => ApiError::invalid("url_off", message),
        _ => ApiError::invalid("url_refused", message),
    }
}

fn uncomputed(error: &QueueError) -> ApiError {
    match error {
        QueueError::Closed => ApiError::unavailable("model_closed", error.to_string(), 1),
        QueueError::Engine(_) | QueueError::Panicked => {
            tracing::error!(%error, "the engine failed");
            ApiError::internal(error.to_string())
        }
    }
}

fn failed_decoder() -> ApiError {
    ApiError::internal("the decoder failed; this is a bug of polysight, please report it")
}
