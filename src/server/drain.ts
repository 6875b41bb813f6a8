import type { Server } from 'node:http'
import { setTimeout as pass } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'

const draining = new WeakSet<Server>()
const ending = new WeakSet<Server>()

/** Whether a server will close soon, and is to get no new work. */
export function isDraining (server: Server): boolean {
  return draining.has(server)
}

/** From now on each response is the last of its connection, and says so: a door that is simply closed loses what is on its way. */
export function beginDraining (server: Server): void {
  if (draining.has(server)) return
  draining.add(server)
  server.prependListener('request', (_request, response) => { response.shouldKeepAlive = false })
}

/** Accepts nothing more, but leaves idle connections open, which `close` alone would not. */
export function stopAccepting (server: Server): void {
  const { closeIdleConnections } = server
  server.closeIdleConnections = () => {}
  server.close()
  server.closeIdleConnections = closeIdleConnections
}

/**
 * Ends a service and its process, with status 0. Called more than once, it hastens nothing: Ctrl-C sends a signal to
 * every process of a terminal, npm passes it on, and a supervisor may send its own.
 *
 * @param drainDelay milliseconds for which new connections are still accepted
 */
export async function endProcess (fastify: FastifyInstance, drainDelay: number): Promise<void> {
  const { server, log } = fastify
  if (ending.has(server)) return
  ending.add(server)
  beginDraining(server)
  if (drainDelay > 0) {
    log.info({ drainDelay }, 'draining: new connections are still accepted')
    await pass(drainDelay)
  }
  await fastify.close()
  process.exit(0)
}
