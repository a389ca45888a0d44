//! The log: what happened to the index, in order. What is not in it never happened.
//!
//! A record is its length, its checksum and its content. One that is cut short or damaged at the end is of a write that was not
//! acknowledged; it is left out and overwritten by the next.

use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::attributes::{Attributes, attributes_from_json, attributes_to_json};
use crate::error::IndexError;
use crate::vector_index::Entry;

const MAGIC: &[u8; 8] = b"PSINDEX1";

/// Length and checksum.
const PREFIX: u64 = 8;

/// The longest record. `put` makes several of more.
pub(crate) const LONGEST: usize = 256 << 20;

const PUT: u8 = 1;
const REMOVE: u8 = 2;
const ATTRIBUTES: u8 = 3;

/// Where a row's attributes are in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) offset: u64,
    pub(crate) length: u32,
}

/// What happened.
#[derive(Debug)]
pub(crate) enum Event<'a> {
    /// The next row is this one's.
    Put { id: &'a str, attributes: Attributes, place: Place },
    /// There is none of this id any more.
    Remove { id: &'a str },
    /// It has other attributes.
    SetAttributes { id: &'a str, attributes: Attributes, place: Place },
}

/// The file, open at its end.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    file: Mutex<fs_err::File>,
    /// Of the records that are whole.
    length: u64,
}

impl Log {
    /// A new one, on the disk.
    pub(crate) fn create(path: &Path) -> Result<Self, IndexError> {
        let mut options = fs_err::OpenOptions::new();
        let mut file = options.create_new(true).read(true).write(true).open(path)?;
        file.write_all(MAGIC)?;
        file.sync_all()?;
        Ok(Self { path: path.to_owned(), file: Mutex::new(file), length: MAGIC.len() as u64 })
    }

    /// Reads all whole records.
    ///
    /// # Errors
    /// When it is no log, or `apply` refuses an event.
    pub(crate) fn open(
        path: &Path,
        writable: bool,
        apply: &mut dyn FnMut(Event<'_>) -> Result<(), String>,
    ) -> Result<Self, IndexError> {
        let damaged = |problem: String| IndexError::Damaged { path: path.to_owned(), problem };
        let file = fs_err::OpenOptions::new().read(true).write(writable).open(path)?;
        let end = file.metadata()?.len();
        let mut reader = BufReader::with_capacity(1 << 20, file);
        let mut magic = [0; 8];
        if end < MAGIC.len() as u64 {
            return Err(damaged("it is shorter than its first bytes".to_owned()));
        }
        reader.read_exact(&mut magic)?;
        if &magic != MAGIC {
            return Err(damaged("its first bytes are not those of an index".to_owned()));
        }
        let mut length = MAGIC.len() as u64;
        let mut content = Vec::new();
        while end - length >= PREFIX {
            let mut prefix = [0; PREFIX as usize];
            reader.read_exact(&mut prefix)?;
            let [size, checksum] = [0, 4].map(|at| {
                u32::from_le_bytes([prefix[at], prefix[at + 1], prefix[at + 2], prefix[at + 3]])
            });
            if size == 0 || u64::from(size) > end - length - PREFIX || size as usize > LONGEST {
                break;
            }
            content.resize(size as usize, 0);
            reader.read_exact(&mut content)?;
            if crc32fast::hash(&content) != checksum {
                break;
            }
            read_record(&content, length + PREFIX, apply)
                .map_err(|problem| damaged(format!("the record at byte {length}: {problem}")))?;
            length += PREFIX + u64::from(size);
        }
        let file = Mutex::new(reader.into_inner());
        Ok(Self { path: path.to_owned(), file, length })
    }

    /// Where the next record's content begins.
    pub(crate) fn next(&self) -> u64 {
        self.length + PREFIX
    }

    /// Writes a record, and is back when it is on the disk.
    pub(crate) fn append(&mut self, content: &[u8]) -> Result<(), IndexError> {
        assert!(content.len() <= LONGEST, "larger writes are split");
        let file = self.file.get_mut().unwrap_or_else(PoisonError::into_inner);
        let mut record = Vec::with_capacity(content.len() + PREFIX as usize);
        record.extend_from_slice(&(content.len() as u32).to_le_bytes());
        record.extend_from_slice(&crc32fast::hash(content).to_le_bytes());
        record.extend_from_slice(content);
        // What a killed writer left behind the last whole record must not come alive behind this one.
        file.set_len(self.length)?;
        file.seek(SeekFrom::Start(self.length))?;
        file.write_all(&record)?;
        file.sync_data()?;
        self.length += record.len() as u64;
        Ok(())
    }

    /// The attributes at a place.
    pub(crate) fn read(&self, place: Place) -> Result<Attributes, IndexError> {
        let mut json = vec![0; place.length as usize];
        {
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start(place.offset))?;
            file.read_exact(&mut json)?;
        }
        attributes_from_json(&json).map_err(|error| IndexError::Damaged {
            path: self.path.clone(),
            problem: format!("attributes at byte {}: {error}", place.offset),
        })
    }
}

/// The record of new rows, and where the attributes of each will be.
pub(crate) fn put_record(entries: &[Entry<'_>], at: u64) -> (Vec<u8>, Vec<Place>) {
    let mut content = vec![PUT];
    let places = entries.iter().map(|entry| add(&mut content, at, entry.id, entry.attributes));
    let places = places.collect();
    (content, places)
}

/// The record of other attributes, and where they will be.
pub(crate) fn attributes_record(id: &str, attributes: &Attributes, at: u64) -> (Vec<u8>, Place) {
    let mut content = vec![ATTRIBUTES];
    let place = add(&mut content, at, id, attributes);
    (content, place)
}

/// The record of what is removed.
pub(crate) fn remove_record(ids: &[&str]) -> Vec<u8> {
    let mut content = vec![REMOVE];
    for id in ids {
        add_bytes(&mut content, id.as_bytes());
    }
    content
}

fn add(content: &mut Vec<u8>, at: u64, id: &str, attributes: &Attributes) -> Place {
    add_bytes(content, id.as_bytes());
    let json = attributes_to_json(attributes);
    let offset = at + content.len() as u64 + 4;
    add_bytes(content, json.as_bytes());
    Place { offset, length: json.len() as u32 }
}

fn add_bytes(content: &mut Vec<u8>, bytes: &[u8]) {
    content.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    content.extend_from_slice(bytes);
}

/// Bytes of a record that are not read yet.
struct Rest<'a> {
    content: &'a [u8],
    position: usize,
}

impl<'a> Rest<'a> {
    fn is_empty(&self) -> bool {
        self.position == self.content.len()
    }

    fn bytes(&mut self) -> Result<&'a [u8], String> {
        let cut = || "it ends within a field".to_owned();
        let rest = &self.content[self.position..];
        let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
        let bytes = rest.get(..u32::from_le_bytes(*length) as usize).ok_or_else(cut)?;
        self.position += 4 + bytes.len();
        Ok(bytes)
    }

    fn id(&mut self) -> Result<&'a str, String> {
        std::str::from_utf8(self.bytes()?).map_err(|error| format!("an id: {error}"))
    }

    fn attributes(&mut self, at: u64) -> Result<(Attributes, Place), String> {
        let json = self.bytes()?;
        let attributes =
            attributes_from_json(json).map_err(|error| format!("attributes: {error}"))?;
        let offset = at + (self.position - json.len()) as u64;
        Ok((attributes, Place { offset, length: json.len() as u32 }))
    }
}

fn read_record(
    content: &[u8],
    at: u64,
    apply: &mut dyn FnMut(Event<'_>) -> Result<(), String>,
) -> Result<(), String> {
    let mut rest = Rest { content, position: 1 };
    while !rest.is_empty() {
        let id = rest.id()?;
        let event = match content[0] {
            REMOVE => Event::Remove { id },
            PUT | ATTRIBUTES => {
                let (attributes, place) = rest.attributes(at)?;
                match content[0] {
                    PUT => Event::Put { id, attributes, place },
                    _ => Event::SetAttributes { id, attributes, place },
                }
            }
            kind => return Err(format!("its kind {kind} is unknown to this version")),
        };
        apply(event)?;
    }
    Ok(())
}
