import t from 'tap'
import { sumOf } from '../../chaos/bodies.js'
import type { Arrival, Seen } from '../../chaos/observations.js'
import { Report } from '../../chaos/report.js'
import { verdictOn } from '../../chaos/verdict.js'

const WHOLE = sumOf(Buffer.from('whole'))
const ORIGIN = { id: '7', status: 200, length: 5, sum: WHOLE }
const SEEN: Seen = {
  number: 7, client: 'http1', method: 'POST', path: '/a/body?id=7', end: 'whole', status: 200, origin: ORIGIN, code: undefined, bytes: 5, sum: WHOLE, isSpoilt: false, isCertain: true, note: ''
}
const ARRIVAL: Arrival = { target: 'a0', method: 'POST', fault: 'none', upload: 'whole', bytes: 5, sum: WHOLE, declared: { length: 5, sum: WHOLE }, did: [] }

/** The faults of a request of which that was seen. */
function faults (seen: Partial<Seen> = {}, arrivals: readonly Partial<Arrival>[] = [{}], lines = 1): string[] {
  return verdictOn({ ...SEEN, ...seen }, arrivals.map(arrival => ({ ...ARRIVAL, ...arrival })), lines).complaints.map(({ fault }) => fault)
}

function outcome (seen: Partial<Seen>): string {
  return verdictOn({ ...SEEN, ...seen }, [ARRIVAL], 1).outcome
}

const PART = { bytes: 2, sum: sumOf(Buffer.from('wh')) }
const NO_RESPONSE = { origin: undefined, status: undefined, bytes: 0, sum: sumOf() }
const ERROR = { origin: undefined, status: 502, code: 'BAD_GATEWAY' }

t.test('what is fine, and what is an honest failure', async t => {
  t.strictSame(faults(), [])
  t.equal(outcome({}), 'fine')
  t.strictSame(faults(ERROR), [], 'an error of the gateway\'s own')
  t.equal(outcome(ERROR), 'failed')
  t.strictSame(faults({ ...PART, end: 'broken' }), [], 'a response that is visibly broken off')
  t.equal(outcome({ ...PART, end: 'broken' }), 'broken')
  t.strictSame(faults({ ...NO_RESPONSE, end: 'broken' }, []), [])
  t.strictSame(faults({ ...NO_RESPONSE, end: 'left' }, [{ ...PART, upload: 'broken' }]), [], 'an upload that the service saw break')
  t.equal(outcome({ end: 'left' }), 'left')
  t.strictSame(faults({ method: 'PUT' }, [{ method: 'PUT' }, { method: 'PUT' }]), [], 'an idempotent request may be sent twice')
})

t.test('wrong', async t => {
  t.strictSame(faults({ origin: { ...ORIGIN, id: '8' } }), ['wrong'], 'another\'s response')
  t.strictSame(faults({ origin: { ...ORIGIN, id: '8' }, end: 'broken' }), ['wrong'], 'also where it breaks')
  t.strictSame(faults({ status: 404 }), ['wrong'], 'another status')
  t.strictSame(faults({ isSpoilt: true }), ['wrong'], 'other bytes')
  t.strictSame(faults({ bytes: 6 }), ['wrong'], 'more bytes')
  t.strictSame(faults({ origin: undefined }), ['wrong'], 'a success that no service sent')
  t.strictSame(faults({ ...ERROR, code: undefined }), ['wrong'], 'an error without its body')
  t.strictSame(faults({}, [{ sum: 'other' }]), ['wrong'], 'other bytes of an upload')
  t.strictSame(faults({}, [{ method: 'GET' }]), ['wrong'], 'another method')
})

t.test('doubled', async t => {
  t.strictSame(faults({}, [{}, { target: 'a1' }]), ['doubled'])
})

t.test('truncated as whole', async t => {
  t.strictSame(faults(PART), ['truncated-as-whole'], 'a response')
  t.strictSame(faults({}, [PART]), ['truncated-as-whole'], 'an upload')
  t.strictSame(faults({ ...NO_RESPONSE, end: 'left' }, [PART]), ['truncated-as-whole'], 'an upload whose client has left')
})

t.test('hung', async t => {
  t.strictSame(faults({ ...NO_RESPONSE, end: 'hung' }), ['hung'])
  t.equal(outcome({ end: 'hung' }), 'hung')
})

t.test('unlogged', async t => {
  t.strictSame(faults({}, [{}], 0), ['unlogged'], 'no line')
  t.strictSame(faults({}, [{}], 2), ['unlogged'], 'two lines')
  t.strictSame(faults({ ...NO_RESPONSE, end: 'left', isCertain: false }, [{}], 0), ['unlogged'], 'a service got it')
  t.strictSame(faults({ ...NO_RESPONSE, end: 'broken' }, [], 0), ['unlogged'], 'the gateway must have got it')
  t.strictSame(faults({ ...NO_RESPONSE, end: 'left', isCertain: false }, [], 0), [], 'nobody knows whether the gateway got it')
})

t.test('a report counts each of them, and says how to run it again', async t => {
  const report = new Report(42)
  report.add(SEEN, [{ ...ARRIVAL, fault: 'drip' }], 1, [])
  t.ok(report.isClean)
  t.notMatch(report.toString(), /--seed/)
  t.match(report.toString(), /^drip +1 +1 +0 +0 +0 +0 +0 +0 +0 +0$/m)
  t.match(report.toString(), /wrong 0, doubled 0, truncated-as-whole 0, hung 0, leaked 0, unlogged 0/)

  report.add({ ...SEEN, isSpoilt: true }, [ARRIVAL, ARRIVAL], 0, [])
  report.add({ ...SEEN, ...PART }, [ARRIVAL], 1, [])
  report.add({ ...SEEN, ...NO_RESPONSE, end: 'hung' }, [], 1, ['none', 'refuse'])
  report.leak('3 open files more than at the start')
  report.stray('a0 got what nobody sent')
  t.notOk(report.isClean)
  t.strictSame(report.counts(), { wrong: 2, doubled: 1, 'truncated-as-whole': 1, hung: 1, leaked: 1, unlogged: 1 })
  t.match(report.toString(), /--seed 42, request 7: 2 bytes of 5 came, as if they were all\n {2}http1: POST \/a\/body\?id=7: whole, status 200, 2 bytes/)
  t.match(report.toString(), /arrived at no service/)
  t.match(report.toString(), /^refuse +1 /m, 'what targets were like that it did not reach')

  const failed = new Report(1)
  failed.error('a stack')
  t.notOk(failed.isClean, 'an error of the gateway\'s own')
  t.match(failed.toString(), /1 errors of the gateway's own/)
  for (let count = 0; count < 9; count++) failed.leak('a socket')
  t.equal(failed.toString().match(/a socket/g)?.length, 5, 'some of each are told')
})
