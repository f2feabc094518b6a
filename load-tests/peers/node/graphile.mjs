// graphile-worker, with the settings of its manual's page on performance.
//
//   node graphile.mjs add JOBS CLIENTS      `addJob`, that many calls at a time
//   node graphile.mjs bulk JOBS SIZE        `addJobs`, that many jobs a call, four calls at a time
//   node graphile.mjs drain JOBS CONCURRENCY
//
// DATABASE_URL names the Postgres. Prints one JSON object: {"jobs": ..., "seconds": ...}.
import { performance } from 'node:perf_hooks';
import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import pg from 'pg';

const payload = { ms: 0, pad: 'x'.repeat(238) };
const logger = new Logger(() => () => {});

async function inTurn(clients, calls, call) {
  let next = 0;
  const client = async () => {
    while (next < calls) {
      next += 1;
      await call();
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
}

async function utilities(clients) {
  const pgPool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: clients });
  const utils = await makeWorkerUtils({ pgPool, logger });
  await utils.migrate();
  return { pgPool, utils };
}

async function add(jobs, clients) {
  // As many connections as usual; the rest of the calls wait for one.
  const { pgPool, utils } = await utilities(10);
  const started = performance.now();
  await inTurn(clients, jobs, () => utils.addJob('noop', payload));
  const seconds = (performance.now() - started) / 1000;
  await utils.release();
  await pgPool.end();
  return { jobs, seconds };
}

async function bulk(jobs, size) {
  const { pgPool, utils } = await utilities(4);
  const started = performance.now();
  await inTurn(4, Math.ceil(jobs / size), () =>
    utils.addJobs(Array.from({ length: size }, () => ({ identifier: 'noop', payload }))));
  const seconds = (performance.now() - started) / 1000;
  await utils.release();
  await pgPool.end();
  return { jobs: Math.ceil(jobs / size) * size, seconds };
}

// From the first job's start to the last one's end.
async function drain(jobs, concurrency) {
  const pgPool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: concurrency + 1 });
  let started;
  let ended = 0;
  let runner;
  const seconds = await new Promise((done, failed) => {
    const noop = async () => { started ??= performance.now(); };
    run({
      pgPool,
      logger,
      concurrency,
      noHandleSignals: true,
      taskList: { noop },
      preset: { worker: { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
    }).then((running) => {
      runner = running;
      runner.events.on('job:complete', ({ error }) => {
        if (error) failed(error);
        ended += 1;
        if (ended === jobs) done((performance.now() - started) / 1000);
      });
    }, failed);
  });
  await runner.stop();
  const { rows } = await pgPool.query('select count(*)::int as left from graphile_worker.jobs');
  await pgPool.end();
  return { jobs: ended, seconds, left: rows[0].left };
}

const [command, jobs, number] = process.argv.slice(2);
const commands = { add, bulk, drain };
console.log(JSON.stringify(await commands[command](Number(jobs), Number(number))));
process.exit(0);
