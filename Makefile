# Everything a user or a developer does. `make help` lists it.

# Queries are checked against .sqlx/, not against a database: `make sqlx` renews it.
export SQLX_OFFLINE ?= true

.DEFAULT_GOAL := help
.PHONY: help setup run test check bench bench-quick simulate soak codegen sqlx venv fmt

help: ## Show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what is missing on this host (Debian, Ubuntu; elsewhere: say what)
	@scripts/setup.sh

run: setup ## Build, start Tollgate, deploy and invoke examples/hello, and stay up
	@cargo build --release --locked --package tollgate
	@exec target/release/tollgate up --demo examples/hello

test: setup venv ## Run all tests, against a Postgres, a Redis and a Tollgate of their own
	@scripts/test.sh

check: setup ## Formatting, lints, documentation, checked queries, generated code
	@scripts/check.sh

bench: setup ## Measure a release build against this machine's floors and peers; writes load-tests/REPORT.md
	@cargo build --release --locked --package tollgate --package load-tests
	@target/release/load-tests

bench-quick: setup ## The same in short, to see that it works; writes nothing
	@cargo build --release --locked --package tollgate --package load-tests
	@target/release/load-tests --quick

simulate: setup ## Crash the metering spool in 1,000 simulated schedules of 100,000 executions (SEED=n: others); the bill must be exact
	@TOLLGATE_SIMULATED_SCHEDULES=1000 TOLLGATE_SIMULATED_EXECUTIONS=100000 TOLLGATE_SIMULATED_SEED=$(or $(SEED),1) \
		cargo test --quiet --release --locked --package executor --lib -- --nocapture --exact \
		spool::tests::simulation::whatever_crashes_every_execution_is_counted_once_and_billed_to_the_cent

soak: setup ## Break a release build 200 times under load (SEED=n: the same faults again); no accepted event may be lost
	@cargo build --release --locked --package tollgate --package load-tests
	@target/release/load-tests --only faults --faults 200 $(if $(SEED),--seed $(SEED))

codegen: ## Generate shared/aws-model from botocore's service models
	@cargo run --locked --package aws-codegen

sqlx: setup ## Renew .sqlx/, what is known of the database's answers, after a change of a query or a migration
	@scripts/sqlx.sh write

venv: setup ## Install the AWS CLI and boto3 for the tests into .venv/
	@scripts/venv.sh

fmt: ## Format the code
	@cargo fmt --all
