//! Names for schedules that had none.

use std::collections::HashSet;

/// Longest name of a schedule.
const LENGTH_MAX: usize = 64;

/// Programs that run another one, which says more.
const WRAPPERS: [&str; 15] = [
    "bash", "chronic", "env", "flock", "ionice", "nice", "node", "nohup", "perl", "php", "python",
    "python3", "ruby", "sh", "sudo",
];

/// Gives out names, each once.
#[derive(Debug, Default)]
pub(super) struct Names {
    prefix: String,
    given: HashSet<String>,
}

impl Names {
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            given: HashSet::new(),
        }
    }

    /// A name for a command: what it runs; with a number where that was given out before.
    pub(super) fn of(&mut self, command: &str) -> String {
        let base = format!("{}{}", self.prefix, slug(command));
        let mut number = 1_u64;
        loop {
            let end = match number {
                1 => String::new(),
                number => format!("-{number}"),
            };
            let kept = LENGTH_MAX.saturating_sub(end.len()).min(base.len());
            let name = format!("{}{end}", base[..kept].trim_end_matches('-'));
            if self.given.insert(name.clone()) {
                return name;
            }
            number += 1;
        }
    }
}

/// Whether a text can begin a schedule's name.
pub(super) fn fits(prefix: &str) -> bool {
    prefix.len() < LENGTH_MAX && prefix.chars().all(is_letter)
}

fn is_letter(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// The program that a command runs, in the letters of names.
fn slug(command: &str) -> String {
    // What is done before: `cd /srv && ./backup`.
    let mut parts = command.split("&&").map(str::trim);
    let first = parts
        .clone()
        .find(|part| !part.starts_with("cd ") && !part.is_empty());
    let part = first.or_else(|| parts.next()).unwrap_or_default();
    let words = || {
        let is_setting = |word: &&str| {
            let name = word.split_once('=').map(|(name, _)| name);
            name.is_some_and(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
        };
        part.split_whitespace().skip_while(is_setting)
    };
    let file = |word: &str| -> String {
        let file = word.trim_end_matches('/').rsplit('/').next();
        let kept = file.unwrap_or_default().chars().filter(|c| is_letter(*c));
        kept.collect::<String>().trim_matches(['-', '.']).to_owned()
    };
    let program = words()
        .filter(|word| !word.starts_with('-'))
        .map(file)
        .find(|name| !name.is_empty() && !WRAPPERS.contains(&name.as_str()));
    let program = program.or_else(|| words().map(file).find(|name| !name.is_empty()));
    program.unwrap_or_else(|| "job".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_have_the_names_of_what_they_run() {
        let check = |command: &str, expected: &str| assert_eq!(slug(command), expected);
        check("backup", "backup");
        check("/usr/local/bin/backup --all >/dev/null 2>&1", "backup");
        check("cd /srv/app && ./report.sh", "report.sh");
        check("LANG=C FOO=bar /opt/x/run-it", "run-it");
        check("python3 -u /opt/report.py daily", "report.py");
        check("/usr/bin/env bash sync_all", "sync_all");
        check("nice sh", "nice");
        check("\"my prog\" x", "my");
        check("..", "job");
        check("é | ü", "job");
        check("cd /srv", "cd");
    }

    #[test]
    fn every_name_is_given_out_once() {
        let mut names = Names::new("x-");
        let given = ["backup a", "backup b", "backup-2", "backup c"].map(|one| names.of(one));
        assert_eq!(
            given,
            ["x-backup", "x-backup-2", "x-backup-2-2", "x-backup-3"]
        );
        let long = "n".repeat(80);
        let given = [names.of(&long), names.of(&long)];
        assert_eq!(given[0], format!("x-{}", "n".repeat(62)));
        assert_eq!(given[1], format!("x-{}-2", "n".repeat(60)));
        assert!(fits("x-") && fits("") && !fits("a b") && !fits(&long));
    }
}
