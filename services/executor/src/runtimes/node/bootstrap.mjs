// Connects Node.js to the Runtime API: loads the function's handler, then serves one event at a time until it is stopped.
//
// Started with the argument `parked`, it waits on file descriptor 3 for a line of JSON that names a function, and becomes
// that function's. It speaks HTTP over a plain socket: the `http` module costs more to load and to use than this file.

import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { createRequire } from "node:module";
import { Writable } from "node:stream";
import { pathToFileURL } from "node:url";
import { format } from "node:util";

const API_PREFIX = "/2018-06-01/runtime/";
const ERROR_TYPE = "Lambda-Runtime-Function-Error-Type";
const ERROR_CONTENT_TYPE = "application/vnd.aws.lambda.error+json";
const STREAMING = Symbol.for("aws.lambda.runtime.handler.streaming");
const HIGH_WATER_MARK = Symbol.for("aws.lambda.runtime.handler.streaming.highWaterMark");
const HTTP_RESPONSE_TYPE = "application/vnd.awslambda.http-integration-response";
const CONTROL_FD = 3;

/** The invocation that is being served; `undefined` before the first and between two. */
let current;
/** What to do when nothing is left to wait for while an invocation is being served. */
let whenIdle;

// --- Logs ------------------------------------------------------------------------------------------------------------

/** Writes one log line at once, so that it is there even if the process is killed right after. */
function writeLine(text) {
  let bytes = Buffer.from(text + "\n");
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(fs.writeSync(1, bytes));
    } catch (error) {
      // Nobody reads any more: the executor is gone, and an error about it could not be written either.
      if (error.code === "EPIPE") process.reallyExit(1);
      if (error.code !== "EAGAIN") throw error;
      // The reader is behind: wait a millisecond for it.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

/** A line in Lambda's text format. A carriage return keeps several lines in one event. */
function log(level, args) {
  const message = format(...args).replace(/\n/g, "\r");
  writeLine(`${new Date().toISOString()}\t${current?.id}\t${level}\t${message}`);
}

function patchConsole() {
  const levels = {
    trace: "TRACE", debug: "DEBUG", log: "INFO", info: "INFO", warn: "WARN", error: "ERROR", fatal: "FATAL",
  };
  for (const [method, level] of Object.entries(levels)) {
    console[method] = (...args) => log(level, args);
  }
}

// --- Errors ----------------------------------------------------------------------------------------------------------

/** A failure with a type of Lambda's own. */
class Fault extends Error {
  constructor(type, message, cause) {
    super(message);
    this.name = type;
    if (cause?.stack) this.stack = `${type}: ${cause.stack}`;
  }
}

function isError(value) {
  return value !== null && typeof value === "object" && typeof value.name === "string" &&
    typeof value.message === "string" && typeof value.stack === "string";
}

/** What the Runtime API is told about a failure. */
function forApi(error) {
  if (!isError(error)) {
    return { errorType: typeof error, errorMessage: String(error), trace: [] };
  }
  // A DEL in front of a name cannot be sent in a header.
  const clean = (text) => text.replace(/\x7F/g, "%7F");
  return {
    errorType: clean(error.name),
    errorMessage: clean(error.message),
    trace: clean(error.stack).split("\n"),
  };
}

/** What the log is told: every own property too. */
function forLog(error) {
  if (!isError(error)) return JSON.stringify(forApi(error));
  const { name, message, stack, ...own } = error;
  try {
    return JSON.stringify({
      errorType: error.name,
      errorMessage: error.message,
      ...own,
      stack: error.stack.split("\n"),
    });
  } catch {
    return JSON.stringify(forApi(error));
  }
}

// --- The Runtime API -------------------------------------------------------------------------------------------------

/** One kept-alive connection, one request at a time. */
class Channel {
  #host;
  #port;
  #socket;
  #received = [];
  #size = 0;
  #head;
  #waiting;

  constructor(address) {
    const colon = address.lastIndexOf(":");
    this.#host = address.slice(0, colon);
    this.#port = Number(address.slice(colon + 1));
  }

  /** Sends a request; resolves to `{ status, headers, body }`. While it waits, the process stays alive. */
  request(method, target, headers = {}, body) {
    const { socket, answered } = this.#open(method, target, headers, body?.length);
    if (body !== undefined && body.length > 0) socket.write(body);
    socket.uncork();
    return answered;
  }

  /** Starts a request whose body comes in chunks; gives `{ write, end, answered }`. */
  stream(target, headers, trailers) {
    const all = { ...headers, "Transfer-Encoding": "chunked", Trailer: trailers.join(", ") };
    const { socket, answered } = this.#open("POST", target, all);
    socket.uncork();
    return {
      answered,
      write(chunk, done) {
        if (chunk.length === 0) return done();
        socket.cork();
        socket.write(`${chunk.length.toString(16)}\r\n`);
        socket.write(chunk);
        socket.write("\r\n", done);
        socket.uncork();
      },
      end(values) {
        const lines = Object.entries(values).map(([name, value]) => `${name}: ${value}\r\n`);
        socket.write(`0\r\n${lines.join("")}\r\n`);
      },
    };
  }

  /** Lets the process's event loop run empty while nothing is asked. */
  rest() {
    this.#socket?.unref();
  }

  #open(method, target, headers, length) {
    const socket = this.#connection();
    socket.ref();
    let head = `${method} ${API_PREFIX}${target} HTTP/1.1\r\nHost: ${this.#host}:${this.#port}\r\n`;
    for (const [name, value] of Object.entries(headers)) head += `${name}: ${value}\r\n`;
    if (length !== undefined) head += `Content-Length: ${length}\r\n`;
    const answered = new Promise((resolve, reject) => (this.#waiting = { resolve, reject }));
    socket.cork();
    socket.write(`${head}\r\n`, "latin1");
    return { socket, answered };
  }

  #connection() {
    if (this.#socket && !this.#socket.destroyed && this.#socket.writable) return this.#socket;
    const socket = net.connect({ host: this.#host, port: this.#port, noDelay: true });
    const lost = (error) => {
      if (socket !== this.#socket) return;
      this.#socket = undefined;
      const waiting = this.#waiting;
      this.#waiting = undefined;
      waiting?.reject(error ?? new Error("the Runtime API closed the connection"));
    };
    socket.on("data", (data) => this.#take(data));
    socket.on("error", lost);
    socket.on("close", () => lost());
    this.#socket = socket;
    this.#received = [];
    this.#size = 0;
    this.#head = undefined;
    return socket;
  }

  #take(data) {
    this.#received.push(data);
    this.#size += data.length;
    if (!this.#head) {
      const all = this.#join();
      const end = all.indexOf("\r\n\r\n");
      if (end < 0) return;
      this.#head = parseHead(all.toString("latin1", 0, end));
      this.#replace(all.subarray(end + 4));
      if (this.#head.status < 200) {
        this.#head = undefined;
        return this.#size > 0 ? this.#take(Buffer.alloc(0)) : undefined;
      }
    }
    const { status, headers } = this.#head;
    let body;
    if (headers["transfer-encoding"]?.toLowerCase() === "chunked") {
      const decoded = decodeChunks(this.#join());
      if (!decoded) return;
      body = decoded.body;
      this.#replace(decoded.rest);
    } else {
      const length = Number(headers["content-length"] ?? 0);
      if (this.#size < length) return;
      const all = this.#join();
      body = all.subarray(0, length);
      this.#replace(all.subarray(length));
    }
    this.#head = undefined;
    if (headers.connection?.toLowerCase() === "close") this.#socket.end();
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve({ status, headers, body });
  }

  #join() {
    if (this.#received.length > 1) this.#received = [Buffer.concat(this.#received)];
    return this.#received[0] ?? Buffer.alloc(0);
  }

  #replace(rest) {
    this.#received = rest.length > 0 ? [rest] : [];
    this.#size = rest.length;
  }
}

function parseHead(text) {
  const lines = text.split("\r\n");
  const headers = {};
  for (const line of lines.slice(1)) {
    const colon = line.indexOf(":");
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return { status: Number(lines[0].split(" ")[1]), headers };
}

/** The body of a chunked message, or `undefined` while it is incomplete. */
function decodeChunks(all) {
  const parts = [];
  let at = 0;
  for (;;) {
    const end = all.indexOf("\r\n", at);
    if (end < 0) return undefined;
    const size = parseInt(all.toString("latin1", at, end), 16);
    const next = end + 2 + size + 2;
    if (next > all.length) return undefined;
    if (size === 0) return { body: Buffer.concat(parts), rest: all.subarray(next) };
    parts.push(all.subarray(end + 2, end + 2 + size));
    at = next;
  }
}

async function post(channel, target, headers, body) {
  const { status, body: answer } = await channel.request("POST", target, headers, Buffer.from(body));
  // Too large a response is answered for us; anything else means that we misbehave.
  if (status !== 202 && status !== 413) {
    throw new Error(`${target}: the Runtime API answered ${status}: ${answer}`);
  }
}

function postError(channel, target, error) {
  const described = forApi(error);
  const headers = { "Content-Type": ERROR_CONTENT_TYPE, [ERROR_TYPE]: headerSafe(described.errorType) };
  return post(channel, target, headers, JSON.stringify(described));
}

function headerSafe(text) {
  return text.replace(/[^\x20-\x7E]/g, "?");
}

// --- The handler -----------------------------------------------------------------------------------------------------

/** Loads what a handler name such as `index.handler`, `src/app.handler` or `app.nested.handler` means. */
async function loadHandler(name, root) {
  if (name.includes("..")) {
    throw new Fault(
      "Runtime.MalformedHandlerName",
      `'${name}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`,
    );
  }
  const match = /^([^.]*)\.(.+)$/.exec(path.basename(name));
  if (!match) throw new Fault("Runtime.MalformedHandlerName", "Bad handler");
  const module = path.join(path.dirname(name), match[1]);
  const found = await loadModule(module, root);
  const handler = match[2].split(".").reduce((object, key) => object?.[key], found);
  if (handler === undefined || handler === null) {
    throw new Fault("Runtime.HandlerNotFound", `${name} is undefined or not exported`);
  }
  if (typeof handler !== "function") {
    throw new Fault("Runtime.HandlerNotFound", `${name} is not a function`);
  }
  return handler;
}

async function loadModule(module, root) {
  const require = createRequire(path.join(root, "package.json"));
  const base = path.resolve(root, module);
  try {
    for (const extension of ["", ".js", ".mjs", ".cjs"]) {
      const file = base + extension;
      if (!fs.statSync(file, { throwIfNoEntry: false })?.isFile()) continue;
      const isModule = extension === ".mjs" || (extension === ".js" && inModulePackage(file));
      return isModule ? await import(pathToFileURL(file).href) : require(file);
    }
    return require(require.resolve(module, { paths: [root] }));
  } catch (error) {
    if (error instanceof SyntaxError) throw new Fault("Runtime.UserCodeSyntaxError", String(error), error);
    if (error?.code === "MODULE_NOT_FOUND") throw new Fault("Runtime.ImportModuleError", String(error), error);
    throw error;
  }
}

/** Whether the nearest `package.json` makes a `.js` file an ES module. */
function inModulePackage(file) {
  for (let dir = path.dirname(file); ; dir = path.dirname(dir)) {
    try {
      return JSON.parse(fs.readFileSync(path.join(dir, "package.json"), "utf8")).type === "module";
    } catch (error) {
      if (error.code !== "ENOENT") return false;
    }
    if (path.dirname(dir) === dir || path.basename(dir) === "node_modules") return false;
  }
}

// --- One invocation --------------------------------------------------------------------------------------------------

function headerJson(headers, name) {
  return headers[name] ? JSON.parse(headers[name]) : undefined;
}

/** What a handler gets beside the event. `settle` takes the outcome of the old-style ways to answer. */
function makeContext(headers, settle) {
  const env = process.env;
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  const fail = (error) => settle({ error: error ?? "handled" });
  const succeed = (value) => settle({ value });
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: headerJson(headers, "lambda-runtime-client-context"),
    identity: headerJson(headers, "lambda-runtime-cognito-identity"),
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    awsRequestId: headers["lambda-runtime-aws-request-id"],
    tenantId: headers["lambda-runtime-aws-tenant-id"],
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
    succeed,
    fail,
    done: (error, value) => (error === undefined || error === null ? succeed(value) : fail(error)),
  };
}

/** Runs a handler to its outcome: `{ value }` or `{ error }`. */
function run(handler, { headers, body }) {
  return new Promise((settle) => {
    // A handler that leaves nothing to wait for and never answers has answered null.
    whenIdle = () => settle({ value: null });
    try {
      const context = makeContext(headers, settle);
      const callback = (error, value) => {
        if (error !== undefined && error !== null) return settle({ error });
        if (!context.callbackWaitsForEmptyEventLoop) return settle({ value });
        whenIdle = () => settle({ value });
      };
      const returned = handler(JSON.parse(body.toString()), context, callback);
      if (typeof returned?.then === "function") {
        returned.then((value) => settle({ value }), (error) => settle({ error }));
      }
    } catch (error) {
      settle({ error });
    }
  });
}

async function serve(channel, handler, request) {
  const target = `invocation/${current.id}`;
  const outcome = await run(handler, request);
  whenIdle = undefined;
  if (!("error" in outcome)) {
    try {
      const text = JSON.stringify(outcome.value === undefined ? null : outcome.value) ?? "null";
      return await post(channel, `${target}/response`, { "Content-Type": "application/json" }, text);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      outcome.error = new Error("Unable to stringify response body");
    }
  }
  log("ERROR", ["Invoke Error", `\t${forLog(outcome.error)}`]);
  return postError(channel, `${target}/error`, outcome.error);
}

// --- Response streaming ----------------------------------------------------------------------------------------------

/** The stream that a streaming handler writes to. The request is sent when the first byte is. */
class ResponseStream extends Writable {
  #channel;
  #post;
  #contentType = "application/octet-stream";
  #first;
  failure;

  constructor(channel, highWaterMark) {
    super(highWaterMark === undefined ? {} : { highWaterMark });
    this.#channel = channel;
  }

  setContentType(type) {
    if (this.#post) throw new Error("The content type cannot be changed once something has been written.");
    this.#contentType = type;
  }

  /** Bytes to be sent before all others. */
  prelude(bytes) {
    this.#first = bytes;
  }

  #begin() {
    this.#post ??= this.#channel.stream(
      `invocation/${current.id}/response`,
      { "Content-Type": this.#contentType, "Lambda-Runtime-Function-Response-Mode": "streaming" },
      [ERROR_TYPE, "Lambda-Runtime-Function-Error-Body"],
    );
    return this.#post;
  }

  #sendFirst() {
    if (this.#first) this.#begin().write(this.#first, () => {});
    this.#first = undefined;
  }

  _write(chunk, encoding, done) {
    this.#sendFirst();
    this.#begin().write(Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk, encoding), done);
  }

  /** Whether bytes have been sent already, so that an error can only go into the trailers. */
  get begun() {
    return this.#post !== undefined;
  }

  /** Ends the request, with trailers if the handler failed, and waits for the answer. */
  finish() {
    const trailers = {};
    if (this.failure) {
      const { error } = this.failure;
      trailers[ERROR_TYPE] = headerSafe(forApi(error).errorType);
      trailers["Lambda-Runtime-Function-Error-Body"] = Buffer.from(JSON.stringify(forApi(error))).toString("base64");
    } else {
      this.#sendFirst();
    }
    this.#begin().end(trailers);
    return this.#post.answered;
  }
}

async function serveStreaming(channel, handler, { headers, body }) {
  const stream = new ResponseStream(channel, handler[HIGH_WATER_MARK]);
  const finished = new Promise((resolve, reject) => stream.once("finish", resolve).once("error", reject));
  try {
    whenIdle = () => stream.end();
    const context = makeContext(headers, () => stream.end());
    const returned = handler(JSON.parse(body.toString()), stream, context);
    if (typeof returned?.then !== "function") {
      throw new Fault("Runtime.InvalidStreamingOperation", "Streaming does not support non-async handlers.");
    }
    finished.catch(() => {});
    await returned;
    await finished;
  } catch (error) {
    log("ERROR", ["Invoke Error", `\t${forLog(error)}`]);
    whenIdle = undefined;
    if (!stream.begun) return postError(channel, `invocation/${current.id}/error`, error);
    stream.failure = { error };
  }
  whenIdle = undefined;
  return stream.finish();
}

/** What functions find as the global `awslambda`. */
const awslambda = {
  streamifyResponse(handler, options) {
    handler[STREAMING] = "response";
    if (typeof options?.highWaterMark === "number") handler[HIGH_WATER_MARK] = options.highWaterMark;
    return handler;
  },
  HttpResponseStream: {
    from(stream, metadata) {
      stream.setContentType(HTTP_RESPONSE_TYPE);
      stream.prelude(Buffer.concat([Buffer.from(JSON.stringify(metadata)), Buffer.alloc(8)]));
      return stream;
    },
  },
};

// --- The process -----------------------------------------------------------------------------------------------------

/** A failure that nobody caught: told to the Runtime API, then the process ends. */
async function die(title, error, code) {
  log("ERROR", [title, `\t${forLog(error)}`]);
  try {
    const target = current ? `invocation/${current.id}/error` : "init/error";
    await postError(new Channel(process.env.AWS_LAMBDA_RUNTIME_API), target, error);
  } catch {
    // The exit code says enough.
  }
  process.exit(code);
}

function catchTheUncaught() {
  process.on("uncaughtException", (error) => die("Uncaught Exception", error, 129));
  process.on("unhandledRejection", (reason) => {
    const error = new Fault("Runtime.UnhandledPromiseRejection", String(reason), isError(reason) ? reason : undefined);
    error.reason = reason;
    die("Unhandled Promise Rejection", error, 128);
  });
  process.on("beforeExit", () => {
    const next = whenIdle;
    whenIdle = undefined;
    if (next) setImmediate(next);
  });
}

/** Reads the assignment of a parked process and puts on the function's environment. */
async function waitForFunction() {
  const line = await new Promise((resolve) => {
    const control = new net.Socket({ fd: CONTROL_FD, readable: true, writable: false });
    let text = "";
    control.setEncoding("utf8");
    control.on("data", (part) => {
      text += part;
      if (text.endsWith("\n")) control.destroy();
    });
    control.on("error", () => process.exit(0));
    control.on("close", () => (text.endsWith("\n") ? resolve(text) : process.exit(0)));
  });
  const { env, handler, cwd } = JSON.parse(line);
  for (const [key, value] of Object.entries(env)) {
    if (key !== "AWS_LAMBDA_RUNTIME_API") process.env[key] = value;
  }
  process.chdir(cwd);
  return handler;
}

/** Gives the way to the function's wrapper script, which starts this program again. */
async function startWrapper(wrapper) {
  const { spawn } = await import("node:child_process");
  delete process.env.AWS_LAMBDA_EXEC_WRAPPER;
  const child = spawn(wrapper, process.argv, { stdio: "inherit" });
  child.on("error", (error) => die("Wrapper Error", error, 1));
  child.on("exit", (code, signal) => (signal ? process.kill(process.pid, signal) : process.exit(code)));
}

async function main() {
  const parked = process.argv[2] === "parked";
  const wrapper = process.env.AWS_LAMBDA_EXEC_WRAPPER;
  if (!parked && wrapper) return startWrapper(wrapper);
  globalThis.awslambda = awslambda;
  const name = parked ? await waitForFunction() : (process.env._HANDLER ?? "");
  patchConsole();
  catchTheUncaught();
  const channel = new Channel(process.env.AWS_LAMBDA_RUNTIME_API);
  let handler;
  try {
    handler = await loadHandler(name, process.env.LAMBDA_TASK_ROOT ?? "/var/task");
  } catch (error) {
    return die("Uncaught Exception", error, 129);
  }
  for (;;) {
    const request = await channel.request("GET", "invocation/next");
    if (request.status !== 200) throw new Error(`invocation/next: the Runtime API answered ${request.status}`);
    channel.rest();
    current = { id: request.headers["lambda-runtime-aws-request-id"] };
    const trace = request.headers["lambda-runtime-trace-id"];
    if (trace === undefined) delete process.env._X_AMZN_TRACE_ID;
    else process.env._X_AMZN_TRACE_ID = trace;
    await (handler[STREAMING] ? serveStreaming : serve)(channel, handler, request);
    current = undefined;
  }
}

// Not awaited here: an empty event loop must reach `beforeExit`, and an unsettled await would make it an error.
main().catch((error) => {
  writeLine(`runtime failed: ${error?.stack ?? error}`);
  process.exit(1);
});
