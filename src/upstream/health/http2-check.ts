import { connect } from 'node:http2'
import type { ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2'
import type { Socket } from 'node:net'
import { withoutHttp2 } from '../http2-session.js'
import { healthyStatus, USER_AGENT } from './http-request.js'
import type { HttpRequest } from './http-request.js'
import type { Check, Probe } from './probe.js'

/** Whether a GET over HTTP/2 gets a status that is expected. */
export function http2Check ({ path, host, expect }: HttpRequest, scheme: 'http' | 'https'): Check {
  return (socket, probe) => {
    const stream = openStream(socket, probe, scheme, { ':method': 'GET', ':path': path, ':authority': host })
    stream.on('response', ({ ':status': status = 0 }) => probe.decide(healthyStatus(status, expect), `status ${status}`))
    stream.on('data', chunk => probe.discard(chunk))
    stream.on('close', () => probe.end())
    stream.end()
  }
}

/** Opens the one stream of a session of its own. */
export function openStream (socket: Socket, probe: Probe, scheme: 'http' | 'https', head: OutgoingHttpHeaders): ClientHttp2Stream {
  const session = connect(`${scheme}://localhost`, { createConnection: () => socket, settings: { enablePush: false } })
  session.once('connect', () => {
    const error = withoutHttp2(session)
    if (error !== undefined) probe.failBy(error)
  })
  session.on('error', error => probe.failBy(error))
  const stream = session.request({ ':scheme': scheme, 'user-agent': USER_AGENT, ...head })
  stream.on('error', error => probe.failBy(error))
  return stream
}
