//! Python, through AWS's client and through our own.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::OnceCell;

use super::process::{Function, runtime, runtimes_dir};
use crate::runtimes::{Client, Runtime, Runtimes};

/// The host's Python with AWS's client (or what it has), and the same with ours.
async fn both() -> [Arc<Runtime>; 2] {
    let official = runtime("python3.1").await;
    let dir = official.client().unwrap().dir.clone().unwrap();
    let own = tempfile::tempdir().unwrap().keep();
    for file in [
        "bootstrap.py",
        "tollgate_bootstrap.py",
        "tollgate_client.py",
        "tollgate_transport.py",
    ] {
        std::fs::copy(dir.join(file), own.join(file)).unwrap();
    }
    let client = Client {
        dir: Some(own),
        fallback: Some("in a test".to_owned()),
    };
    let second = Runtime {
        identifiers: official.identifiers.clone(),
        version: official.version.clone(),
        program: official.program.clone(),
        host_dirs: official.host_dirs.clone(),
        kind: official.kind.clone(),
        dir: official.dir.clone(),
        client: OnceCell::new_with(Some(client)),
    };
    [official, Arc::new(second)]
}

const APP: &str = r#"
import logging, os, sys
print("loading")
def handler(event, context):
    print("one line")
    logging.getLogger().warning("careful")
    return {
        "event": event, "path": sys.path[:1], "cwd": os.getcwd(), "colour": os.environ["COLOUR"],
        "region": os.environ["AWS_REGION"], "trace": os.environ.get("_X_AMZN_TRACE_ID"),
        "context": [context.aws_request_id, context.function_name, context.function_version,
                    context.memory_limit_in_mb, context.log_group_name, context.log_stream_name,
                    context.invoked_function_arn, context.client_context.custom,
                    context.identity.cognito_identity_id],
        "time_left": 0 < context.get_remaining_time_in_millis() <= 3000,
        "zone": __import__("time").tzname[0],
    }
def raises(event, context):
    raise ValueError("bad value")
def unserialisable(event, context):
    return {1, 2}
def exits(event, context):
    sys.exit(7)
"#;

#[tokio::test]
async fn answers_with_the_whole_context() {
    for runtime in both().await {
        for parked in [false, true] {
            let files = [("src/app.py", APP)];
            let mut function = Function::new(&runtime, &files);
            if parked {
                function = function.park();
                function.assign("src/app.handler");
            } else {
                function = function.start("src/app.handler");
            }
            function.api.next();
            let headers = [
                ("Lambda-Runtime-Trace-Id", "Root=1-2-3"),
                (
                    "Lambda-Runtime-Client-Context",
                    r#"{"custom":{"k":"grün"}}"#,
                ),
                (
                    "Lambda-Runtime-Cognito-Identity",
                    r#"{"cognitoIdentityId":"i"}"#,
                ),
            ];
            function.api.send(r#"{"n":1}"#, &headers);
            let post = function.api.post();
            assert_eq!(post.path, "invocation/id-1/response");
            let dir = function.dir().to_str().unwrap().to_owned();
            let want = json!({
                "event": {"n": 1}, "path": [dir], "cwd": dir, "colour": "blue",
                "region": "eu-central-1", "trace": "Root=1-2-3",
                "context": ["id-1", "demo", "$LATEST", "128", "/aws/lambda/demo", "stream", "arn:f",
                            {"k": "grün"}, "i"],
                "time_left": true, "zone": "UTC",
            });
            assert_eq!(post.json(), want);
            let text = function.stop();
            assert!(text.starts_with("loading\none line\n[WARNING]\t"), "{text}");
            assert!(text.ends_with("Z\tid-1\tcareful\n"), "{text}");
        }
    }
}

#[tokio::test]
async fn failures_are_lambdas() {
    for runtime in both().await {
        let mut function = Function::new(&runtime, &[("app.py", APP)]).start("app.raises");
        let post = function.api.invoke("{}");
        assert_eq!(post.path, "invocation/id-1/error");
        let error = post.json();
        assert_eq!(error["errorType"], "ValueError");
        assert_eq!(error["errorMessage"], "bad value");
        let trace = error["stackTrace"][0].as_str().unwrap();
        assert!(
            trace.contains("app.py\", line") && trace.contains("in raises"),
            "{trace}"
        );
        let bad = function.api.invoke("not json").json();
        assert_eq!(bad["errorType"], "Runtime.UnmarshalError");
        let text = function.stop();
        assert!(
            text.contains("[ERROR] ValueError: bad value\rTraceback"),
            "{text}"
        );

        let mut function = Function::new(&runtime, &[("app.py", APP)]).start("app.unserialisable");
        let error = function.api.invoke("{}").json();
        assert_eq!(error["errorType"], "Runtime.MarshalError");
        let message = error["errorMessage"].as_str().unwrap();
        assert!(
            message.starts_with("Unable to marshal response: "),
            "{message}"
        );

        let mut function = Function::new(&runtime, &[("app.py", APP)]).start("app.exits");
        function.api.next();
        function.api.send("{}", &[]);
        assert_eq!(function.output().0, Some(7));
    }
}

#[tokio::test]
async fn failures_before_the_first_event_are_lambdas() {
    let files = [
        ("app.py", "x = 1"),
        ("broken.py", "def ("),
        ("imports.py", "import no_such_module"),
        ("raises.py", "raise RuntimeError('at load')"),
    ];
    for runtime in both().await {
        for (handler, kind, message) in [
            (
                "missing.f",
                "Runtime.ImportModuleError",
                "Unable to import module 'missing': No module named 'missing'",
            ),
            (
                "imports.f",
                "Runtime.ImportModuleError",
                "Unable to import module 'imports': No module named 'no_such_module'",
            ),
            (
                "app.f",
                "Runtime.HandlerNotFound",
                "Handler 'f' missing on module 'app'",
            ),
            (
                "broken.f",
                "Runtime.UserCodeSyntaxError",
                "Syntax error in module 'broken': ",
            ),
            ("raises.f", "RuntimeError", "at load"),
            (
                "nothing",
                "Runtime.MalformedHandlerName",
                "Bad handler 'nothing'",
            ),
            (
                "sys.f",
                "Runtime.BuiltInModuleConflict",
                "Cannot use built-in module sys as a handler module",
            ),
        ] {
            let function = Function::new(&runtime, &files).start(handler);
            let post = function.api.post();
            assert_eq!(post.path, "init/error");
            assert_eq!(post.headers["lambda-runtime-function-error-type"], kind);
            let error = post.json();
            assert_eq!(error["errorType"], kind);
            let got = error["errorMessage"].as_str().unwrap();
            assert!(got.starts_with(message), "{got}");
            assert_eq!(function.output().0, Some(1), "{handler}");
        }
    }
}

#[tokio::test]
async fn a_parked_python_is_quick() {
    let [runtime, _] = both().await;
    let files = [("app.py", APP)];
    let function = Function::new(&runtime, &files).start("app.handler");
    function.api.next();
    let plain = function.work();

    let mut function = Function::new(&runtime, &files).park();
    function.wait_until_parked();
    let before = function.work();
    let at = function.assign("app.handler");
    let took = function.api.next() - at;
    let parked = function.work().saturating_sub(before);
    println!("python, to the first next: {plain:?} of work plain, {parked:?} parked, in {took:?}");
    assert!(parked < plain / 3, "{parked:?} of {plain:?}");
}

#[tokio::test]
async fn a_wrapper_script_comes_first() {
    for runtime in both().await {
        let app = "import os\ndef f(e, c): return [os.environ.get('WRAPPED'), os.environ.get('AWS_LAMBDA_EXEC_WRAPPER')]";
        let mut function = Function::new(&runtime, &[("app.py", app)]);
        function.wrap();
        let mut function = function.start("app.f");
        assert_eq!(function.api.invoke("{}").json(), json!(["yes", null]));
    }
}

#[tokio::test]
async fn every_python_of_the_host_answers() {
    let runtimes = Runtimes::discover(&runtimes_dir(), &[]).await;
    for runtime in runtimes
        .list()
        .filter(|found| found.name().starts_with("python"))
    {
        runtime.prepare().await.unwrap();
        let app = "import decimal, sys\ndef f(e, c): return [sys.version_info[:2], decimal.Decimal('1.5'), e]";
        let mut function = Function::new(runtime, &[("app.py", app)]).park();
        function.assign("app.f");
        let minor: u8 = runtime
            .name()
            .trim_start_matches("python3.")
            .parse()
            .unwrap();
        let want = json!([[3, minor], 1.5, {"text": "Grüße"}]);
        assert_eq!(function.api.invoke(r#"{"text": "Grüße"}"#).json(), want);
        println!(
            "{} {} {:?}",
            runtime.name(),
            runtime.version,
            runtime.client()
        );
    }
}
