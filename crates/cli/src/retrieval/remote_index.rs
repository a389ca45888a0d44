//! `polysight index --server`: what is new or changed in a folder goes into a vector store of a server.
//!
//! Files carry what the local store knows of them as attributes, and their paths, so that the next run finds them again. Pictures are
//! uploaded as they are; the server embeds them while the next ones are on their way.

use std::collections::HashMap;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::bail;
use index::{Attributes, Value as Attribute, attributes_from_json, attributes_to_json};
use pixels::Limits;
use serde_json::{Value, json};

use crate::api::{Answer, Api, Upload};
use crate::arguments::retrieval::IndexArguments;
use crate::console::Console;
use crate::environment::Environment;
use crate::exit::Outcome;
use crate::inputs::Source;
use crate::retrieval::index::{Report, say, watch};
use crate::retrieval::remote_store::{RemoteStore, for_each, model_name, text};
use crate::retrieval::survey::{File, Survey};

/// Pictures that are added together: what an interruption may cost at most.
const TOGETHER: usize = 64;

/// How long to wait between two looks at what the server has embedded.
const PAUSE: Duration = Duration::from_millis(200);

/// The longest text of an attribute.
const MOST_CHARACTERS: usize = 512;

/// A picture that the server has of a folder.
struct Held {
    file: String,
    attributes: Attributes,
}

/// Pictures that were uploaded, by the ids of their files.
type Uploaded = HashMap<String, String>;

/// Runs the command against a server.
///
/// # Errors
/// When the command line makes no sense, a folder cannot be read, or the server does not do its part.
pub(crate) fn run(
    server: &str,
    arguments: &IndexArguments,
    environment: &Environment,
) -> anyhow::Result<Outcome> {
    let mut console = Console::new(environment, &arguments.output);
    let api = Api::at("--server", server, arguments.api_key_file.as_deref(), environment)?;
    let name = &arguments.store.store;
    let store = RemoteStore::open(&api, name, model_name(&arguments.model)?)?;
    let mut failed = 0;
    let as_json = arguments.output.json;
    let mut look = |folder: &Path, is_first: bool, console: &mut Console| {
        let began = Instant::now();
        let mut held = HashMap::new();
        let survey = Survey::of(folder, |root| {
            held = store.held(root)?;
            Ok(held.iter().map(|(path, held)| (path.clone(), held.attributes.clone())).collect())
        })?;
        if !is_first && survey.is_idle() {
            return Ok(());
        }
        let mut report = store.carry_out(&survey, &held, console)?;
        report.seconds = began.elapsed().as_secs_f64();
        failed += report.failed();
        let (total, model) = store.state()?;
        say(name, &model, folder, &report, total, as_json, console)
    };
    for folder in &arguments.folders {
        look(folder, true, &mut console)?;
    }
    if arguments.watch {
        watch(&arguments.folders, &mut |folder| look(folder, false, &mut console))?;
    }
    Ok(Outcome::from_failures(failed))
}

impl RemoteStore {
    /// What there is below a folder, by paths.
    fn held(&self, root: &Path) -> anyhow::Result<HashMap<String, Held>> {
        let prefix = root.join("").to_string_lossy().into_owned();
        let mut held = HashMap::new();
        for_each(&self.api, &self.path("/files"), |file| {
            let attributes = file["attributes"].to_string();
            let mut attributes = attributes_from_json(attributes.as_bytes()).unwrap_or_default();
            if let Some(Attribute::Text(path)) = attributes.remove("path")
                && path.starts_with(&prefix)
            {
                held.insert(path, Held { file: text(file, "id")?, attributes });
            }
            Ok(())
        })?;
        Ok(held)
    }

    /// Does what a survey says has to be done.
    fn carry_out(
        &self,
        survey: &Survey,
        held: &HashMap<String, Held>,
        console: &mut Console,
    ) -> anyhow::Result<Report> {
        for problem in &survey.problems {
            console.failed(&problem.place, &problem.message);
        }
        let mut report = Report::of(survey);
        for id in &survey.vanished {
            self.remove(&held[id].file)?;
        }
        console.begin("pictures", survey.changed.len());
        let mut done = 0;
        for files in survey.changed.chunks(TOGETHER) {
            let mut uploaded = Uploaded::new();
            let mut added = Vec::new();
            for file in files {
                match self.upload(file)? {
                    Ok(id) => {
                        added.push(json!({ "file_id": id, "attributes": with_path(file)? }));
                        uploaded.insert(id, file.id.clone());
                    }
                    Err(problem) => {
                        console.failed(&file.id, &problem);
                        report.fail();
                    }
                }
                done += 1;
                console.advance_to(done);
            }
            for (path, problem) in self.add(&added, &uploaded)? {
                console.failed(&path, &problem);
                report.fail();
                uploaded.retain(|_, other| *other != path);
            }
            for file in files {
                // What it was before it changed is no longer true.
                if let Some(old) = held.get(&file.id) {
                    self.remove(&old.file)?;
                }
                if uploaded.values().any(|path| *path == file.id) {
                    report.count(file);
                }
            }
        }
        console.end();
        Ok(report)
    }

    /// Sends a picture; the id of its file, or what is wrong with it.
    fn upload(&self, file: &File) -> anyhow::Result<Result<String, String>> {
        let Source::File(path) = &file.source else { bail!("only files are uploaded") };
        if file.id.chars().count() > MOST_CHARACTERS {
            return Ok(Err(format!("its path is longer than {MOST_CHARACTERS} characters")));
        }
        let bytes = match fs_err::read(path) {
            Ok(bytes) => bytes,
            Err(error) => return Ok(Err(error.to_string())),
        };
        // The server takes texts too, and would take a page that was saved under a picture's name for one.
        if let Err(problem) = pixels::dimensions(&bytes, &Limits::default()) {
            return Ok(Err(problem.to_string()));
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let upload = Upload { name: &name, purpose: "vision", bytes: &bytes };
        Ok(match self.api.upload("files", &upload)? {
            Answer::Success(reply) => Ok(text(&reply, "id")?),
            Answer::Refused { message, .. } => Err(message),
        })
    }

    /// Adds files, waits until they are embedded, and gives those that could not be, with the reasons.
    fn add(&self, files: &[Value], uploaded: &Uploaded) -> anyhow::Result<Vec<(String, String)>> {
        if files.is_empty() {
            return Ok(Vec::new());
        }
        let made = self.api.create(&self.path("/file_batches"), &json!({ "files": files }))?;
        let batch = self.path(&format!("/file_batches/{}", text(&made, "id")?));
        while self.api.get(&batch)?["status"] == "in_progress" {
            sleep(PAUSE);
        }
        let mut problems = Vec::new();
        let mut failed = Vec::new();
        for_each(&self.api, &format!("{batch}/files"), |file| {
            if file["status"] != "completed" {
                let id = text(file, "id")?;
                let problem = file.pointer("/last_error/message").and_then(Value::as_str);
                let problem = problem.unwrap_or("it was not embedded").to_owned();
                problems.push((uploaded.get(&id).cloned().unwrap_or_else(|| id.clone()), problem));
                failed.push(id);
            }
            Ok(())
        })?;
        // So that the next run tries them again.
        failed.iter().try_for_each(|id| self.remove(id))?;
        Ok(problems)
    }

    /// Removes a file from the store and from the server.
    fn remove(&self, file: &str) -> anyhow::Result<()> {
        self.api.delete(&format!("files/{file}"))
    }
}

/// A file's attributes with its path.
fn with_path(file: &File) -> anyhow::Result<Value> {
    let mut attributes = file.attributes.clone();
    attributes.insert("path".to_owned(), file.id.as_str().into());
    Ok(serde_json::from_str(&attributes_to_json(&attributes))?)
}
