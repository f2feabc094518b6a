//! The report: one JSON file a scenario, and a short written page.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use crate::ledger::Verdict;

/// One measured line: a ratio against something of the same run, and the figures behind it.
#[derive(Debug, Clone, Serialize)]
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
#[derive(Debug, Default, Serialize)]
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
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Run {
    pub(crate) started_at: String,
    pub(crate) command: String,
    pub(crate) seed: u64,
    pub(crate) machine: Machine,
}

/// The machine, as far as it explains the figures.
#[derive(Debug, Clone, Serialize)]
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
#[derive(Debug, Serialize)]
pub(crate) struct Chapter {
    pub(crate) scenario: &'static str,
    /// What it does, in a sentence.
    pub(crate) about: &'static str,
    pub(crate) seconds: u64,
    #[serde(flatten)]
    pub(crate) measured: Measured,
}

/// Everything that one run measured.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) run: Run,
    pub(crate) chapters: Vec<Chapter>,
}

impl Report {
    /// Writes the last chapter's file into `results`; so a run that is cut short leaves what it had.
    pub(crate) fn write_last(&self, results: &Path) -> Result<()> {
        #[derive(Serialize)]
        struct File<'a> {
            #[serde(flatten)]
            run: &'a Run,
            #[serde(flatten)]
            chapter: &'a Chapter,
        }
        let Some(chapter) = self.chapters.last() else {
            return Ok(());
        };
        std::fs::create_dir_all(results)?;
        let file = File {
            run: &self.run,
            chapter,
        };
        let text = serde_json::to_string_pretty(&file)? + "\n";
        std::fs::write(results.join(format!("{}.json", chapter.scenario)), text)?;
        Ok(())
    }

    /// The written page.
    pub(crate) fn page(&self) -> String {
        let (run, machine) = (&self.run, &self.run.machine);
        let mut page = String::from("# Load tests: what was measured\n\n");
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(
            page,
            "{} cores, {} GiB, Linux {}. Started {}, all in one run, by `{}` (seed {}).\n\
             Load generator, services, functions and peers share the cores. Absolute times are noisy on such a machine:\n\
             read the ratios, each between things of this run.",
            machine.cores,
            machine.memory_gib,
            machine.kernel,
            run.started_at,
            run.command,
            run.seed
        );
        for chapter in &self.chapters {
            chapter.page(&mut page);
        }
        page
    }
}

impl Chapter {
    fn page(&self, page: &mut String) {
        let _ = writeln!(page, "\n## {}\n\n{}\n", self.scenario, self.about);
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
