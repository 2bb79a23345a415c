/** A test sets NIWA_NO_QUEUE to see what services do on a host whose kernel has no queue for packets. */
export const HAS_NO_QUEUE = process.env.NIWA_NO_QUEUE !== undefined;
