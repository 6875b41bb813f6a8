import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { UpstreamResponse } from '../upstream/pool.js'
import type { ClientResponse } from './client-response.js'
import { BROKEN_OFF, GatewayError } from './errors.js'
import type { Switch } from './hook-calls.js'
import type { Reply } from './request.js'
import { Tunnel } from './tunnel.js'
import type { TunnelOwner } from './tunnel.js'
import { switchProtocols } from './upgrade.js'

/** The exchange whose connections go over. */
export interface SwitchOwner extends TunnelOwner {
  readonly request: { readonly raw: IncomingMessage }
  readonly reply: Reply
  readonly route: { readonly upgradeTimeout: number }
  responseHead (response: UpstreamResponse): string[]
  tunnelled (tunnel: Tunnel): void
  switchFailed (error: GatewayError): void
}

/** Two connections that go over to another protocol: after the head of a 101 there is no more HTTP. */
export class ProtocolSwitch implements Switch {
  readonly #protocol: string
  readonly #response: UpstreamResponse
  readonly #upstream: Socket
  readonly #early: Buffer
  readonly #client: ClientResponse
  readonly #owner: SwitchOwner

  /** @param early what the upstream sent behind its head */
  constructor (protocol: string, response: UpstreamResponse, upstream: Socket, early: Buffer, client: ClientResponse, owner: SwitchOwner) {
    this.#protocol = protocol
    this.#response = response
    this.#upstream = upstream
    // A copy: the connection's next read goes to where it lies.
    this.#early = Buffer.from(early)
    this.#client = client
    this.#owner = owner
  }

  head (): string[] {
    const head = this.#owner.responseHead(this.#response)
    head.push('Connection', 'Upgrade', 'Upgrade', this.#protocol)
    return head
  }

  pass (head: string[]): void {
    const { reply, request, route } = this.#owner
    const upstream = this.#upstream
    const wrong = upstream.destroyed ? new GatewayError('BAD_GATEWAY', BROKEN_OFF) : this.#client.writeHead(this.#response, head, true)
    if (wrong !== undefined) {
      upstream.destroy()
      this.#owner.switchFailed(wrong)
      return
    }
    const { socket } = request.raw
    switchProtocols(reply.raw, socket)
    upstream.unshift(this.#early)
    const tunnel = new Tunnel(socket, upstream, route.upgradeTimeout, this.#owner)
    tunnel.begin()
    this.#owner.tunnelled(tunnel)
  }

  drop (): void {
    this.#upstream.destroy()
  }
}
