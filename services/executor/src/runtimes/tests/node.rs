//! Node.js, through our own bootstrap.

use base64::Engine;
use serde_json::json;

use super::process::{Function, runtime};

const APP: &str = r#"
exports.echo = async (event, context) => {
  console.log("hello %s", "you", { a: 1 });
  console.error(new Error("as text").message + "\nsecond");
  return {
    event, cwd: process.cwd(), colour: process.env.COLOUR, trace: process.env._X_AMZN_TRACE_ID,
    context: [context.awsRequestId, context.functionName, context.functionVersion, context.memoryLimitInMB,
              context.logGroupName, context.logStreamName, context.invokedFunctionArn,
              context.clientContext.custom, context.identity.cognitoIdentityId],
    timeLeft: context.getRemainingTimeInMillis() > 0 && context.getRemainingTimeInMillis() <= 3000,
  };
};
exports.callback = (event, context, callback) => { setTimeout(() => { order.push("late"); }, 30);
  callback(null, { waited: order }); };
const order = [];
exports.impatient = (event, context, callback) => { context.callbackWaitsForEmptyEventLoop = false;
  setInterval(() => {}, 1000); callback(null, "now"); };
exports.failing = (event, context, callback) => callback(new TypeError("by callback"));
exports.done = (event, context) => { context.done(null, "done"); };
exports.silent = () => {};
exports.never = () => new Promise(() => {});
exports.throws = async () => { const e = new RangeError("thrown"); e.code = "E1"; throw e; };
exports.throwsText = async () => { throw "just text"; };
exports.circular = async () => { const a = {}; a.a = a; return a; };
exports.nothing = async () => undefined;
exports.big = async () => "x".repeat(3000000);
exports.uncaught = () => { setTimeout(() => { throw new Error("out of reach"); }, 1); };
exports.rejected = () => { Promise.reject(new Error("unhandled")); return new Promise((r) => setTimeout(r, 500)); };
exports.deep = { er: { handler: async () => "deep" } };
exports.value = 5;
exports.exits = () => process.exit(3);
"#;

async fn call(handler: &str, event: &str) -> (super::api::Post, String) {
    let runtime = runtime("nodejs").await;
    let mut function = Function::new(&runtime, &[("app.js", APP)]).start(handler);
    let post = function.api.invoke(event);
    (post, function.stop())
}

#[tokio::test]
async fn answers_with_the_whole_context() {
    let runtime = runtime("nodejs").await;
    for parked in [false, true] {
        let mut function = Function::new(&runtime, &[("src/app.js", APP)]);
        if parked {
            function = function.park();
            function.assign("src/app.echo");
        } else {
            function = function.start("src/app.echo");
        }
        function.api.next();
        let headers = [
            ("Lambda-Runtime-Trace-Id", "Root=1-2-3"),
            ("Lambda-Runtime-Client-Context", r#"{"custom":{"k":"v"}}"#),
            (
                "Lambda-Runtime-Cognito-Identity",
                r#"{"cognitoIdentityId":"i"}"#,
            ),
        ];
        function.api.send(r#"{"n":1}"#, &headers);
        let post = function.api.post();
        assert_eq!(post.path, "invocation/id-1/response");
        let dir = function.dir().to_str().unwrap();
        let want = json!({
            "event": {"n": 1}, "cwd": dir, "colour": "blue", "trace": "Root=1-2-3",
            "context": ["id-1", "demo", "$LATEST", "128", "/aws/lambda/demo", "stream", "arn:f",
                        {"k": "v"}, "i"],
            "timeLeft": true,
        });
        assert_eq!(post.json(), want);
        let text = function.stop();
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[0].ends_with("Z\tid-1\tINFO\thello you { a: 1 }"),
            "{text}"
        );
        assert!(
            lines[1].ends_with("Z\tid-1\tERROR\tas text\rsecond"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn every_way_to_answer() {
    for (handler, want) in [
        ("app.callback", json!({"waited": ["late"]})),
        ("app.impatient", json!("now")),
        ("app.done", json!("done")),
        ("app.silent", json!(null)),
        ("app.never", json!(null)),
        ("app.nothing", json!(null)),
        ("app.deep.er.handler", json!("deep")),
        ("app.big", json!("x".repeat(3_000_000))),
    ] {
        let (post, _) = call(handler, "{}").await;
        assert_eq!(post.path, "invocation/id-1/response", "{handler}");
        assert!(post.json() == want, "{handler}");
    }
}

#[tokio::test]
async fn every_way_to_fail() {
    for (handler, kind, message) in [
        ("app.failing", "TypeError", "by callback"),
        ("app.throws", "RangeError", "thrown"),
        ("app.throwsText", "string", "just text"),
        ("app.circular", "Error", "Unable to stringify response body"),
        ("app.uncaught", "Error", "out of reach"),
        (
            "app.rejected",
            "Runtime.UnhandledPromiseRejection",
            "Error: unhandled",
        ),
    ] {
        let (post, text) = call(handler, "{}").await;
        assert_eq!(post.path, "invocation/id-1/error", "{handler}");
        assert_eq!(post.headers["lambda-runtime-function-error-type"], kind);
        let error = post.json();
        assert_eq!(error["errorType"], kind);
        assert_eq!(error["errorMessage"], message);
        assert!(error["trace"].is_array());
        assert!(
            text.contains("\tid-1\tERROR\t") && text.contains("\"errorType\":"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn failures_before_the_first_event_are_lambdas() {
    let runtime = runtime("nodejs").await;
    let files = [
        ("app.js", APP),
        ("broken.js", "exports.f = ("),
        ("imports.js", "require('no-such-module')"),
        ("raises.mjs", "throw new Error('at load')"),
    ];
    for (handler, kind, message) in [
        (
            "missing.f",
            "Runtime.ImportModuleError",
            "Error: Cannot find module 'missing'",
        ),
        (
            "imports.f",
            "Runtime.ImportModuleError",
            "Error: Cannot find module 'no-such-module'",
        ),
        ("broken.f", "Runtime.UserCodeSyntaxError", "SyntaxError: "),
        (
            "app.f",
            "Runtime.HandlerNotFound",
            "app.f is undefined or not exported",
        ),
        (
            "app.value",
            "Runtime.HandlerNotFound",
            "app.value is not a function",
        ),
        ("raises.f", "Error", "at load"),
        ("nothing", "Runtime.MalformedHandlerName", "Bad handler"),
        (
            "../app.f",
            "Runtime.MalformedHandlerName",
            "'../app.f' is not a valid handler name.",
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
        assert_eq!(function.output().0, Some(129), "{handler}");
    }
}

#[tokio::test]
async fn modules_of_both_kinds() {
    let runtime = runtime("nodejs").await;
    let es = "import { sep } from 'node:path'; const late = await Promise.resolve('es');\
              export const handler = async () => late + sep;";
    let common = "exports.handler = async () => 'es/';";
    for (file, more, handler) in [
        ("index.mjs", None, "index.handler"),
        ("index.js", Some(r#"{"type": "module"}"#), "index.handler"),
        (
            "lib/index.js",
            Some(r#"{"type": "module"}"#),
            "lib/index.handler",
        ),
    ] {
        let mut files = vec![(file, es)];
        files.extend(more.map(|text| ("package.json", text)));
        let mut function = Function::new(&runtime, &files).start(handler);
        assert_eq!(function.api.invoke("{}").json(), json!("es/"), "{file}");
    }
    for file in ["index.js", "index.cjs"] {
        let mut function = Function::new(&runtime, &[(file, common)]).start("index.handler");
        assert_eq!(function.api.invoke("{}").json(), json!("es/"), "{file}");
    }
}

const STREAMS: &str = r#"
exports.text = awslambda.streamifyResponse(async (event, out, context) => {
  out.setContentType("text/plain"); out.write("one "); await new Promise((r) => setTimeout(r, 5));
  out.write("two"); out.end(); });
exports.http = awslambda.streamifyResponse(async (event, out) => {
  out = awslambda.HttpResponseStream.from(out, { statusCode: 201 }); out.end("body"); });
exports.early = awslambda.streamifyResponse(async () => { throw new Error("early"); });
exports.late = awslambda.streamifyResponse(async (event, out) => { out.write("half"); throw new Error("late"); });
"#;

#[tokio::test]
async fn streamed_answers() {
    let runtime = runtime("nodejs").await;
    let run = |handler: &str| {
        let mut function = Function::new(&runtime, &[("app.js", STREAMS)]).start(handler);
        let post = function.api.invoke("{}");
        function.api.next();
        post
    };
    let post = run("app.text");
    assert_eq!(post.body, b"one two");
    assert_eq!(
        post.headers["lambda-runtime-function-response-mode"],
        "streaming"
    );
    assert_eq!(post.headers["content-type"], "text/plain");
    assert!(post.trailers.is_empty());

    let post = run("app.http");
    assert_eq!(
        post.headers["content-type"],
        "application/vnd.awslambda.http-integration-response"
    );
    assert_eq!(post.body, b"{\"statusCode\":201}\0\0\0\0\0\0\0\0body");

    let post = run("app.early");
    assert_eq!(post.path, "invocation/id-1/error");
    assert_eq!(post.json()["errorMessage"], "early");

    let post = run("app.late");
    assert_eq!(post.path, "invocation/id-1/response");
    assert_eq!(post.body, b"half");
    assert_eq!(post.trailers["lambda-runtime-function-error-type"], "Error");
    let body = &post.trailers["lambda-runtime-function-error-body"];
    let body = base64::engine::general_purpose::STANDARD
        .decode(body)
        .unwrap();
    let error: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(error["errorMessage"], "late");
}

#[tokio::test]
async fn exits_and_serves_many() {
    let runtime = runtime("nodejs").await;
    let mut function = Function::new(&runtime, &[("app.js", APP)]).start("app.exits");
    function.api.next();
    function.api.send("{}", &[]);
    assert_eq!(function.output().0, Some(3));

    let count = "let n = 0; exports.handler = async () => ++n;";
    let mut function = Function::new(&runtime, &[("index.js", count)]).start("index.handler");
    for n in 1..=50 {
        assert_eq!(function.api.invoke("{}").json(), json!(n));
    }
}

#[tokio::test]
async fn a_parked_node_is_quick() {
    let runtime = runtime("nodejs").await;
    let files = [("app.js", APP)];
    let function = Function::new(&runtime, &files).start("app.echo");
    function.api.next();
    let plain = function.work();

    let mut function = Function::new(&runtime, &files).park();
    function.wait_until_parked();
    let before = function.work();
    let at = function.assign("app.echo");
    let took = function.api.next() - at;
    let parked = function.work().saturating_sub(before);
    println!("node, to the first next: {plain:?} of work plain, {parked:?} parked, in {took:?}");
    assert!(parked < plain / 3, "{parked:?} of {plain:?}");
}

#[tokio::test]
async fn a_wrapper_script_comes_first() {
    let runtime = runtime("nodejs").await;
    let app =
        "exports.handler = async () => [process.env.WRAPPED, process.env.AWS_LAMBDA_EXEC_WRAPPER];";
    let mut function = Function::new(&runtime, &[("index.js", app)]);
    function.wrap();
    let mut function = function.start("index.handler");
    assert_eq!(function.api.invoke("{}").json(), json!(["yes", null]));
}
