import type { FastifyReply } from 'fastify'
import type { RateLimitSettings } from '../config/index.js'

/** How a request stands with its limit. */
export interface Standing {
  readonly max: number
  readonly remaining: number
  /** Seconds until the count begins anew. */
  readonly ttlInSeconds: number
}

/** Tells a client how it stands. */
export type TellLimit = (reply: FastifyReply, standing: Standing) => void

/** Prepares the fields that a limit tells a client by, at start. */
export function compileFields ({ headers, max, timeWindow }: RateLimitSettings): TellLimit {
  return headers === 'draft' ? tellByDraft(max, timeWindow) : tellByCustom
}

function tellByCustom (reply: FastifyReply, { max, remaining, ttlInSeconds }: Standing): void {
  reply.header('x-ratelimit-limit', max)
  reply.header('x-ratelimit-remaining', remaining)
  reply.header('x-ratelimit-reset', ttlInSeconds)
}

/** draft-ietf-httpapi-ratelimit-headers-10: `RateLimit-Policy` says what holds, `RateLimit` what is left of it. */
function tellByDraft (max: number, timeWindow: number): TellLimit {
  const policy = `"default";q=${max};w=${Math.ceil(timeWindow / 1000)}`
  return (reply, { remaining, ttlInSeconds }) => {
    reply.header('ratelimit-policy', policy)
    reply.header('ratelimit', `"default";r=${remaining};t=${ttlInSeconds}`)
  }
}

const SECOND = ['second', 1] as const
const LONGER = [['day', 86_400], ['hour', 3_600], ['minute', 60]] as const

/** As a person says it: `2 minutes`. */
export function inWords (seconds: number): string {
  const [unit, size] = LONGER.find(([, size]) => seconds >= size) ?? SECOND
  const amount = Math.round(seconds / size)
  return `${amount} ${unit}${amount === 1 ? '' : 's'}`
}
