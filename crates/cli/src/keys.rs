//! The table of settings: each is a flag, the variable that mirrors it and the key of the configuration file that
//! mirrors both.
//!
//! Whoever adds a setting adds a row here; the environment, the file and the example file's test follow from it.

/// A setting.
pub(crate) struct Key {
    /// The key of the file, within its table.
    pub(crate) name: &'static str,
    pub(crate) flag: &'static str,
    pub(crate) variable: &'static str,
    pub(crate) table: Table,
    pub(crate) form: Form,
}

/// The table of the file in which a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Table {
    /// Above the first table: for every command.
    Top,
    /// `[serve]`: for the server.
    Serve,
}

/// What a key's value looks like in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A text or a number.
    Scalar,
    /// A file or a folder; an empty text is none.
    Path,
    /// A model, `NAME=` may stand before it; or a list of them. The variable holds one.
    Models,
    /// `true` or `false`, or the texts `"on"` and `"off"`.
    Switch,
    /// A text, or a list of texts; commas separate them in the variable.
    List,
    /// A table of texts; `NAME=TEXT` as a flag, with commas between in the variable.
    Pairs,
}

/// The key of `[serve]` that has neither flag nor variable: a table of categories.
pub(crate) const MODERATION: &str = "moderation";

macro_rules! keys {
    ($($name:ident $key:literal $flag:literal $variable:literal $table:ident $form:ident;)*) => {
        $(pub(crate) static $name: Key = Key {
            name: $key,
            flag: $flag,
            variable: $variable,
            table: Table::$table,
            form: Form::$form,
        };)*

        /// Every setting.
        pub(crate) static ALL: &[&Key] = &[$(&$name),*];
    };
}

keys! {
    MODEL "model" "--model" "POLYSIGHT_MODEL" Top Models;
    PRECISION "precision" "--precision" "POLYSIGHT_PRECISION" Top Scalar;
    THREADS "threads" "--threads" "POLYSIGHT_THREADS" Top Scalar;
    ISA "isa" "--isa" "POLYSIGHT_ISA" Top Scalar;
    CANONICALIZATION "canonicalization" "--canonicalization" "POLYSIGHT_CANONICALIZATION" Top Scalar;
    PACKED_CACHE "packed-cache" "--packed-cache" "POLYSIGHT_PACKED_CACHE" Top Path;
    DATABASE "database" "--database" "POLYSIGHT_DATABASE" Top Scalar;
    DATA_FOLDER "data-folder" "--data-folder" "POLYSIGHT_DATA_FOLDER" Top Path;
    PEPPER_FILE "pepper-file" "--pepper-file" "POLYSIGHT_PEPPER_FILE" Top Path;
    QUIET "quiet" "--quiet" "POLYSIGHT_QUIET" Top Switch;

    ADDR "addr" "--addr" "POLYSIGHT_ADDR" Serve Scalar;
    ALIASES "aliases" "--alias" "POLYSIGHT_ALIAS" Serve Pairs;
    LAZY "lazy" "--lazy" "POLYSIGHT_LAZY" Serve Switch;
    IDLE_TIMEOUT "idle-timeout" "--idle-timeout" "POLYSIGHT_IDLE_TIMEOUT" Serve Scalar;
    MODEL_MEMORY "model-memory" "--model-memory" "POLYSIGHT_MODEL_MEMORY" Serve Scalar;
    API_KEY "api-key" "--api-key" "POLYSIGHT_API_KEY" Serve List;
    API_KEY_FILE "api-key-file" "--api-key-file" "POLYSIGHT_API_KEY_FILE" Serve Path;
    AUTH "auth" "--auth" "POLYSIGHT_AUTH" Serve Scalar;
    ACCOUNTS "accounts" "--accounts" "POLYSIGHT_ACCOUNTS" Serve Switch;
    SIGN_UP "sign-up" "--sign-up" "POLYSIGHT_SIGN_UP" Serve Switch;
    FREE_CREDIT "free-credit" "--free-credit" "POLYSIGHT_FREE_CREDIT" Serve Scalar;
    PUBLIC_URL "public-url" "--public-url" "POLYSIGHT_PUBLIC_URL" Serve Scalar;
    SMTP_URL "smtp-url" "--smtp-url" "POLYSIGHT_SMTP_URL" Serve Scalar;
    SMTP_FROM "smtp-from" "--smtp-from" "POLYSIGHT_SMTP_FROM" Serve Scalar;
    TLS_CERT "tls-cert" "--tls-cert" "POLYSIGHT_TLS_CERT" Serve Path;
    TLS_KEY "tls-key" "--tls-key" "POLYSIGHT_TLS_KEY" Serve Path;
    CORS_ORIGIN "cors-origin" "--cors-origin" "POLYSIGHT_CORS_ORIGIN" Serve List;
    FETCH_URLS "fetch-urls" "--fetch-urls" "POLYSIGHT_FETCH_URLS" Serve Switch;
    FETCH_HOST "fetch-host" "--fetch-host" "POLYSIGHT_FETCH_HOST" Serve List;
    FETCH_PRIVATE "fetch-private" "--fetch-private" "POLYSIGHT_FETCH_PRIVATE" Serve Switch;
    MAX_BODY "max-body" "--max-body" "POLYSIGHT_MAX_BODY" Serve Scalar;
    MAX_IMAGE "max-image" "--max-image" "POLYSIGHT_MAX_IMAGE" Serve Scalar;
    MAX_PIXELS "max-pixels" "--max-pixels" "POLYSIGHT_MAX_PIXELS" Serve Scalar;
    STORAGE "storage" "--storage" "POLYSIGHT_STORAGE" Serve Scalar;
    QDRANT "qdrant" "--qdrant" "POLYSIGHT_QDRANT" Serve Scalar;
    QDRANT_API_KEY "qdrant-api-key" "--qdrant-api-key" "POLYSIGHT_QDRANT_API_KEY" Serve Scalar;
    MAX_FILE "max-file" "--max-file" "POLYSIGHT_MAX_FILE" Serve Scalar;
    FILE_QUOTA "file-quota" "--file-quota" "POLYSIGHT_FILE_QUOTA" Serve Scalar;
    BATCH_LINES "batch-lines" "--batch-lines" "POLYSIGHT_BATCH_LINES" Serve Scalar;
    MAX_INPUTS "max-inputs" "--max-inputs" "POLYSIGHT_MAX_INPUTS" Serve Scalar;
    MAX_LABELS "max-labels" "--max-labels" "POLYSIGHT_MAX_LABELS" Serve Scalar;
    QUEUE_TIME "queue-time" "--queue-time" "POLYSIGHT_QUEUE_TIME" Serve Scalar;
    QUEUE_PIXELS "queue-pixels" "--queue-pixels" "POLYSIGHT_QUEUE_PIXELS" Serve Scalar;
    QUEUE_BYTES "queue-bytes" "--queue-bytes" "POLYSIGHT_QUEUE_BYTES" Serve Scalar;
    MAX_CONNECTIONS "max-connections" "--max-connections" "POLYSIGHT_MAX_CONNECTIONS" Serve Scalar;
    LABEL_CACHE "label-cache" "--label-cache" "POLYSIGHT_LABEL_CACHE" Serve Scalar;
    IMAGE_CACHE "image-cache" "--image-cache" "POLYSIGHT_IMAGE_CACHE" Serve Scalar;
    REQUEST_TIMEOUT "request-timeout" "--request-timeout" "POLYSIGHT_REQUEST_TIMEOUT" Serve Scalar;
    BODY_TIMEOUT "body-timeout" "--body-timeout" "POLYSIGHT_BODY_TIMEOUT" Serve Scalar;
    SHUTDOWN_TIMEOUT "shutdown-timeout" "--shutdown-timeout" "POLYSIGHT_SHUTDOWN_TIMEOUT" Serve Scalar;
    REQUESTS_PER_MINUTE "requests-per-minute" "--requests-per-minute" "POLYSIGHT_REQUESTS_PER_MINUTE" Serve Scalar;
    IMAGES_PER_MINUTE "images-per-minute" "--images-per-minute" "POLYSIGHT_IMAGES_PER_MINUTE" Serve Scalar;
    LOG_FORMAT "log-format" "--log-format" "POLYSIGHT_LOG_FORMAT" Serve Scalar;
    LOG_LEVEL "log-level" "--log-level" "POLYSIGHT_LOG_LEVEL" Serve Scalar;
}

impl Table {
    /// The names that may stand in the table.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        let settings = ALL.iter().filter(move |key| key.table == self).map(|key| key.name);
        settings.chain([match self {
            Self::Top => "serve",
            Self::Serve => MODERATION,
        }])
    }

    /// The setting of a name.
    pub(crate) fn find(self, name: &str) -> Option<&'static Key> {
        ALL.iter().copied().find(|key| key.table == self && key.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn a_variable_and_a_key_of_the_file_mirror_their_flag() {
        for key in ALL {
            let name = key.flag.strip_prefix("--").expect("a flag has two dashes");
            let variable = format!("POLYSIGHT_{}", name.to_uppercase().replace('-', "_"));
            assert_eq!(key.variable, variable);
            if key.name != "aliases" {
                assert_eq!(key.name, name);
            }
        }
    }

    #[test]
    fn no_name_stands_for_two_settings() {
        let mut names = ALL.iter().map(|key| key.name).collect::<Vec<_>>();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }
}
