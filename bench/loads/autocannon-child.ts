import autocannon from 'autocannon'
import { childOptions, endWithParent, send } from '../child.js'
import { errorsOf } from './load.js'
import type { LoadResult, Volley } from './load.js'

const { shot: { method, path, paths, headers, body }, port, seconds, connections } = childOptions<Volley>()

endWithParent()
const result = await autocannon({
  url: `http://127.0.0.1:${port}${path}`,
  method,
  headers,
  ...(body === undefined ? {} : { body }),
  ...(paths === undefined ? {} : { requests: paths.map(path => ({ path })) }),
  connections,
  duration: seconds
})
send({
  requests: result['2xx'],
  seconds: result.duration,
  p50: result.latency.p50,
  p99: result.latency.p99,
  errors: errorsOf({ 'connection errors': result.errors, timeouts: result.timeouts, 'answers other than 2xx': result.non2xx })
} satisfies LoadResult)
