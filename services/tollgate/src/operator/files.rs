//! Files that commands are given.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};
use domain::price::Book;

/// A text file, or standard input where it is called `-`.
pub(super) fn read_text(path: &str) -> Result<String> {
    if path == "-" {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("Standard input cannot be read as text")?;
        return Ok(text);
    }
    std::fs::read_to_string(path).with_context(|| format!("{path} cannot be read"))
}

/// A price list in a file, and its text.
pub(super) fn read_book(path: &Path) -> Result<(Book, String)> {
    let name = path.display().to_string();
    let text = read_text(&name)?;
    let book = Book::parse(&text).with_context(|| format!("{name} is not taken"))?;
    Ok((book, text))
}
