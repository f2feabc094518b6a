//! `tollgate doctor`: what this host offers, and what to do about what is missing.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use executor::runtimes::Runtimes;
use executor::sandbox::host;

use crate::client::print;
use crate::private::found;

/// One line of the report.
struct Line {
    state: State,
    name: String,
    found: String,
    advice: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Good,
    /// Works without it, less well.
    Lacking,
    /// Does not work without it.
    Missing,
}

/// Prints the report. Fails when `tollgate up` could not run here.
pub(crate) async fn run(data_dir: &Path) -> Result<ExitCode> {
    let sections = [
        ("Container isolation", isolation()),
        ("Runtimes", runtimes(data_dir).await),
        ("Services", services()),
    ];
    let mut text = String::new();
    for (title, lines) in &sections {
        text.push_str(title);
        text.push('\n');
        text.extend(lines.iter().map(Line::render));
    }
    let missing = sections
        .iter()
        .flat_map(|(_, lines)| lines)
        .any(|line| line.state == State::Missing);
    text += if missing {
        "\n`tollgate up` cannot run here yet: see the lines marked NO.\n"
    } else {
        "\n`tollgate up` can run here.\n"
    };
    print(text.as_bytes())?;
    Ok(if missing {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

impl Line {
    fn render(&self) -> String {
        let state = match self.state {
            State::Good => "ok",
            State::Lacking => "--",
            State::Missing => "NO",
        };
        let advice = self.advice.as_ref();
        let advice = advice.map_or_else(String::new, |advice| {
            format!("      {:<20} -> {advice}\n", "")
        });
        format!("  {state}  {:<20} {}\n{advice}", self.name, self.found)
    }
}

fn isolation() -> Vec<Line> {
    let findings = host::report().into_iter();
    findings
        .map(|finding| {
            let state = match (finding.ok, finding.required) {
                (true, _) => State::Good,
                (false, false) => State::Lacking,
                (false, true) => State::Missing,
            };
            let name = match finding.name {
                "control groups" => "control groups (cgroup)",
                name => name,
            };
            Line {
                state,
                name: name.to_owned(),
                found: finding.found,
                advice: finding.advice.filter(|_| !finding.ok).map(str::to_owned),
            }
        })
        .collect()
}

async fn runtimes(data_dir: &Path) -> Vec<Line> {
    let runtimes = Runtimes::discover(&data_dir.join("runtimes"), &[]).await;
    let found = runtimes.list().map(|runtime| Line {
        state: State::Good,
        name: runtime.identifiers.join(", "),
        found: format!("{} {}", runtime.version, runtime.program.display()),
        advice: None,
    });
    let mut lines: Vec<_> = found.collect();
    lines.extend(runtimes.advice().into_iter().map(|advice| Line {
        state: State::Lacking,
        name: "missing".to_owned(),
        found: String::new(),
        advice: Some(advice),
    }));
    lines
}

fn services() -> Vec<Line> {
    [
        ("Postgres", found::postgres(None)),
        ("Redis", found::redis()),
    ]
    .into_iter()
    .map(|(name, found)| match found {
        Ok(found) => Line {
            state: State::Good,
            name: name.to_owned(),
            found: format!("{} {}", found.version, found.path.display()),
            advice: None,
        },
        Err(error) => Line {
            state: State::Missing,
            name: name.to_owned(),
            found: "not usable".to_owned(),
            advice: Some(error.to_string()),
        },
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_to_do() {
        let line = Line {
            state: State::Missing,
            name: "Redis".into(),
            found: "not usable".into(),
            advice: Some("Install it.".into()),
        };
        let expected =
            "  NO  Redis                not usable\n                           -> Install it.\n";
        assert_eq!(line.render(), expected);
    }
}
