//! Writes the sample documents into a directory, for looking at them:
//! `cargo run -p documents --example render -- DIRECTORY [LOGO]`.

use std::fs;
use std::path::PathBuf;

use documents::{Encoding, Format, Logo, cur, focus, render};

mod samples;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = PathBuf::from(arguments.next().ok_or("say where to write to")?);
    let logo = arguments.next().map(fs::read).transpose()?;
    let logo = logo.map(Logo::new).transpose()?;
    fs::create_dir_all(&directory)?;
    let documents = [
        ("invoice", samples::invoice().document),
        ("draft", samples::draft().document),
        ("long", samples::long().document),
        ("credit-note", samples::credit_note()),
    ];
    for (name, document) in &documents {
        for format in Format::ALL {
            match render(format, document, logo.as_ref()) {
                Ok(rendered) => {
                    let file = directory.join(name).with_extension(rendered.extension);
                    fs::write(file, rendered.bytes)?;
                }
                Err(why) => eprintln!("{name} as {format}: {why}"),
            }
        }
    }
    let sample = samples::invoice();
    let bill = sample.bill();
    for encoding in [Encoding::Csv, Encoding::Parquet] {
        let file = |name: &str| directory.join(name).with_extension(encoding.extension());
        focus::write(encoding, [&bill], fs::File::create(file("focus"))?)?;
        cur::write(encoding, [&bill], fs::File::create(file("cur"))?)?;
    }
    Ok(())
}
