import { setTimeout as pass } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import type { InFlight } from './in-flight.js'

/** Milliseconds that a client has at the end to take the last of its response. */
const LAST_MOMENT = 1_000

/** Stops accepting, lets what is in flight end, and breaks off what does not, and the connections that ask for nothing. */
export async function closeServer ({ server, log }: FastifyInstance, inFlight: InFlight, timeout: number): Promise<void> {
  const closed = new Promise<unknown>(resolve => { server.close(resolve) })
  log.info('shutting down: nothing new is accepted')
  const left = await inFlight.finish(timeout)
  if (left > 0) {
    log.warn({ exchanges: left, timeout }, 'shutting down: broken off')
  } else {
    server.closeIdleConnections()
    await Promise.race([closed, pass(LAST_MOMENT, undefined, { ref: false })])
  }
  server.closeAllConnections()
}
