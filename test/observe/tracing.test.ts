import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import * as api from '@opentelemetry/api'
import t from 'tap'
import { Redaction } from '../../src/observe/redaction.js'
import { Tracing } from '../../src/observe/tracing.js'
import type { ObservedAttempt, ObservedExchange } from '../../src/proxy/observers.js'
import { Target } from '../../src/upstream/target.js'
import { Spans } from '../fixtures/spans.js'

function exchange (): { exchange: ObservedExchange, attempt: ObservedAttempt } {
  const raw = new IncomingMessage(new Socket())
  raw.method = 'GET'
  const attempt: ObservedAttempt = {
    target: new Target({ protocol: 'http', host: 'a', port: 80 }), method: 'GET', path: '/', head: ['Host', 'a'], status: 0, hasSwitched: false, hasEjected: false
  }
  const request = { id: '1', raw, method: 'GET', url: '/' }
  const reply = { raw: new ServerResponse(raw), getHeaders: () => ({}), header () {}, hijack () {}, send () {} }
  return {
    attempt,
    exchange: {
      request, reply, route: { prefix: '/' }, ip: '', target: undefined, attempt, attempts: 1, outcome: undefined, error: undefined, startedAt: 0, respondedAt: 0, bytes: 0, received: 0
    }
  }
}

t.test('what an attempt failed by has few names', async t => {
  const spans = new Spans(t)
  const tracing = new Tracing(api, new Redaction([]))
  const coded = Object.assign(new Error('x'), { code: 'ECODE' })
  for (const [error, type] of [
    [coded, 'ECODE'], [new TypeError('x'), 'TypeError'], [new Error('x', { cause: coded }), 'ECODE'], [new Error('x', { cause: new RangeError('x') }), 'RangeError'], [undefined, 'timeout']
  ] as const) {
    const { exchange: one, attempt } = exchange()
    tracing.begin(one.request.raw, '/')
    tracing.attempted(one)
    tracing.attemptEnded(one, attempt, { result: 'failed', reason: '', error })
    const [span] = await spans.take(1)
    t.match(span, { attributes: { 'error.type': type }, status: { message: undefined } })
    tracing.ended(one)
    await spans.take(1)
  }
})

t.test('an exchange that was not seen to begin has no spans', async t => {
  const spans = new Spans(t)
  const tracing = new Tracing(api, new Redaction([]))
  const { exchange: one, attempt } = exchange()
  tracing.attempted(one)
  tracing.attemptEnded(one, attempt, { result: 'failed', reason: '', error: undefined })
  tracing.ended(one)
  tracing.attempted({ ...one, attempt: undefined })
  t.equal(spans.all.length, 0)
  t.strictSame(attempt.head, ['Host', 'a'])
})
