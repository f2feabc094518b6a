//! What unmodified clients see: each test runs one function of a script in `clients/` in an account of its own.

use crate::bed::Bed;

fn run(script: &str, case: &str) {
    let bed = Bed::shared();
    let account = bed.account();
    bed.client(&account, script, case);
}

macro_rules! cases {
    ($module:ident, $script:literal: $($case:ident),+ $(,)?) => {
        mod $module {
            $(
                #[test]
                fn $case() {
                    super::run($script, stringify!($case));
                }
            )+
        }
    };
}

cases!(invoke, "invoke.py":
    echoes, payloads, kinds, names, context, environment, trace, handler_error, timeout, exits, out_of_memory,
    init_failures, slow_init, response_too_large, one_event_per_environment, reserved_concurrency,
    versions_and_aliases_run, code_changes_are_seen_at_once, tmp_is_kept_and_limited, isolation,
    functions_call_functions,
    cancelled_callers_are_metered,
);

cases!(functions, "functions.py":
    create_and_get, updates, versions, aliases, listing, concurrency_and_settings, tags, bad_input, hostile_packages,
    too_large, not_offered, regions_are_apart,
);

cases!(event_configs, "event_configs.py":
    put_replaces_everything, update_changes_what_it_names, bad_input, destinations, listing, dead_letters, recursion,
    aws_cli,
);

cases!(auth, "auth.py": good, refusals, skew, tampered_body, presigned, deleted_keys_stop);

cases!(iam, "iam.py":
    identity, roles, documents_come_back_byte_for_byte, inline_policies, managed_policies, boundaries, bad_input, paging,
    aws_cli,
);

cases!(logs, "logs.py":
    one_stream, filters, groups, streams, deleted_groups_begin_anew, odd_lines, aws_cli,
);

cases!(schedules, "schedules.py": schedules, tokens, groups, refusals, rules, aws_cli);

cases!(billing, "billing.py": reports, refusals, price_books);

cases!(accounts, "accounts.py": operator_commands, accounts_are_apart);

cases!(cli, "cli.py": aws_cli_walk, own_commands, follow, env_prints_exports, doctor);

cases!(own_api, "own_api.py":
    the_document_is_valid, every_operation_answers_as_documented, strangers_are_refused,
);

cases!(clock, "clock.py": fixed);

cases!(events, "events.py":
    followed, cancelled, cancelled_before_it_ran, dead_letters_and_redrive, redrives_have_a_rate, purged, undelivered,
    commands, policies,
);

cases!(schedule_commands, "schedule_commands.py":
    looked_at, switched, fired_by_request, failures_are_told, imported,
);

cases!(spend_caps, "spend_caps.py": stops_and_goes_on, tags_and_accounts);

cases!(async_invoke, "async_invoke.py":
    accepted, limits, records, dead_letter_targets, targets_that_take_nothing, stopped, throttled, deleted_while_it_waits,
    custom_retries, once_by_key, loops,
);

cases!(examples, "examples.py":
    hello, thumbnail, mediainfo, wordcount, bash_bootstrap, rust_echo, node_errors_and_context,
);

/// Two accounts: neither sees nor touches the other's functions.
#[test]
fn two_accounts() {
    with_another("functions.py", "two_accounts");
}

/// Nor its events.
#[test]
fn events_of_two_accounts() {
    with_another("events.py", "accounts_are_apart");
}

/// Nor its schedules, by our own API.
#[test]
fn schedule_commands_of_two_accounts() {
    with_another("schedule_commands.py", "accounts_are_apart");
}

/// Nor its schedules and rules.
#[test]
fn schedules_of_two_accounts() {
    with_another("schedules.py", "two_accounts");
}

/// Runs a case that also has the keys of another account.
fn with_another(script: &str, case: &str) {
    let bed = Bed::shared();
    let (mine, other) = (bed.account(), bed.account());
    let mut command = bed.command(&mine, script, case);
    command
        .env("OTHER_ACCESS_KEY_ID", &other.access_key_id)
        .env("OTHER_SECRET_ACCESS_KEY", &other.secret);
    crate::bed::text_of(&command.output().expect("python runs"), case);
}
