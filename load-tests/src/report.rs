//! The report: one JSON file a run, and a short written page.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use serde::Serialize;

/// One measured line: a ratio against a floor of the same run, and the figures behind it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    pub(crate) subject: String,
    /// What the ratio (or difference) is, in words.
    pub(crate) measure: String,
    pub(crate) value: f64,
    pub(crate) goal: String,
    /// `None` where there is no goal to meet.
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
        Self::new(
            subject,
            measure,
            value,
            format!("≤ {goal}"),
            Some(value <= goal),
            beside,
        )
    }

    /// A row whose value must reach `goal`.
    pub(crate) fn at_least(
        subject: &str,
        measure: &str,
        value: f64,
        goal: f64,
        beside: String,
    ) -> Self {
        Self::new(
            subject,
            measure,
            value,
            format!("≥ {goal}"),
            Some(value >= goal),
            beside,
        )
    }

    fn new(
        subject: &str,
        measure: &str,
        value: f64,
        goal: String,
        met: Option<bool>,
        beside: String,
    ) -> Self {
        let (subject, measure) = (subject.to_owned(), measure.to_owned());
        Self {
            subject,
            measure,
            value,
            goal,
            met,
            beside,
        }
    }
}

/// A run: where, when, how, what.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) started_at: String,
    pub(crate) command: String,
    pub(crate) machine: Machine,
    pub(crate) rows: Vec<Row>,
    /// What could not be measured, and why.
    pub(crate) missing: Vec<String>,
}

/// The machine, as far as it explains the figures.
#[derive(Debug, Serialize)]
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

impl Report {
    /// Writes `results/<name>.json` and `REPORT.md` below `dir`.
    pub(crate) fn write(&self, dir: &Path, name: &str) -> Result<()> {
        let results = dir.join("results");
        std::fs::create_dir_all(&results)?;
        std::fs::write(
            results.join(format!("{name}.json")),
            serde_json::to_string_pretty(self)? + "\n",
        )?;
        std::fs::write(dir.join("REPORT.md"), self.page())?;
        Ok(())
    }

    /// The written page.
    pub(crate) fn page(&self) -> String {
        let machine = &self.machine;
        let mut page = String::from("# Load tests: what was measured\n\n");
        let _ = writeln!(
            page,
            "{} cores, {} GiB, Linux {}. Started {}, all in one run, by `{}`.\n\
             Load generator, services, functions and peers share the cores. Absolute times are noisy on such a machine:\n\
             read the ratios, each between things of this run.\n",
            machine.cores, machine.memory_gib, machine.kernel, self.started_at, self.command
        );
        page.push_str(
            "| subject | measure | value | goal | met | beside |\n|---|---|---|---|---|---|\n",
        );
        for row in &self.rows {
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
        if !self.missing.is_empty() {
            page.push_str("\nNot measured:\n");
            for line in &self.missing {
                let _ = writeln!(page, "- {line}");
            }
        }
        page
    }
}
