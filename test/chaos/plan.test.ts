import t from 'tap'
import { bodyOf, sumOf } from '../../chaos/bodies.js'
import { answerFor, faultFor, FAULTS, nextMood, piecesOf } from '../../chaos/faults.js'
import { idIn, pathOf } from '../../chaos/id.js'
import { leaksOf, strayFiles } from '../../chaos/leaks.js'
import { CLIENTS, planFor } from '../../chaos/plan.js'
import { configFor } from '../../chaos/routes.js'
import { Random } from '../../fuzz/random.js'

const NUMBERS = Array.from({ length: 500 }, (_, number) => number)

t.test('the same seed makes the same requests, and another one others', async t => {
  const plans = (seed: number): unknown[] => NUMBERS.map(number => planFor(seed, number))
  t.strictSame(plans(1), plans(1))
  t.notSame(plans(1), plans(2))
  t.strictSame([...new Set(NUMBERS.map(number => planFor(1, number).client))].sort(), [...CLIENTS].sort(), 'every kind of client')
  t.ok(NUMBERS.every(number => planFor(1, number, ['http2']).client === 'http2'))
})

t.test('the same seed makes the same moods and responses', async t => {
  const moods = (seed: number): unknown[] => {
    const random = new Random(seed)
    return NUMBERS.map(() => nextMood(random, FAULTS))
  }
  t.strictSame(moods(1), moods(1))
  const random = new Random(1)
  t.strictSame([...new Set(NUMBERS.map(() => nextMood(random, FAULTS).fault))].sort(), ['none', ...FAULTS].sort())
  t.equal(nextMood(random, []).fault, 'none')
  t.strictSame(answerFor(new Random(5)), answerFor(new Random(5)))
  t.strictSame([...new Set(NUMBERS.map(() => faultFor(random, 'reset')))].sort(), ['none', 'reset'])
  t.equal(faultFor(random, 'killed'), 'none', 'of connections, not of requests')
})

t.test('bodies', async t => {
  t.ok(bodyOf(7, 'request', 1_000).equals(bodyOf(7, 'request', 2_000).subarray(0, 1_000)), 'a shorter one is the beginning of a longer one')
  t.notOk(bodyOf(7, 'request', 1_000).equals(bodyOf(7, 'response', 1_000)))
  t.notOk(bodyOf(7, 'request', 1_000).equals(bodyOf(8, 'request', 1_000)))
  const body = bodyOf(7, 'request', 1_001)
  t.equal(sumOf(...piecesOf(body, 4)), sumOf(body))
  t.equal(piecesOf(body, 4).length, 4)
  t.strictSame(piecesOf(Buffer.alloc(0), 4), [])
  t.equal(idIn(pathOf('a', 7)), 7)
  t.equal(idIn('/a'), undefined)
})

t.test('what is left of a gateway counts', async t => {
  const before = { files: 20, sockets: 2, timers: 10, heap: 20e6 }
  t.strictSame(leaksOf(before, before, 0), [])
  t.strictSame(leaksOf(before, { ...before, files: 21 }, 0), ['1 open files more than at the start, beside 0 connections to services'])
  t.strictSame(strayFiles(before, { ...before, files: 21 }, 1), [], 'an idle connection')
  t.match(leaksOf(before, { ...before, sockets: 30 }, 0), ['28 sockets more than at the start'])
  t.match(leaksOf(before, { ...before, timers: 30 }, 0), ['20 timers more than at the start'])
  t.match(leaksOf(before, { ...before, heap: 60e6 }, 1_000), [/38.1 MiB more in the heap/])
  t.strictSame(leaksOf(before, { ...before, heap: 25e6 }, 1_000), [])
})

t.test('an upstream may have several targets', async t => {
  const one = { name: 'a', protocol: 'http1', targets: ['http://127.0.0.1:1'] } as const
  const three = { name: 'b', protocol: 'http2', targets: ['http://127.0.0.1:2', 'http://127.0.0.1:3', 'http://127.0.0.1:4'] } as const
  t.match(configFor([one], undefined), { upstreams: undefined, server: { http2: undefined }, routes: [{ prefix: '/a', target: 'http://127.0.0.1:1' }] })
  t.match(configFor([one, three], { cert: 'x' }), {
    server: { http2: true, tls: { cert: 'x' } },
    upstreams: { b: { targets: three.targets, http2: true } },
    routes: [{ prefix: '/a' }, { prefix: '/b', upstream: 'b', target: undefined }]
  })
})
