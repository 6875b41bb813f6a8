import { request } from 'node:http'
import { healthyStatus, USER_AGENT } from './http-request.js'
import type { HttpRequest } from './http-request.js'
import type { Check } from './probe.js'

/** Whether a GET over HTTP/1.1 gets a status that is expected. */
export function http1Check ({ path, host, expect }: HttpRequest): Check {
  return (socket, probe) => {
    const sent = request({ createConnection: () => socket, path, headers: { Host: host, 'User-Agent': USER_AGENT } })
    sent.on('error', error => probe.failBy(error))
    sent.on('response', response => {
      const { statusCode = 0 } = response
      probe.decide(healthyStatus(statusCode, expect), `status ${statusCode}`)
      response.on('data', chunk => probe.discard(chunk))
      response.on('close', () => probe.end())
    })
    sent.end()
  }
}
