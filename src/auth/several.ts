import { Rejection } from './authenticator.js'
import type { Accepted, Authenticator, AuthRequest, Decision } from './authenticator.js'

const NOBODY: Accepted = { fields: [], vouched: [] }

/** Several methods, one of which is enough, tried in their order. */
export class Any<Asked extends AuthRequest> implements Authenticator<Asked> {
  readonly #methods: ReadonlyArray<Authenticator<Asked>>

  constructor (methods: ReadonlyArray<Authenticator<Asked>>) {
    this.#methods = methods
  }

  authenticate (request: Asked): Decision | Promise<Decision> {
    return firstOf(this.#methods, request, [])
  }
}

function firstOf<Asked extends AuthRequest> (methods: ReadonlyArray<Authenticator<Asked>>, request: Asked, before: readonly Rejection[]): Decision | Promise<Decision> {
  const rejections = [...before]
  for (const [nth, method] of methods.entries()) {
    const decision = method.authenticate(request)
    if (decision instanceof Promise) {
      return decision.then(made => made instanceof Rejection ? firstOf(methods.slice(nth + 1), request, [...rejections, made]) : made)
    }
    if (!(decision instanceof Rejection)) return decision
    rejections.push(decision)
  }
  return together(rejections)
}

/** Several methods, all of which must be passed. */
export class All<Asked extends AuthRequest> implements Authenticator<Asked> {
  readonly #methods: ReadonlyArray<Authenticator<Asked>>

  constructor (methods: ReadonlyArray<Authenticator<Asked>>) {
    this.#methods = methods
  }

  authenticate (request: Asked): Decision | Promise<Decision> {
    return allOf(this.#methods, request, NOBODY)
  }
}

function allOf<Asked extends AuthRequest> (methods: ReadonlyArray<Authenticator<Asked>>, request: Asked, before: Accepted): Decision | Promise<Decision> {
  let identity = before
  for (const [nth, method] of methods.entries()) {
    const decision = method.authenticate(request)
    if (decision instanceof Promise) {
      const known = identity
      return decision.then(made => made instanceof Rejection ? made : allOf(methods.slice(nth + 1), request, joined(known, made)))
    }
    if (decision instanceof Rejection) return decision
    identity = joined(identity, decision)
  }
  return identity
}

function joined (first: Accepted, second: Accepted): Accepted {
  return {
    fields: [...first.fields, ...second.fields],
    vouched: [...first.vouched, ...second.vouched],
    told: [...first.told ?? [], ...second.told ?? []]
  }
}

/** What tells a client most: that it may not, where to go, that nobody knows, and at last that it must show who it is. */
const WEIGHTS = [
  ({ code }: Rejection) => code === 'FORBIDDEN',
  ({ passed }: Rejection) => passed !== undefined,
  ({ code }: Rejection) => code !== 'UNAUTHORIZED'
]

function together (rejections: readonly Rejection[]): Rejection {
  for (const weighs of WEIGHTS) {
    const found = rejections.find(weighs)
    if (found !== undefined) return found
  }
  const reason = rejections.map(({ reason }) => reason).join(', ')
  return new Rejection('UNAUTHORIZED', reason, undefined, { challenges: rejections.flatMap(({ challenges }) => challenges) })
}
