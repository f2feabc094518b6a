//! What is in a zip, decided from its directory before a byte is decompressed.
//!
//! The plan holds every entry under a normalised path with no way out of the package: no absolute path, no `..`, no entry
//! below something that is not a directory, no symbolic link that leads outside, however many links lie between. A writer
//! that makes directories and files first and links last, as `unpack` does, therefore never follows a link.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::time::{Duration, SystemTime};

use zip::result::ZipError;
use zip::{CompressionMethod, ExtraField, ZipArchive};

use crate::PackageError;
use crate::error::EntryName;

/// How large a package may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the zip.
    pub zipped_bytes: u64,
    /// Bytes of the files in it.
    pub unzipped_bytes: u64,
    /// Files, directories and links.
    pub entries: usize,
}

impl Limits {
    /// AWS Lambda's limits for a direct upload. The number of entries is ours: AWS names none, and an inode each is what
    /// they cost.
    pub const LAMBDA: Self = Self {
        zipped_bytes: 50 * 1024 * 1024,
        unzipped_bytes: 262_144_000,
        entries: 100_000,
    };
}

/// Longest path, in bytes. Linux' own limit is higher, but must hold for the directory that it is unpacked in, too.
const PATH_BYTES_MAX: usize = 1_024;
/// Most names in a path.
const NAMES_MAX: usize = 100;
/// Longest name: Linux' own limit.
const NAME_BYTES_MAX: usize = 255;
/// As many links as the kernel follows in one path.
const LINKS_MAX: usize = 40;
/// What a look-up costs beside its bytes.
const LOOKUP_BYTES: usize = 32;
/// Bytes of paths looked up while following all links of a package. Many long links through each other would otherwise
/// keep a processor busy for hours.
const FOLLOW_BYTES_MAX: usize = 16 * 1024 * 1024;

const TYPE_MASK: u32 = 0o170_000;
const TYPE_FILE: u32 = 0o100_000;
const TYPE_DIRECTORY: u32 = 0o040_000;
const TYPE_LINK: u32 = 0o120_000;

/// One entry, fit to be written.
pub(crate) struct Entry {
    /// Its place in the archive.
    index: usize,
    /// Relative, `/` between names, no empty, `.` or `..` name.
    pub(crate) path: String,
    pub(crate) kind: Kind,
}

pub(crate) enum Kind {
    Directory,
    File {
        executable: bool,
        modified: Option<SystemTime>,
    },
    Link {
        target: String,
    },
}

pub(crate) struct Plan {
    /// Sorted: a directory comes before what is in it, and that before anything else.
    pub(crate) entries: Vec<Entry>,
    /// Bytes of all link targets, which count as contents.
    pub(crate) link_bytes: u64,
}

/// Opens a zip and plans it.
pub(crate) fn open<R: Read + Seek>(
    reader: R,
    limits: &Limits,
) -> Result<(ZipArchive<R>, Plan), PackageError> {
    let archive = ZipArchive::new(reader).map_err(not_a_zip)?;
    // The reader keeps one entry per name and forgets the rest, so duplicates are looked for in the bytes themselves.
    let directory = archive.central_directory_start();
    let mut reader = archive.into_inner();
    refuse_duplicates(&mut reader, directory, limits)?;
    let mut archive = ZipArchive::new(reader).map_err(not_a_zip)?;
    if archive.is_empty() {
        return Err(PackageError::Empty);
    }
    let plan = plan(&mut archive, limits)?;
    Ok((archive, plan))
}

/// Decompresses one file into `out`, and takes its bytes off `left`.
pub(crate) fn copy<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    entry: &Entry,
    left: &mut u64,
    limits: &Limits,
    out: &mut dyn Write,
) -> Result<(), PackageError> {
    let name = || EntryName::new(&entry.path);
    let damaged = |why: String| PackageError::Damaged { name: name(), why };
    let mut file = archive
        .by_index(entry.index)
        .map_err(|error| damaged(error.to_string()))?;
    let claimed = file.size();
    let lying = || PackageError::LyingSize {
        name: name(),
        claimed,
    };
    let mut buffer = vec![0; 64 * 1024];
    let mut total = 0_u64;
    loop {
        let read = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) => return Err(damaged(error.to_string())),
        };
        total += read as u64;
        if read as u64 > *left {
            return Err(PackageError::UnzippedTooLarge {
                limit: limits.unzipped_bytes,
            });
        }
        *left -= read as u64;
        if total > claimed {
            return Err(lying());
        }
        out.write_all(buffer.get(..read).unwrap_or_default())?;
    }
    if total == claimed {
        Ok(())
    } else {
        Err(lying())
    }
}

fn not_a_zip(error: ZipError) -> PackageError {
    match error {
        ZipError::InvalidArchive(why) => PackageError::NotAZip(why.into_owned()),
        ZipError::UnsupportedArchive(why) => PackageError::NotAZip(why.to_owned()),
        ZipError::Io(error) => cut_short(error),
        other => PackageError::NotAZip(other.to_string()),
    }
}

/// An end where there should be none is the zip's fault; any other failure to read is the host's.
fn cut_short(error: std::io::Error) -> PackageError {
    match error.kind() {
        ErrorKind::UnexpectedEof | ErrorKind::InvalidInput => {
            PackageError::NotAZip("it ends too early".to_owned())
        }
        _ => PackageError::Io(error),
    }
}

/// Reads the zip's directory entry by entry. Two with one name are refused unless they hold the same bytes.
fn refuse_duplicates<R: Read + Seek>(
    reader: &mut R,
    start: u64,
    limits: &Limits,
) -> Result<(), PackageError> {
    reader.seek(SeekFrom::Start(start))?;
    let mut reader = BufReader::new(reader);
    let mut seen: HashMap<Vec<u8>, (u32, u32)> = HashMap::new();
    let mut header = [0_u8; 46];
    let mut entries = 0;
    while reader.read_exact(&mut header).is_ok() && header.starts_with(b"PK\x01\x02") {
        entries += 1;
        if entries > limits.entries {
            return Err(PackageError::TooManyEntries {
                entries,
                limit: limits.entries,
            });
        }
        let mut name = vec![0; usize::from(u16_at(&header, 28))];
        reader.read_exact(&mut name).map_err(cut_short)?;
        let skip = i64::from(u16_at(&header, 30)) + i64::from(u16_at(&header, 32));
        reader.seek_relative(skip)?;
        let contents = (u32_at(&header, 16), u32_at(&header, 24));
        if let Some(other) = seen.get(&name)
            && *other != contents
        {
            let name = String::from_utf8_lossy(&name);
            return Err(PackageError::Duplicate(EntryName::new(&name)));
        }
        seen.insert(name, contents);
    }
    Ok(())
}

fn u16_at(bytes: &[u8; 46], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8; 46], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | (u32::from(u16_at(bytes, at + 2)) << 16)
}

fn plan<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    limits: &Limits,
) -> Result<Plan, PackageError> {
    let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
    let mut ranges = Vec::with_capacity(archive.len());
    let mut claimed = 0_u64;
    let mut link_bytes = 0;
    for index in 0..archive.len() {
        let Some(seen) = look(archive, index)? else {
            continue;
        };
        claimed = claimed.saturating_add(seen.size);
        if claimed > limits.unzipped_bytes {
            return Err(PackageError::UnzippedTooLarge {
                limit: limits.unzipped_bytes,
            });
        }
        ranges.push((seen.start, seen.end, index));
        if let Kind::Link { target } = &seen.entry.kind {
            link_bytes += target.len() as u64;
        }
        let key = key(&seen.entry.path);
        let is_directory = matches!(seen.entry.kind, Kind::Directory);
        if let Some(other) = entries.insert(key, seen.entry)
            && !(is_directory && matches!(other.kind, Kind::Directory))
        {
            return Err(PackageError::Duplicate(EntryName::new(&other.path)));
        }
    }
    refuse_overlap(archive, ranges)?;
    refuse_conflicts(&entries)?;
    let mut left = FOLLOW_BYTES_MAX;
    for entry in entries.values() {
        if let Kind::Link { .. } = entry.kind {
            follow(&entries, &entry.path, &mut left)?;
        }
    }
    Ok(Plan {
        entries: entries.into_values().collect(),
        link_bytes,
    })
}

/// An entry with what the plan needs to compare it to others.
struct Seen {
    entry: Entry,
    size: u64,
    /// Where its header and data lie in the zip.
    start: u64,
    end: u64,
}

/// Reads one entry's headers, and its data if it is a link. `None` for the package's root itself (`./`).
fn look<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    index: usize,
) -> Result<Option<Seen>, PackageError> {
    let file = archive.by_index_raw(index).map_err(not_a_zip)?;
    let raw_name = std::str::from_utf8(file.name_raw()).unwrap_or_else(|_| file.name());
    let name = EntryName::new(raw_name);
    if file.encrypted() {
        return Err(PackageError::Encrypted(name));
    }
    if !matches!(
        file.compression(),
        CompressionMethod::Stored | CompressionMethod::Deflated
    ) {
        return Err(PackageError::Compression(name));
    }
    let path = normalise(raw_name)?;
    let mode = file.unix_mode().unwrap_or(0);
    let size = file.size();
    let (start, end) = (
        file.header_start(),
        file.data_start().saturating_add(file.compressed_size()),
    );
    let kind = match mode & TYPE_MASK {
        TYPE_LINK => Kind::Link {
            target: String::new(),
        },
        TYPE_DIRECTORY => Kind::Directory,
        TYPE_FILE | 0 if raw_name.ends_with('/') => Kind::Directory,
        TYPE_FILE | 0 => Kind::File {
            executable: mode & 0o111 != 0,
            modified: modified(&file),
        },
        _ => return Err(PackageError::Special(name)),
    };
    drop(file);
    let kind = match kind {
        Kind::Link { .. } => Kind::Link {
            target: link_target(archive, index, &name, size)?,
        },
        Kind::Directory if size > 0 => {
            return Err(PackageError::Name {
                name,
                why: "is a directory with contents of its own",
            });
        }
        other => other,
    };
    if path.is_empty() {
        return match kind {
            Kind::Directory => Ok(None),
            _ => Err(PackageError::Name {
                name,
                why: "has no name",
            }),
        };
    }
    let entry = Entry { index, path, kind };
    Ok(Some(Seen {
        entry,
        size,
        start,
        end,
    }))
}

fn link_target<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    index: usize,
    name: &EntryName,
    claimed: u64,
) -> Result<String, PackageError> {
    let bad = |why| PackageError::Symlink {
        name: name.clone(),
        why,
    };
    let file = archive.by_index(index).map_err(not_a_zip)?;
    let mut target = Vec::new();
    file.take(PATH_BYTES_MAX as u64 + 1)
        .read_to_end(&mut target)
        .map_err(|error| PackageError::Damaged {
            name: name.clone(),
            why: error.to_string(),
        })?;
    if target.len() as u64 != claimed && target.len() <= PATH_BYTES_MAX {
        return Err(PackageError::LyingSize {
            name: name.clone(),
            claimed,
        });
    }
    let target = String::from_utf8(target).map_err(|_| bad("has a target that is not UTF-8"))?;
    if target.is_empty() || target.len() > PATH_BYTES_MAX || target.contains('\0') {
        return Err(bad("has a target that cannot be a path"));
    }
    if target.starts_with('/') {
        return Err(bad("has an absolute target, which is outside the package"));
    }
    Ok(target)
}

/// The path of an entry without empty and `.` names. Refuses whatever leaves the package.
fn normalise(name: &str) -> Result<String, PackageError> {
    let bad = |why| {
        Err(PackageError::Name {
            name: EntryName::new(name),
            why,
        })
    };
    if name.starts_with('/') {
        return bad("has an absolute path");
    }
    if name.contains('\\') {
        return bad("has a backslash in its path");
    }
    if name.contains('\0') {
        return bad("has a zero byte in its path");
    }
    if let [drive, b':', ..] = name.as_bytes()
        && drive.is_ascii_alphabetic()
    {
        return bad("starts with a drive letter");
    }
    let names: Vec<&str> = name
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    if names.contains(&"..") {
        return bad("has .. in its path");
    }
    if names.iter().any(|part| part.len() > NAME_BYTES_MAX) || name.len() > PATH_BYTES_MAX {
        return bad("has a path that is too long");
    }
    if names.len() > NAMES_MAX {
        return bad("is nested too deeply");
    }
    Ok(names.join("/"))
}

/// When the file was last changed. Kept so that a compiled file stays valid beside its source (Python's `.pyc`).
fn modified<R: Read>(file: &zip::read::ZipFile<'_, R>) -> Option<SystemTime> {
    let exact = file.extra_data_fields().find_map(|field| match field {
        ExtraField::ExtendedTimestamp(stamp) => stamp.mod_time(),
        ExtraField::Ntfs(_) => None,
    });
    let seconds = match exact {
        Some(seconds) => u64::from(seconds),
        None => epoch_seconds(file.last_modified()?),
    };
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// Seconds since 1970 of a zip's calendar time, taken as UTC. A zip's years start at 1980.
fn epoch_seconds(time: zip::DateTime) -> u64 {
    let (year, month) = (u64::from(time.year()), u64::from(time.month()));
    // Counted from March, a leap day is the last day of a year.
    let (year, month) = match month {
        0..=2 => (year - 1, month + 9),
        _ => (year, month - 3),
    };
    let days = year * 365 + year / 4 - year / 100
        + year / 400
        + (month * 153 + 2) / 5
        + u64::from(time.day())
        - 1
        - 719_468;
    days * 86_400
        + u64::from(time.hour()) * 3_600
        + u64::from(time.minute()) * 60
        + u64::from(time.second())
}

fn refuse_overlap<R: Read + Seek>(
    archive: &ZipArchive<R>,
    mut ranges: Vec<(u64, u64, usize)>,
) -> Result<(), PackageError> {
    ranges.sort_unstable();
    let mut end = 0;
    for (start, stop, index) in ranges {
        if start < end || stop > archive.central_directory_start() {
            let name = archive.name_for_index(index).unwrap_or_default();
            return Err(PackageError::Overlap(EntryName::new(name)));
        }
        end = stop;
    }
    Ok(())
}

/// A path as a key whose order is that of a walk through the tree: what is below a path follows it directly, because no
/// byte sorts before the zero byte (which no name contains).
fn key(path: &str) -> String {
    path.replace('/', "\0")
}

/// Nothing lies below an entry that is not a directory. As the first thing below a path follows it, neighbours suffice.
fn refuse_conflicts(entries: &BTreeMap<String, Entry>) -> Result<(), PackageError> {
    for ((above, entry), (below, lower)) in entries.iter().zip(entries.iter().skip(1)) {
        let inside = below
            .strip_prefix(above.as_str())
            .is_some_and(|rest| rest.starts_with('\0'));
        if inside && !matches!(entry.kind, Kind::Directory) {
            return Err(PackageError::Conflict(EntryName::new(&lower.path)));
        }
    }
    Ok(())
}

/// Follows a link as the kernel would, inside a tree made of `entries`, and refuses it if it ever leaves the root. Takes
/// the bytes it looked up off `left`.
fn follow(
    entries: &BTreeMap<String, Entry>,
    link: &str,
    left: &mut usize,
) -> Result<(), PackageError> {
    let bad = |why| {
        Err(PackageError::Symlink {
            name: EntryName::new(link),
            why,
        })
    };
    // Where we are, as a key; the root is empty.
    let mut at = String::new();
    // Names still to walk, the next one last.
    let mut ahead: Vec<&str> = link.rsplit('/').collect();
    let mut links = 0;
    while let Some(name) = ahead.pop() {
        match name {
            "" | "." => continue,
            ".." if at.is_empty() => return bad("points outside the package"),
            ".." => {
                at.truncate(at.rfind('\0').unwrap_or(0));
                continue;
            }
            _ => {}
        }
        let above = at.len();
        if !at.is_empty() {
            at.push('\0');
        }
        at.push_str(name);
        *left = left.saturating_sub(at.len() + LOOKUP_BYTES);
        if *left == 0 {
            return bad("is one of too many to be followed");
        }
        if let Some(Entry {
            kind: Kind::Link { target },
            ..
        }) = entries.get(&at)
        {
            links += 1;
            if links > LINKS_MAX {
                return bad("leads in a circle");
            }
            at.truncate(above);
            ahead.extend(target.rsplit('/'));
        }
    }
    Ok(())
}
