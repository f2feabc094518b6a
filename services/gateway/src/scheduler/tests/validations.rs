use aws_model::scheduler::{
    EcsParameters, EventBridgeParameters, KinesisParameters, SqsParameters,
};

use super::*;

/// 2026-11-23T10:00:00.250Z, the world's time.
const NOW: f64 = 1_795_428_000.25;

async fn check(world: &World, input: CreateScheduleInput, want: Result<(), &str>) {
    let shown = format!("{input:?}");
    let created = create(world, input).await;
    match want {
        Ok(()) => {
            created.unwrap_or_else(|fault| panic!("{fault}: {shown}"));
            delete(world, None, "s").await.unwrap();
        }
        Err(text) => invalid(created, text),
    }
}

#[tokio::test]
async fn expressions_and_zones() {
    let world = World::new().await;
    let with = |expression: &str, zone: Option<&str>| CreateScheduleInput {
        schedule_expression: expression.to_owned(),
        schedule_expression_timezone: zone.map(str::to_owned),
        ..request("s")
    };
    for good in [
        "at(2021-12-31T23:59:59)",
        "rate(1 minutes)",
        "cron(0-15/1 8-8 ? * 2,3,4,5,6,7 *)",
    ] {
        check(&world, with(good, None), Ok(())).await;
    }
    for bad in [
        "cron(0 1 * * * *)",
        "cron()",
        "rate(10 seconds)",
        " rate(10 minutes)",
        "at(2021-12-31T23:59:59Z)",
        "at(2021-12-31)",
        "rate(1 minute)\0",
    ] {
        let want = format!("Invalid Schedule Expression {bad}.");
        check(&world, with(bad, None), Err(&want)).await;
    }
    for good in ["UTC", "America/Argentina/ComodRivadavia", "Europe/Berlin"] {
        check(&world, with("rate(1 day)", Some(good)), Ok(())).await;
    }
    for bad in ["Europe/Atlantis", "+01:00", ""] {
        let want = format!("Invalid Schedule Expression Timezone {bad}.");
        check(&world, with("rate(1 day)", Some(bad)), Err(&want)).await;
    }
}

#[tokio::test]
async fn bounds() {
    let world = World::new().await;
    let past = Err("The StartDate you specify cannot be earlier than 5 minutes ago.");
    let order = Err("The StartDate you specify must come before the EndDate.");
    let cron = "cron(0 9 * * ? *)";
    for (expression, start, end, want) in [
        ("rate(1 day)", Some(NOW - 300.0), None, Ok(())),
        ("rate(1 day)", Some(NOW - 300.001), None, past),
        (cron, Some(NOW - 301.0), None, past),
        (cron, Some(NOW + 1e8), None, Ok(())),
        (cron, None, Some(NOW - 1e6), Ok(())),
        (cron, Some(NOW), Some(NOW + 0.001), Ok(())),
        (cron, Some(NOW), Some(NOW), order),
        (cron, Some(NOW + 1.0), Some(NOW), order),
        (
            "at(2030-01-01T00:00:00)",
            Some(NOW - 1e6),
            Some(NOW - 2e6),
            Ok(()),
        ),
        (
            cron,
            Some(1e15),
            None,
            Err("The StartDate you specify is not a time between the years 1970 and 9999."),
        ),
        (
            cron,
            None,
            Some(-1.0),
            Err("The EndDate you specify is not a time between the years 1970 and 9999."),
        ),
    ] {
        let input = CreateScheduleInput {
            schedule_expression: expression.to_owned(),
            start_date: start,
            end_date: end,
            ..request("s")
        };
        check(&world, input, want).await;
    }
}

#[tokio::test]
async fn windows() {
    let world = World::new().await;
    for (mode, minutes, want) in [
        ("OFF", None, Ok(())),
        ("FLEXIBLE", Some(1440), Ok(())),
        (
            "FLEXIBLE",
            None,
            Err(
                "MaximumWindowInMinutes must be provided when FlexibleTimeWindowMode is set to FLEXIBLE.",
            ),
        ),
        (
            "OFF",
            Some(5),
            Err(
                "MaximumWindowInMinutes must not be provided when FlexibleTimeWindowMode is set to OFF.",
            ),
        ),
    ] {
        let input = CreateScheduleInput {
            flexible_time_window: FlexibleTimeWindow {
                mode: mode.to_owned(),
                maximum_window_in_minutes: minutes,
            },
            ..request("s")
        };
        check(&world, input, want).await;
    }
    let input = CreateScheduleInput {
        description: text("a\0b"),
        ..request("s")
    };
    let nul = Err("Description must not contain the character NUL.");
    check(&world, input, nul).await;
}

#[tokio::test]
async fn target_kinds() {
    let world = World::new().await;
    let form = "Provided Arn is not in correct format.";
    for (arn, want) in [
        (format!("{FUNCTION}:$LATEST"), Ok(())),
        (format!("{FUNCTION}:7"), Ok(())),
        ("f".to_owned(), Err(form)),
        (format!("{FUNCTION}:a:b"), Err(form)),
        (
            "arn:aws:lambda:eu-west-1:111111111111:layer:f".to_owned(),
            Err(form),
        ),
        ("arn:aws:::::".to_owned(), Err(form)),
        (
            FUNCTION.replace("eu-west-1", "us-east-1"),
            Err("The target ARN provided does not match the current region eu-west-1."),
        ),
        (
            FUNCTION.replace("111111111111", "222222222222"),
            Err("The target ARN provided does not match the current account."),
        ),
        (
            "arn:aws:sqs:eu-west-1:111111111111:q".to_owned(),
            Err(
                "A target of sqs instead of a Lambda function's ARN is not supported by Tollgate yet.",
            ),
        ),
        (
            "arn:aws:scheduler:::aws-sdk:lambda:invoke".to_owned(),
            Err(
                "A universal target (aws-sdk) instead of a Lambda function's ARN is not supported by Tollgate yet.",
            ),
        ),
        (
            "arn:aws:scheduler:eu-west-1:111111111111:schedule/default/s".to_owned(),
            Err("scheduler is not a supported service for a target."),
        ),
        (
            "arn:aws:rds:eu-west-1:111111111111:db:d".to_owned(),
            Err("rds is not a supported service for a target."),
        ),
    ] {
        let input = CreateScheduleInput {
            target: target(&arn),
            ..request("s")
        };
        check(&world, input, want).await;
    }
}

#[tokio::test]
async fn inputs_and_parameters() {
    let world = World::new().await;
    let with = |change: fn(&mut Target)| {
        let mut input = request("s");
        change(&mut input.target);
        input
    };
    let syntax = Err("JSON syntax error in input for the target.");
    let large = Err("Input must not have more than 1048576 bytes.");
    for (input, want) in [
        ("{\"n\": <aws.scheduler.attempt-number>}", Ok(())),
        ("\"<aws.scheduler.scheduled-time>\"", Ok(())),
        ("3", Ok(())),
        ("<aws.scheduler.schedule-arn>", syntax),
        ("{\"n\": <aws.scheduler.nothing>}", syntax),
        ("hello", syntax),
        ("{} {}", syntax),
        ("\"\0\"", syntax),
        (&format!("\"{}\"", "x".repeat(1024 * 1024)), large),
    ] {
        let mut request = request("s");
        request.target.input = text(input);
        check(&world, request, want).await;
    }
    let parameters = |names: &str| format!("Parameters {names} not supported for the target.");
    let input = with(|target| target.ecs_parameters = Some(EcsParameters::default()));
    check(&world, input, Err(&parameters("EcsParameters"))).await;
    let input = with(|target| {
        target.event_bridge_parameters = Some(EventBridgeParameters::default());
        target.kinesis_parameters = Some(KinesisParameters::default());
        target.sqs_parameters = Some(SqsParameters::default());
    });
    let names = "EventBridgeParameters, KinesisParameters, SqsParameters";
    check(&world, input, Err(&parameters(names))).await;
}
