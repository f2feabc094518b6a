//! Why a zip is refused.

/// Why a deployment package is refused. Each variant's text is a sentence for the person who made the zip.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// Not a zip file, or one cut short.
    #[error("The file is not a readable zip archive: {0}.")]
    NotAZip(String),
    /// The zip holds no file: there would be nothing to run.
    #[error("The zip archive is empty.")]
    Empty,
    /// The zip itself is too large.
    #[error("The zip archive has {bytes} bytes; at most {limit} are allowed.")]
    ZippedTooLarge { bytes: u64, limit: u64 },
    /// The contents are too large, counted while decompressing.
    #[error("Unzipped, the archive is larger than {limit} bytes.")]
    UnzippedTooLarge { limit: u64 },
    /// More files and directories than allowed.
    #[error("The zip archive has {entries} entries; at most {limit} are allowed.")]
    TooManyEntries { entries: usize, limit: usize },
    /// An entry that needs a password.
    #[error("Entry {0} is encrypted; encrypted archives are not supported.")]
    Encrypted(EntryName),
    /// An entry compressed by something else than deflate.
    #[error("Entry {0} uses a compression method other than store or deflate.")]
    Compression(EntryName),
    /// A name that does not stay inside the package, or that cannot be a file name.
    #[error("Entry {name} {why}.")]
    Name { name: EntryName, why: &'static str },
    /// A symbolic link that leaves the package or leads in a circle.
    #[error("Symbolic link {name} {why}.")]
    Symlink { name: EntryName, why: &'static str },
    /// A device, pipe or socket.
    #[error("Entry {0} is neither a file, a directory nor a symbolic link.")]
    Special(EntryName),
    /// Two entries with one name and different contents.
    #[error("Entry {0} occurs twice with different contents.")]
    Duplicate(EntryName),
    /// Something else lives where this entry needs a directory.
    #[error("Entry {0} lies below an entry that is not a directory.")]
    Conflict(EntryName),
    /// Two entries share compressed bytes: the mark of a zip bomb.
    #[error("The data of entry {0} overlaps that of another entry.")]
    Overlap(EntryName),
    /// The header's size is not the size of the data.
    #[error("Entry {name} says that it has {claimed} bytes, which is not so.")]
    LyingSize { name: EntryName, claimed: u64 },
    /// The data does not decompress, or its checksum is wrong.
    #[error("Entry {name} is damaged: {why}.")]
    Damaged { name: EntryName, why: String },
    /// The host's disk failed us: not the zip's fault.
    #[error("cannot unpack: {0}")]
    Io(#[from] std::io::Error),
}

impl PackageError {
    /// The text with which AWS refuses such a zip, as the message of an `InvalidParameterValueException`. `None` when the
    /// zip is not to blame.
    pub fn aws_message(&self) -> Option<&'static str> {
        match self {
            Self::Io(_) => None,
            Self::Empty => Some("Uploaded file must be a non-empty zip"),
            Self::UnzippedTooLarge { .. } => {
                Some("Unzipped size must be smaller than 262144000 bytes")
            }
            _ => Some(
                "Could not unzip uploaded file. Please check your file, then try to upload again.",
            ),
        }
    }
}

/// An entry's name as shown in an error: quoted, escaped and cut to a readable length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryName(String);

impl EntryName {
    pub(crate) fn new(name: &str) -> Self {
        let cut: String = name.chars().take(200).collect();
        Self(cut)
    }
}

impl std::fmt::Display for EntryName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0)
    }
}
