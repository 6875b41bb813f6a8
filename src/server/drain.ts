import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as pass } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import type { Connections } from './connections.js'

const draining = new WeakSet<Server>()
const ending = new WeakSet<Server>()

/** Whether a server will close soon, and is to get no new work. */
export function isDraining (server: Server): boolean {
  return draining.has(server)
}

/**
 * From now on each response is the last of its connection, and says so: a door that is simply closed loses what is on
 * its way. Of requests that came together (pipelining) that holds for the last one, as those behind it would be lost.
 */
export function beginDraining (server: Server): void {
  if (draining.has(server)) return
  draining.add(server)
  const latest = new WeakMap<Socket, ServerResponse>()
  server.prependListener('request', (request, response) => {
    // There a session hears of it.
    if (request.httpVersionMajor === 2) return
    const earlier = latest.get(request.socket)
    if (earlier?.headersSent === false) earlier.shouldKeepAlive = true
    latest.set(request.socket, response)
    response.shouldKeepAlive = false
  })
}

/** Has sessions of HTTP/2 told that they will be closed. */
function announceClose (server: Server): void {
  server.emit('closeAnnounced')
}

/** Accepts nothing more, but leaves idle connections open, which `close` alone would not. */
export function stopAccepting (server: Server): void {
  const { closeIdleConnections } = server
  server.closeIdleConnections = () => {}
  server.close()
  server.closeIdleConnections = closeIdleConnections
}

/**
 * Ends a service that another process has taken over from, when all that is under way has ended: a client hears of it
 * by its next response, and idle connections are closed when none came for a while.
 *
 * @param timeout milliseconds after which it ends in any case
 */
export async function giveWay (fastify: FastifyInstance, connections: Connections, timeout: number): Promise<void> {
  const { server, log } = fastify
  beginDraining(server)
  announceClose(server)
  stopAccepting(server)
  log.info({ reloadTimeout: timeout }, 'draining: another process has taken over')
  await connections.end(timeout)
  return await endProcess(fastify, 0)
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
    announceClose(server)
    log.info({ drainDelay }, 'draining: new connections are still accepted')
    await pass(drainDelay)
  }
  await fastify.close()
  process.exit(0)
}
