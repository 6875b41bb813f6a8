import type { EventEmitter } from 'node:events'
import { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { UpgradeConnection } from './given-connection.js'
import { connectionOf } from './upgrade-body.js'

/*
 * How Node's HTTP server gives a connection away, and documents nowhere:
 * - It calls `emit` of the server with the event 'upgrade', after it has looked for a listener.
 * - Later ones (24.9, 22.21) first ask the property `shouldUpgradeCallback`, which they set where no option does.
 */

/** A request as a server has it. */
export type ServerRequest = IncomingMessage & { method: string, url: string }

type UpgradingServer = EventEmitter & { shouldUpgradeCallback?: (request: ServerRequest) => boolean }

/** Who gets a server's upgrades first. */
export interface UpgradeTaker {
  /** @returns whether it was taken; what was not goes to the server's listeners */
  take (request: ServerRequest, connection: UpgradeConnection, early: Buffer): boolean
  /**
   * Whether Node is to give the connection out. Asked where Node knows that property.
   *
   * @returns `undefined` to have the host decide
   */
  wants (request: ServerRequest): boolean | undefined
}

/**
 * Gives the upgrades of a server to `taker`. What a host listens with, before or after, would get them, too, and close
 * their connections: every listener for 'upgrade' is called for every path. So the event itself is withheld.
 */
export function takeUpgrades (server: UpgradingServer, taker: UpgradeTaker): void {
  const emit: EventEmitter['emit'] = server.emit
  server.emit = (event, ...args) => (event === 'upgrade' && take(taker, args)) || emit.call(server, event, ...args)
  server.on('upgrade', () => {})
  const isWanted = server.shouldUpgradeCallback
  if (isWanted !== undefined) server.shouldUpgradeCallback = request => taker.wants(request) ?? isWanted.call(server, request)
}

function take (taker: UpgradeTaker, [request, given, early]: unknown[]): boolean {
  if (!isRequest(request) || !(early instanceof Buffer)) return false
  const connection = connectionOf(request, given)
  return isConnection(connection) && taker.take(request, connection, early)
}

function isRequest (request: unknown): request is ServerRequest {
  return request instanceof IncomingMessage && request.method !== undefined && request.url !== undefined
}

function isConnection (socket: Socket | undefined): socket is UpgradeConnection {
  return socket !== undefined && 'server' in socket
}
