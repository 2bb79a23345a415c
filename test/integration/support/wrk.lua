-- Lets wrk end with a line of JSON: how many requests were answered, how many were not and why, and latencies.
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"usec":%d,"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d,"medianUsec":%d,"maxUsec":%d}\n',
    summary.requests, summary.duration, errors.connect, errors.read, errors.write, errors.status, errors.timeout,
    latency:percentile(50), latency.max))
end
