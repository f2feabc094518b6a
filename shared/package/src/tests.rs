//! Hostile zips, written by hand where a zip library would refuse to.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use proptest::prelude::*;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::{BlobError, Blobs, Limits, PackageError, build, check, unpack};

const FILE: u32 = 0o100_644;
const LINK: u32 = 0o120_777;

/// A zip's entry as written by [`zip_by_hand`]: stored, with every header field free to lie.
#[derive(Debug, Clone)]
struct Raw {
    name: Vec<u8>,
    mode: u32,
    data: Vec<u8>,
    claimed: Option<u32>,
    flags: u16,
    method: u16,
    /// Reuse the local header of the entry before: overlapping data.
    overlap: bool,
}

fn raw(name: &str, mode: u32, data: &[u8]) -> Raw {
    Raw {
        name: name.as_bytes().to_vec(),
        mode,
        data: data.to_vec(),
        claimed: None,
        flags: 0,
        method: 0,
        overlap: false,
    }
}

fn u16_of(size: usize) -> u16 {
    u16::try_from(size).unwrap()
}

fn u32_of(size: usize) -> u32 {
    u32::try_from(size).unwrap()
}

fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

fn zip_by_hand(entries: &[Raw]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    let mut at = 0_u32;
    for entry in entries {
        let size = entry.claimed.unwrap_or_else(|| u32_of(entry.data.len()));
        let mut common = Vec::new();
        common.extend(20_u16.to_le_bytes());
        common.extend(entry.flags.to_le_bytes());
        common.extend(entry.method.to_le_bytes());
        common.extend([0; 4]);
        common.extend(crc32(&entry.data).to_le_bytes());
        common.extend(u32_of(entry.data.len()).to_le_bytes());
        common.extend(size.to_le_bytes());
        common.extend(u16_of(entry.name.len()).to_le_bytes());
        common.extend(0_u16.to_le_bytes());
        if !entry.overlap {
            at = u32_of(out.len());
            out.extend(b"PK\x03\x04");
            out.extend(&common);
            out.extend(&entry.name);
            out.extend(&entry.data);
        }
        directory.extend(b"PK\x01\x02");
        directory.extend([20, 3]);
        directory.extend(&common);
        directory.extend([0; 6]);
        directory.extend((entry.mode << 16).to_le_bytes());
        directory.extend(at.to_le_bytes());
        directory.extend(&entry.name);
    }
    let start = u32_of(out.len());
    out.extend(&directory);
    out.extend(b"PK\x05\x06");
    out.extend([0; 4]);
    out.extend(u16_of(entries.len()).to_le_bytes());
    out.extend(u16_of(entries.len()).to_le_bytes());
    out.extend(u32_of(directory.len()).to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0; 2]);
    out
}

/// Checks and unpacks: both must agree. Gives the contents, or the refusal's sentence.
fn take(zip: &[u8], limits: &Limits) -> Result<BTreeMap<String, String>, String> {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("code.zip");
    std::fs::write(&file, zip).unwrap();
    let inside = home.path().join("inside");
    std::fs::create_dir(&inside).unwrap();
    let dir = inside.join("task");

    let checked = check(zip, limits);
    let unpacked = unpack(&file, &dir, limits);
    match (&checked, &unpacked) {
        (Ok(checked), Ok(unpacked)) => {
            assert_eq!(checked.unzipped_size, unpacked.bytes);
            assert_eq!(checked.entries, unpacked.entries);
        }
        (Err(one), Err(other)) => assert_eq!(one.to_string(), other.to_string()),
        _ => panic!("{checked:?} but {unpacked:?}"),
    }
    let outside: Vec<_> = std::fs::read_dir(home.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name != "code.zip" && name != "inside")
        .collect();
    assert!(outside.is_empty(), "written outside: {outside:?}");
    if let Err(error) = unpacked {
        assert_eq!(std::fs::read_dir(&inside).unwrap().count(), 0, "left over");
        return Err(error.to_string());
    }
    Ok(contents(&dir))
}

fn contents(dir: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut ahead = vec![PathBuf::from(dir)];
    while let Some(at) = ahead.pop() {
        for entry in std::fs::read_dir(&at).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned();
            let metadata = std::fs::symlink_metadata(&path).unwrap();
            let mode = metadata.permissions().mode() & 0o777;
            let what = if metadata.is_symlink() {
                let root = dir.canonicalize().unwrap();
                if let Ok(real) = path.canonicalize() {
                    assert!(real.starts_with(&root), "{name} leads to {real:?}");
                }
                format!("-> {}", std::fs::read_link(&path).unwrap().display())
            } else if metadata.is_dir() {
                ahead.push(path);
                format!("{mode:o} dir")
            } else {
                format!(
                    "{mode:o} {}",
                    std::fs::read_to_string(&path).unwrap_or_default()
                )
            };
            found.insert(name, what);
        }
    }
    found
}

fn refused(entries: &[Raw], why: &str) {
    let got = take(&zip_by_hand(entries), &Limits::LAMBDA);
    let error = got.expect_err(why);
    assert!(error.contains(why), "{error:?} does not say {why:?}");
}

#[test]
fn files_modes_and_links_are_kept() {
    let zip = zip_by_hand(&[
        raw("app.py", 0o100_600, b"print()"),
        raw("bin/run", 0o100_700, b"#!/bin/sh"),
        raw("no/mode", 0, b"x"),
        raw("./odd//path", FILE, b"y"),
        raw("empty/", 0o040_755, b""),
        raw("bin/link", LINK, b"../app.py"),
        raw("loop/up", LINK, b"../bin"),
    ]);
    let got = take(&zip, &Limits::LAMBDA).unwrap();
    let want = [
        ("app.py", "644 print()"),
        ("bin", "755 dir"),
        ("bin/link", "-> ../app.py"),
        ("bin/run", "755 #!/bin/sh"),
        ("empty", "755 dir"),
        ("loop", "755 dir"),
        ("loop/up", "-> ../bin"),
        ("no", "755 dir"),
        ("no/mode", "644 x"),
        ("odd", "755 dir"),
        ("odd/path", "644 y"),
    ];
    let want: BTreeMap<String, String> = want
        .into_iter()
        .map(|(name, what)| (name.to_owned(), what.to_owned()))
        .collect();
    assert_eq!(got, want);
}

#[test]
fn names_that_leave_are_refused() {
    refused(&[raw("../x", FILE, b"x")], "has .. in its path");
    refused(&[raw("a/../../x", FILE, b"x")], "has .. in its path");
    refused(&[raw("/x", FILE, b"x")], "has an absolute path");
    refused(&[raw("a\\b", FILE, b"x")], "has a backslash");
    refused(&[raw("c:/x", FILE, b"x")], "drive letter");
    refused(&[raw("a\0b", FILE, b"x")], "zero byte");
    refused(&[raw("", FILE, b"x")], "has no name");
    refused(&[raw(&"n".repeat(256), FILE, b"x")], "too long");
    refused(&[raw(&"n/".repeat(101), FILE, b"")], "nested too deeply");
}

#[test]
fn links_that_leave_are_refused() {
    refused(&[raw("l", LINK, b"/etc/passwd")], "absolute target");
    refused(&[raw("l", LINK, b"../x")], "points outside");
    refused(&[raw("a/l", LINK, b"../../x")], "points outside");
    refused(&[raw("l", LINK, b"")], "cannot be a path");
    // Each link alone stays inside; together they do not: a/b is the root, so a/b/../x is above it.
    refused(
        &[raw("a/b", LINK, b".."), raw("l", LINK, b"a/b/../x")],
        "points outside",
    );
    refused(&[raw("a", LINK, b"b"), raw("b", LINK, b"a")], "in a circle");
}

#[test]
fn links_cannot_keep_a_processor_busy() {
    // Each link leads to the next one through a long way round.
    let way = format!("{}x", "a/../".repeat(140));
    let mut entries = vec![raw("a/", 0o040_755, b"")];
    for n in 0..30 {
        let target = way.replace('x', &format!("l{}", n + 1));
        entries.push(raw(&format!("l{n}"), LINK, target.as_bytes()));
    }
    take(&zip_by_hand(&entries), &Limits::LAMBDA).unwrap();
    let target = format!("{}l0", "a/../".repeat(140));
    let deep = "d/".repeat(90);
    for n in 0..4_000 {
        entries.push(raw(
            &format!("{deep}m{n}"),
            LINK,
            format!("{}{target}", "../".repeat(90)).as_bytes(),
        ));
    }
    refused(&entries, "too many to be followed");
}

#[test]
fn nothing_is_written_through_a_link() {
    refused(
        &[raw("d", LINK, b"."), raw("d/x", FILE, b"x")],
        "below an entry that is not a directory",
    );
    refused(
        &[raw("f", FILE, b"x"), raw("f/x", FILE, b"x")],
        "below an entry that is not a directory",
    );
    // Names that sort between a path and what is below it.
    refused(
        &[
            raw("f/x", FILE, b"x"),
            raw("f-x", FILE, b"x"),
            raw("f.x", FILE, b"x"),
            raw("f", FILE, b"x"),
        ],
        "below an entry that is not a directory",
    );
}

#[test]
fn devices_are_refused() {
    for kind in [0o020_666, 0o060_666, 0o010_666, 0o140_666] {
        refused(&[raw("dev", kind, b"")], "neither a file");
    }
}

#[test]
fn duplicates_must_be_alike() {
    refused(
        &[raw("a", FILE, b"1"), raw("a", FILE, b"2")],
        "occurs twice",
    );
    refused(
        &[raw("a", FILE, b"1"), raw("./a", FILE, b"2")],
        "occurs twice",
    );
    take(
        &zip_by_hand(&[raw("a/", 0o040_755, b""), raw("a/", 0o040_755, b"")]),
        &Limits::LAMBDA,
    )
    .unwrap();
}

#[test]
fn sizes_that_lie_are_refused() {
    let mut small = raw("a", FILE, b"four");
    small.claimed = Some(3);
    refused(&[small.clone()], "which is not so");
    small.claimed = Some(5);
    refused(&[small], "which is not so");
    let mut link = raw("l", LINK, b"target");
    link.claimed = Some(0);
    refused(&[link], "which is not so");
}

#[test]
fn overlapping_entries_are_refused() {
    let mut twin = raw("b", FILE, b"data");
    twin.overlap = true;
    refused(&[raw("a", FILE, b"data"), twin], "overlaps");
}

#[test]
fn encryption_and_foreign_compression_are_refused() {
    let mut secret = raw("a", FILE, b"x");
    secret.flags = 1;
    refused(&[secret], "is encrypted");
    let mut foreign = raw("a", FILE, b"x");
    foreign.method = 12;
    refused(&[foreign], "compression method");
}

#[test]
fn a_bomb_stops_at_the_limit() {
    let limits = Limits {
        unzipped_bytes: 1_000_000,
        ..Limits::LAMBDA
    };
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    zip.start_file("zeros", options).unwrap();
    zip.write_all(&vec![0; 1_000_001]).unwrap();
    let mut bomb = zip.finish().unwrap().into_inner();
    let error = check(&bomb, &limits).unwrap_err();
    assert!(matches!(error, PackageError::UnzippedTooLarge { .. }));
    assert_eq!(
        error.aws_message(),
        Some("Unzipped size must be smaller than 262144000 bytes")
    );

    // The same bomb saying that it holds ten bytes.
    let header = bomb.windows(4).rposition(|w| w == b"PK\x01\x02").unwrap();
    bomb[header + 24..header + 28].copy_from_slice(&10_u32.to_le_bytes());
    let error = take(&bomb, &limits).unwrap_err();
    assert!(error.contains("which is not so"), "{error}");
}

#[test]
fn what_is_no_zip_is_refused() {
    for bytes in [&b""[..], b"hello", b"PK\x03\x04", &[0; 4096]] {
        let error = check(bytes, &Limits::LAMBDA).unwrap_err();
        assert!(matches!(error, PackageError::NotAZip(_)), "{error:?}");
        let aws = error.aws_message().unwrap();
        assert!(aws.starts_with("Could not unzip uploaded file."));
    }
    let error = check(&zip_by_hand(&[]), &Limits::LAMBDA).unwrap_err();
    assert!(matches!(error, PackageError::Empty));
    let mut cut = zip_by_hand(&[raw("a", FILE, b"data")]);
    cut.truncate(cut.len() - 30);
    take(&cut, &Limits::LAMBDA).unwrap_err();
}

#[test]
fn too_many_entries_and_too_large_a_zip() {
    let limits = Limits {
        zipped_bytes: 400,
        entries: 2,
        ..Limits::LAMBDA
    };
    let three = zip_by_hand(&["a", "b", "c"].map(|name| raw(name, FILE, b"")));
    assert!(take(&three, &limits).unwrap_err().contains("has 3 entries"));
    let fat = zip_by_hand(&[raw("a", FILE, &[b'x'; 500])]);
    assert!(take(&fat, &limits).unwrap_err().contains("at most 400"));
}

#[test]
fn the_digest_is_what_aws_reports() {
    let checked = check(&zip_by_hand(&[raw("a", FILE, b"x")]), &Limits::LAMBDA).unwrap();
    assert_eq!(checked.sha256.len(), 64);
    assert_eq!(checked.code_sha256.len(), 44);
    assert_eq!(checked.unzipped_size, 1);
}

#[test]
fn built_zips_repeat_and_respect_ignore_files() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("app.py", "pass");
    write("lib/tool", "#!/bin/sh");
    write("lib/x.log", "noise");
    write(".gitignore", "*.log\n/secret\n");
    write("secret", "s");
    write(".hidden", "kept");
    write(".git/HEAD", "ref");
    write("tollgate.toml", "");
    let tool = dir.path().join("lib/tool");
    std::fs::set_permissions(&tool, PermissionsExt::from_mode(0o755)).unwrap();
    std::os::unix::fs::symlink("lib/tool", dir.path().join("tool")).unwrap();

    let zip = build(dir.path()).unwrap();
    let got = take(&zip, &Limits::LAMBDA).unwrap();
    let names: Vec<&str> = got.keys().map(String::as_str).collect();
    assert_eq!(names, [".hidden", "app.py", "lib", "lib/tool", "tool"]);
    assert_eq!(got["lib/tool"], "755 #!/bin/sh");
    assert_eq!(got["tool"], "-> lib/tool");

    write("app.py", "pass");
    assert_eq!(zip, build(dir.path()).unwrap(), "same files, same bytes");
}

#[test]
fn times_survive_for_compiled_files() {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let time = zip::DateTime::from_date_and_time(2024, 2, 29, 13, 30, 42).unwrap();
    let options = SimpleFileOptions::default().last_modified_time(time);
    zip.start_file("a.py", options).unwrap();
    let zip = zip.finish().unwrap().into_inner();
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("code.zip");
    std::fs::write(&file, zip).unwrap();
    unpack(&file, &home.path().join("task"), &Limits::LAMBDA).unwrap();
    let metadata = std::fs::metadata(home.path().join("task/a.py")).unwrap();
    assert_eq!(metadata.mtime(), 1_709_213_442);
}

#[tokio::test]
async fn blobs_keep_what_their_name_says() {
    let home = tempfile::tempdir().unwrap();
    let blobs = Blobs::local(&home.path().join("blobs")).unwrap();
    let zip = zip_by_hand(&[raw("a", FILE, b"x")]);
    let sha = check(&zip, &Limits::LAMBDA).unwrap().sha256;
    let into = home.path().join("copy");
    assert!(matches!(
        blobs.get(&sha, &into).await,
        Err(BlobError::Missing(_))
    ));
    blobs.put(&sha, Bytes::from(zip.clone())).await.unwrap();
    blobs.put(&sha, Bytes::from(zip.clone())).await.unwrap();
    blobs.get(&sha, &into).await.unwrap();
    assert_eq!(std::fs::read(&into).unwrap(), zip);
    assert!(matches!(
        blobs.put(&sha, Bytes::from_static(b"other")).await,
        Err(BlobError::Damaged(_))
    ));
    assert!(matches!(
        blobs.put("../../x", Bytes::new()).await,
        Err(BlobError::Name(_))
    ));
    let kept = home.path().join("blobs").join(&sha[..2]).join(&sha);
    std::fs::write(kept, b"rotten").unwrap();
    assert!(matches!(
        blobs.get(&sha, &into).await,
        Err(BlobError::Damaged(_))
    ));
}

#[test]
fn manifests() {
    let manifest = crate::manifest::Manifest::parse(
        "name = 'hello'\nruntime = 'python3.11'\nhandler = 'app.handler'\ntimeout_s = 5\n[environment]\nA = '1'\n",
    )
    .unwrap();
    assert_eq!(manifest.include, ".");
    assert_eq!(manifest.environment["A"], "1");
    let check = |text: &str, why: &str| {
        let error = crate::manifest::Manifest::parse(text)
            .unwrap_err()
            .to_string();
        assert!(error.contains(why), "{error}");
    };
    check("name = 'x'", "missing field `runtime`");
    check(
        "name = 'x'\nruntime = 'y'\nmemory = 1",
        "unknown field `memory`",
    );
    check(
        "name = 'x'\nruntime = 'y'\ninclude = '../x'",
        "include must be",
    );
}

/// A piece of a path or of a link's target, hostile ones included.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("a".to_owned()),
        Just("b".to_owned()),
        Just("c".to_owned()),
        Just("..".to_owned()),
        Just(".".to_owned()),
        Just(String::new()),
    ]
}

fn some_entry() -> impl Strategy<Value = Raw> {
    let path = || prop::collection::vec(piece(), 1..5).prop_map(|names| names.join("/"));
    let mode = prop_oneof![
        Just(FILE),
        Just(LINK),
        Just(LINK),
        Just(0o040_755_u32),
        Just(0)
    ];
    (path(), mode, path()).prop_map(|(name, mode, target)| match mode {
        LINK => raw(&name, mode, target.as_bytes()),
        0o040_755 => raw(&name, mode, b""),
        _ => raw(&name, mode, b"data"),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever the entries, `take` finds nothing outside, no link that leads there, and both verdicts alike.
    #[test]
    fn nothing_is_ever_written_outside(entries in prop::collection::vec(some_entry(), 1..8)) {
        let _ = take(&zip_by_hand(&entries), &Limits::LAMBDA);
    }

    /// Any damage to a good zip gives a refusal or a package, never a panic.
    #[test]
    fn damaged_zips_never_panic(at in 0_usize..400, byte: u8) {
        let mut zip = zip_by_hand(&[
            raw("a", FILE, b"data"),
            raw("b/c", FILE, b"more data"),
            raw("l", LINK, b"b/c"),
        ]);
        let at = at % zip.len();
        zip[at] = byte;
        let _ = take(&zip, &Limits::LAMBDA);
    }
}
