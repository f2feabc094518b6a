// The job, as a processor that BullMQ runs in a process of its own.
module.exports = async () => {};
