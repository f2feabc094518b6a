// BullMQ, as its manual sets it up for production: jobs with retries, finished ones removed, a worker in a process of its own.
//
//   node bullmq.mjs add JOBS CLIENTS      `add`, that many calls at a time
//   node bullmq.mjs bulk JOBS SIZE        `addBulk`, that many jobs a call, four calls at a time
//   node bullmq.mjs drain JOBS CONCURRENCY inline|process
//
// REDIS_URL names the Redis. Prints one JSON object: {"jobs": ..., "seconds": ...}.
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';

const connect = () => new Redis(process.env.REDIS_URL, { maxRetriesPerRequest: null });
const data = { ms: 0, pad: 'x'.repeat(238) };
const defaultJobOptions = {
  attempts: 3,
  backoff: { type: 'exponential', delay: 1000 },
  removeOnComplete: { count: 1000 },
  removeOnFail: { count: 5000 },
};

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

async function add(jobs, clients) {
  const connection = connect();
  const queue = new Queue('noop', { connection, defaultJobOptions });
  await queue.waitUntilReady();
  const started = performance.now();
  await inTurn(clients, jobs, () => queue.add('noop', data));
  const seconds = (performance.now() - started) / 1000;
  const { waiting } = await queue.getJobCounts('waiting');
  await queue.close();
  connection.disconnect();
  return { jobs, seconds, waiting };
}

async function bulk(jobs, size) {
  const connection = connect();
  const queue = new Queue('noop', { connection, defaultJobOptions });
  await queue.waitUntilReady();
  const started = performance.now();
  await inTurn(4, Math.ceil(jobs / size), () =>
    queue.addBulk(Array.from({ length: size }, () => ({ name: 'noop', data }))));
  const seconds = (performance.now() - started) / 1000;
  const { waiting } = await queue.getJobCounts('waiting');
  await queue.close();
  connection.disconnect();
  return { jobs: Math.ceil(jobs / size) * size, seconds, waiting };
}

// From the first job's start to the last one's completion.
async function drain(jobs, concurrency, kind) {
  const processor = kind === 'process' ? fileURLToPath(new URL('./noop.cjs', import.meta.url)) : async () => {};
  const connection = connect();
  const worker = new Worker('noop', processor, { connection, concurrency, autorun: false });
  let started;
  let completed = 0;
  worker.once('active', () => { started = performance.now(); });
  const seconds = await new Promise((done, failed) => {
    worker.on('completed', () => {
      completed += 1;
      if (completed === jobs) done((performance.now() - started) / 1000);
    });
    worker.on('failed', (_, error) => failed(error));
    worker.on('error', failed);
    worker.run();
  });
  await worker.close();
  connection.disconnect();
  return { jobs: completed, seconds };
}

const [command, jobs, number, kind] = process.argv.slice(2);
const commands = { add, bulk, drain };
console.log(JSON.stringify(await commands[command](Number(jobs), Number(number), kind)));
process.exit(0);
