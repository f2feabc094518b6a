//! The report: one JSON file a scenario, and a short written page made of all that are there.
//!
//! A ratio compares things of one run of one scenario; so a scenario may be measured anew without the others.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::ledger::Verdict;

/// One measured line: a ratio against something of the same run, and the figures behind it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) subject: String,
    /// What the ratio (or difference) is, in words.
    pub(crate) measure: String,
    pub(crate) value: f64,
    /// Empty where there is no goal to meet.
    pub(crate) goal: String,
    pub(crate) met: Option<bool>,
    /// The absolute figures, for people.
    pub(crate) beside: String,
}

impl Row {
    /// A row whose value must not exceed `goal`.
    pub(crate) fn at_most(
        subject: &str,
        measure: &str,
        value: f64,
        goal: f64,
        beside: String,
    ) -> Self {
        let met = Some(value <= goal);
        Self::new((subject, measure), value, format!("≤ {goal}"), met, beside)
    }

    /// A row whose value must reach `goal`.
    pub(crate) fn at_least(
        subject: &str,
        measure: &str,
        value: f64,
        goal: f64,
        beside: String,
    ) -> Self {
        let met = Some(value >= goal);
        Self::new((subject, measure), value, format!("≥ {goal}"), met, beside)
    }

    /// A row without a goal: worth knowing.
    pub(crate) fn noted(subject: &str, measure: &str, value: f64, beside: String) -> Self {
        Self::new((subject, measure), value, String::new(), None, beside)
    }

    fn new(
        (subject, measure): (&str, &str),
        value: f64,
        goal: String,
        met: Option<bool>,
        beside: String,
    ) -> Self {
        Self {
            subject: subject.to_owned(),
            measure: measure.to_owned(),
            value,
            goal,
            met,
            beside,
        }
    }
}

/// What a scenario answers.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) rows: Vec<Row>,
    /// What could not be measured, and why.
    pub(crate) missing: Vec<String>,
    /// What the checks of accepted events found, one for each load.
    pub(crate) ledgers: Vec<Verdict>,
}

impl Measured {
    /// Whether no accepted event was lost, and none ended twice.
    pub(crate) fn is_sound(&self) -> bool {
        self.ledgers.iter().all(Verdict::passed)
    }
}

/// A run: where, when, how.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) started_at: String,
    pub(crate) command: String,
    pub(crate) seed: u64,
    pub(crate) machine: Machine,
}

/// The machine, as far as it explains the figures.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) cores: usize,
    pub(crate) memory_gib: u64,
    pub(crate) kernel: String,
}

impl Machine {
    pub(crate) fn here() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let memory = read("/proc/meminfo");
        let total_kib = memory
            .split_whitespace()
            .nth(1)
            .and_then(|kib| kib.parse::<u64>().ok());
        Self {
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_gib: total_kib.unwrap_or_default() / (1024 * 1024),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        }
    }
}

/// A scenario's results, as its file holds them.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Chapter {
    #[serde(flatten)]
    pub(crate) run: Run,
    pub(crate) scenario: String,
    /// What it does, in a sentence.
    pub(crate) about: String,
    pub(crate) seconds: u64,
    #[serde(flatten)]
    pub(crate) measured: Measured,
}

impl Chapter {
    /// Writes its file into `results`; so a run that is cut short leaves what it had.
    pub(crate) fn write(&self, results: &Path) -> Result<()> {
        std::fs::create_dir_all(results)?;
        let text = serde_json::to_string_pretty(self)? + "\n";
        std::fs::write(file(results, &self.scenario), text)?;
        Ok(())
    }

    fn page(&self, page: &mut String) {
        let (run, machine) = (&self.run, &self.run.machine);
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(page, "\n## {}\n\n{}", self.scenario, self.about);
        let _ = writeln!(
            page,
            "Run {}, `{}` (seed {}): {} s, {} cores, {} GiB, Linux {}.\n",
            run.started_at,
            run.command,
            run.seed,
            self.seconds,
            machine.cores,
            machine.memory_gib,
            machine.kernel,
        );
        if !self.measured.rows.is_empty() {
            page.push_str(
                "| subject | measure | value | goal | met | beside |\n|---|---|---|---|---|---|\n",
            );
        }
        for row in &self.measured.rows {
            let met = match row.met {
                Some(true) => "yes",
                Some(false) => "**no**",
                None => "",
            };
            let _ = writeln!(
                page,
                "| {} | {} | {:.2} | {} | {met} | {} |",
                row.subject, row.measure, row.value, row.goal, row.beside
            );
        }
        if !self.measured.ledgers.is_empty() {
            page.push_str("\nLedger of events:\n");
        }
        for verdict in &self.measured.ledgers {
            let _ = writeln!(page, "- {verdict}");
        }
        if !self.measured.missing.is_empty() {
            page.push_str("\nNot measured:\n");
        }
        for line in &self.measured.missing {
            let _ = writeln!(page, "- {line}");
        }
    }
}

fn file(results: &Path, scenario: &str) -> PathBuf {
    results.join(format!("{scenario}.json"))
}

/// The written page of the files of these scenarios, as far as they are there.
pub(crate) fn page<'a>(results: &Path, scenarios: impl Iterator<Item = &'a str>) -> Result<String> {
    let mut page = String::from(
        "# Load tests: what was measured\n\n\
         Load generator, services, functions and peers share the cores. Absolute times are noisy on such a machine:\n\
         read the ratios, each between things of one run of its scenario.\n",
    );
    for scenario in scenarios {
        let file = file(results, scenario);
        if let Ok(text) = std::fs::read_to_string(&file) {
            let chapter: Chapter =
                serde_json::from_str(&text).with_context(|| file.display().to_string())?;
            chapter.page(&mut page);
        }
    }
    Ok(page)
}
