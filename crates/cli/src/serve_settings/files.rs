//! Where people's files are, and how much they may take.

use std::path::PathBuf;

use super::finder::Finder;
use super::units::read_some_size;
use crate::arguments::serve::FilesArguments;
use crate::environment::Environment;
use crate::exit::UsageError;
use crate::given::read_or;
use crate::keys;

/// Where people's files are, and how much they may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Files {
    /// `None`: in the data folder.
    pub(crate) storage: Option<Storage>,
    /// Bytes of a file.
    pub(crate) largest: u64,
    /// Bytes of an account's files; `None`: any.
    pub(crate) quota: Option<u64>,
}

/// Where the bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Storage {
    Folder(PathBuf),
    #[cfg(feature = "s3")]
    Bucket(Bucket),
}

/// `s3://NAME/PREFIX`.
#[cfg(feature = "s3")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bucket {
    pub(crate) name: String,
    pub(crate) prefix: String,
}

impl<'a> Finder<'a> {
    pub(super) fn files(&self, arguments: &'a FilesArguments) -> Result<Files, UsageError> {
        let storage = self.path(&keys::STORAGE, arguments.storage.as_ref());
        let quota = self.given(&keys::FILE_QUOTA, arguments.file_quota.as_ref());
        Ok(Files {
            storage: storage.map(|given| given.read(read_storage)).transpose()?,
            largest: self.size(&keys::MAX_FILE, arguments.max_file.as_ref(), 512 << 20)?,
            quota: read_or(Some(10 << 30), quota, |text| {
                if text == "none" { Ok(None) } else { read_some_size(text).map(Some) }
            })?,
        })
    }
}

fn read_storage(text: &str) -> Result<Storage, String> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Ok(Storage::Folder(text.into()));
    };
    if scheme != "s3" {
        return Err(format!(
            "{scheme}:// is no storage that polysight knows; there are folders and s3://BUCKET/PREFIX"
        ));
    }
    read_bucket(rest)
}

#[cfg(not(feature = "s3"))]
fn read_bucket(_: &str) -> Result<Storage, String> {
    Err("this program was built without the feature s3".to_owned())
}

#[cfg(feature = "s3")]
fn read_bucket(rest: &str) -> Result<Storage, String> {
    let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if name.is_empty() {
        return Err(format!("s3://{rest} names no bucket"));
    }
    Ok(Storage::Bucket(Bucket { name: name.to_owned(), prefix: prefix.to_owned() }))
}

impl Storage {
    /// As the server takes it, with what the environment says of Amazon's keys.
    #[cfg_attr(not(feature = "s3"), expect(unused_variables, reason = "folders need no keys"))]
    pub(crate) fn open(self, environment: &Environment) -> server::Storage {
        match self {
            Self::Folder(folder) => server::Storage::Folder(folder),
            #[cfg(feature = "s3")]
            Self::Bucket(bucket) => server::Storage::Bucket(Box::new(store::Bucket {
                name: bucket.name,
                prefix: bucket.prefix,
                region: environment
                    .aws_text(environment.aws_region.as_ref())
                    .unwrap_or_else(|| "us-east-1".to_owned()),
                endpoint: environment.aws_text(environment.aws_endpoint_url.as_ref()),
                credentials: environment.aws_credentials(),
            })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storage_is_a_folder_or_a_bucket() {
        assert_eq!(read_storage("/srv/files"), Ok(Storage::Folder("/srv/files".into())));
        assert!(read_storage("gs://bucket").unwrap_err().contains("gs://"));
    }

    #[cfg(feature = "s3")]
    #[test]
    fn a_bucket_has_a_name_and_may_have_a_prefix() {
        let bucket = Bucket { name: "b".to_owned(), prefix: "a/c".to_owned() };
        assert_eq!(read_storage("s3://b/a/c"), Ok(Storage::Bucket(bucket)));
        assert!(read_storage("s3:///x").is_err());
    }

    #[cfg(not(feature = "s3"))]
    #[test]
    fn a_program_without_buckets_says_so() {
        assert!(read_storage("s3://b/a/c").unwrap_err().contains("feature s3"));
    }
}
