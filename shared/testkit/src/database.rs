//! A Postgres database per test, for crates that do not import sqlx themselves.

use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::process::Command;

/// An empty database on the server that `DATABASE_URL` (or the nearest `.env`) names; dropped with this.
#[derive(Debug)]
pub struct Database {
    /// Of the server: scheme, user, host, port.
    server: String,
    name: String,
    /// Of the URL: whatever follows `?`.
    query: String,
}

impl Database {
    /// Makes the database.
    ///
    /// # Panics
    /// Where there is no server to make it on.
    #[expect(clippy::expect_used, reason = "a test without its database has failed")]
    pub fn create() -> Self {
        let url = std::env::var("DATABASE_URL")
            .ok()
            .or_else(url_from_file)
            .expect("DATABASE_URL, in the environment or in .env");
        let (base, query) = url.split_once('?').unwrap_or((&url, ""));
        let (server, _) = base.rsplit_once('/').expect("a database in DATABASE_URL");
        let random = RandomState::new().hash_one(std::process::id());
        let database = Self {
            server: server.to_owned(),
            name: format!("test_{random:016x}"),
            query: query.to_owned(),
        };
        database.psql(&format!("CREATE DATABASE {}", database.name));
        database
    }

    /// What a client connects with.
    pub fn url(&self) -> String {
        self.url_of(&self.name)
    }

    /// Cuts every connection and refuses new ones, until [`Self::come_back`].
    pub fn go_away(&self) {
        let name = &self.name;
        self.psql(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"));
        self.psql(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        ));
    }

    /// Takes connections again.
    pub fn come_back(&self) {
        self.psql(&format!(
            "ALTER DATABASE {} ALLOW_CONNECTIONS true",
            self.name
        ));
    }

    fn url_of(&self, name: &str) -> String {
        format!("{}/{name}?{}", self.server, self.query)
    }

    #[expect(clippy::expect_used, reason = "a test without its database has failed")]
    fn psql(&self, command: &str) {
        let output = Command::new("psql")
            .args(["-q", "-X", "-v", "ON_ERROR_STOP=1", "-c", command])
            .arg(self.url_of("postgres"))
            .output()
            .expect("psql runs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {error}");
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.psql(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

/// `DATABASE_URL` from the nearest `.env` upwards, as sqlx finds it.
fn url_from_file() -> Option<String> {
    let here = std::env::current_dir().ok()?;
    let text = here
        .ancestors()
        .map(|dir| dir.join(".env"))
        .find(|file| Path::is_file(file))
        .and_then(|file| std::fs::read_to_string(file).ok())?;
    let mut lines = text.lines();
    lines.find_map(|line| line.strip_prefix("DATABASE_URL=").map(str::to_owned))
}
