//! What a training says of each step, a line of JSON each.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::TrainError;
use crate::trainer::StepReport;

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Counted over all stages, from 1.
    pub step: u64,
    /// The stage's name.
    pub stage: String,
    /// The learning rate.
    pub rate: f32,
    /// What the step found.
    #[serde(flatten)]
    pub report: StepReport,
    /// Seconds that the step waited for its batch.
    pub waited: f64,
    /// Of the whole step.
    pub pictures_per_second: f64,
}

/// `log.jsonl` of a training.
pub(crate) struct Log {
    file: fs_err::File,
}

impl Log {
    /// The log up to step `total`: lines of steps that are made again are taken away.
    pub(crate) fn open(folder: &Path, total: u64) -> Result<Self, TrainError> {
        let path = folder.join("log.jsonl");
        let mut kept = Vec::new();
        if path.exists() {
            for line in BufReader::new(fs_err::File::open(&path)?).lines() {
                let line = line?;
                // A line that was cut off by the end of the process is of a step after the checkpoint.
                let Ok(parsed) = serde_json::from_str::<Line>(&line) else { break };
                if parsed.step > total {
                    break;
                }
                kept.extend_from_slice(line.as_bytes());
                kept.push(b'\n');
            }
        }
        let unfinished = folder.join(".log.jsonl");
        let mut file = fs_err::File::create(&unfinished)?;
        file.write_all(&kept)?;
        file.sync_all()?;
        fs_err::rename(&unfinished, &path)?;
        Ok(Self { file })
    }

    pub(crate) fn write(&mut self, line: &Line) -> Result<(), TrainError> {
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        Ok(self.file.write_all(text.as_bytes())?)
    }

    /// Forces it to the disk.
    pub(crate) fn sync(&self) -> Result<(), TrainError> {
        Ok(self.file.sync_all()?)
    }
}
