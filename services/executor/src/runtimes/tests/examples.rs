//! The sample functions that need no build.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::json;

use super::process::{Function, runtime};

/// Starts `examples/<name>` as its manifest says, with `files` of it.
async fn example(name: &str, files: &[&str]) -> (Function, String) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../examples")
        .join(name);
    let read = |file: &str| std::fs::read_to_string(dir.join(file)).unwrap();
    let manifest = package::manifest::Manifest::parse(&read(package::manifest::FILE)).unwrap();
    assert_eq!(manifest.name, name);
    // Another minor version does as well: what is tested is the function.
    let family = manifest.runtime.split(['3', '2', '.']).next().unwrap();
    let runtime = runtime(if family == "python" {
        "python3.1"
    } else {
        family
    })
    .await;
    let texts: Vec<(&str, String)> = files.iter().map(|file| (*file, read(file))).collect();
    let texts: Vec<(&str, &str)> = texts
        .iter()
        .map(|(file, text)| (*file, text.as_str()))
        .collect();
    let function = Function::new(&runtime, &texts);
    for file in files.iter().filter(|file| **file == "bootstrap") {
        let path = function.dir().join(file);
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    }
    (function.start(&manifest.handler), read("event.json"))
}

#[tokio::test]
async fn hello() {
    let (mut function, event) = example("hello", &["app.py"]).await;
    let answer = function.api.invoke(&event).json();
    assert_eq!(answer["message"], "Hello, Ada!");
    assert_eq!(function.stop(), "greeting Ada\n");
}

#[tokio::test]
async fn wordcount() {
    let (mut function, event) = example("wordcount", &["index.mjs"]).await;
    let answer = function.api.invoke(&event).json();
    let want = json!({"words": 13, "distinct": 9, "top": [["the", 3], ["dog", 2], ["quick", 2]]});
    assert_eq!(answer, want);
}

#[tokio::test]
async fn bash_bootstrap() {
    let (mut function, event) = example("bash-bootstrap", &["bootstrap", "function.sh"]).await;
    for _ in 0..3 {
        let post = function.api.invoke(event.trim());
        assert_eq!(post.json()["event"], json!({"hello": "from bash"}));
        assert_eq!(post.json()["bytes"], 22);
    }
    let umlauts = r#"{"text": "Grüße"}"#;
    assert_eq!(
        function.api.invoke(umlauts).json()["event"]["text"],
        "Grüße"
    );
}
