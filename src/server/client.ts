import type { Socket } from 'node:net'
import type { FastifyRequest } from 'fastify'
import type { Client } from '../proxy/heads.js'
import type { AbsoluteTarget } from '../proxy/path.js'

/** A peer on a Unix socket has no address, and is on this machine. */
const LOCAL = '127.0.0.1'
/** Stands in X-Forwarded-For where a peer sent none, to be told whether one would be believed. */
const SOMEBODY = 'unknown'

/** What is told of a request's client. */
interface Origin {
  /** The request as Fastify is asked about its protocol and host. */
  readonly seen: FastifyRequest
  /** Empty on a Unix socket. */
  readonly peer: string
  /** The peer's, or what a trusted proxy said. */
  readonly ip: string
  readonly trusted: boolean
}

/** @param absolute the request's target, where it is in absolute-form */
export function clientOf (request: FastifyRequest, absolute: AbsoluteTarget | undefined): Client {
  const { seen, peer, ip, trusted } = originOf(request)
  const before = trusted ? request.raw.headers['x-forwarded-for'] : undefined
  return {
    forwardedFor: before ? listed(String(before), peer) : peer,
    peer,
    ip,
    protocol: seen.protocol,
    // An absolute-form's authority counts more than Host (RFC 9112 section 3.2.2).
    host: absolute === undefined || trusted ? seen.host : absolute.authority,
    trusted
  }
}

/** The address that limits count by: one for each client, whatever stands around it. */
export function addressOf (request: FastifyRequest): string {
  return originOf(request).ip || LOCAL
}

/** The address for a line of the log; none of a client that is gone. */
export function addressIn (request: FastifyRequest): { ip?: string } {
  const ip = request.raw.socket?.remoteAddress === undefined ? '' : originOf(request).ip
  return ip === '' ? {} : { ip }
}

/** Whether the peer is a proxy that `trustProxy` names. */
export function isFromTrusted (request: FastifyRequest): boolean {
  return originOf(request).trusted
}

function originOf (request: FastifyRequest): Origin {
  const { headers, socket } = request.raw
  const peer = peerAddress(socket)
  // Only with `trustProxy` Fastify's requests have it: the peer and, behind it, what it said, as far as it is trusted.
  if (!('ips' in request)) return { seen: request, peer, ip: peer, trusted: false }
  const list = headers['x-forwarded-for']
  const isUsual = peer !== '' && typeof list === 'string' && list !== '' && !list.includes(':')
  const seen = isUsual ? request : asUsual(request, String(list ?? ''), peer)
  const { ips = [] } = seen
  const last = ips.length > 1 ? ips[ips.length - 1] : undefined
  return { seen, peer, ip: last === undefined || last === SOMEBODY ? peer : bareAddress(last), trusted: last !== undefined }
}

/**
 * The request as Fastify understands it. A proxy with a port behind it in X-Forwarded-For is none of those that
 * `trustProxy` names, nor is a peer without an address; and of one that says nothing Fastify does not tell.
 */
function asUsual (request: FastifyRequest, list: string, peer: string): FastifyRequest {
  const { headers, socket } = request.raw
  const addresses = list.split(',').map(address => bareAddress(address.trim())).filter(address => address !== '')
  const raw = Object.create(request.raw, {
    headers: { value: { ...headers, 'x-forwarded-for': addresses.join(',') || SOMEBODY } },
    // A connection that is gone has no address either, and is nobody's.
    socket: { value: peer === '' && !socket.destroyed ? { remoteAddress: LOCAL, encrypted: 'encrypted' in socket } : socket }
  })
  return Object.create(request, { raw: { value: raw } })
}

function peerAddress ({ remoteAddress }: Socket): string {
  return remoteAddress === undefined ? '' : bareAddress(remoteAddress)
}

function listed (before: string, peer: string): string {
  return peer === '' ? before : `${before}, ${peer}`
}

/**
 * An address as it is compared: without a port, which some proxies add (`203.0.113.7:50001`, `[2001:db8::7]:443`), and
 * of IPv4 also where a socket of both families has it as one of IPv6 (`::ffff:10.0.0.1`, RFC 4291 section 2.5.5.2).
 */
export function bareAddress (text: string): string {
  const colon = text.indexOf(':')
  if (colon === -1) return text
  const end = text.indexOf(']')
  if (text.charCodeAt(0) === OPENING_BRACKET && end !== -1) return bareAddress(text.slice(1, end))
  if (text.indexOf(':', colon + 1) === -1) return text.slice(0, colon)
  return text.includes('.') && text.slice(0, MAPPED.length).toLowerCase() === MAPPED ? text.slice(MAPPED.length) : text
}

const OPENING_BRACKET = 91
const MAPPED = '::ffff:'
