import { pino } from 'pino'
import type { LoggerOptions } from 'pino'
import t from 'tap'
import { LoggerLines, TerminalLines, TextLines } from '../../src/observe/access-lines.js'
import type { AccessLine } from '../../src/observe/access-line.js'
import { LogOutput } from '../../src/observe/log-output.js'
import { withoutDetails } from '../../src/observe/reason.js'
import { isPlain } from '../../src/server/log.js'
import { GatewayError } from '../../src/proxy/errors.js'

function output (): LogOutput {
  const sink = { chunkSize: 1, write () {}, writeNow () {} }
  return new LogOutput(sink, { maxWaiting: 1_000_000, lostLine: String, warn () {} })
}

function textLog (options: LoggerOptions = {}) {
  const to = output()
  const log = pino(options, to)
  return { to, log, lines: new TextLines(log, to) }
}

function parsed (text: string) {
  const { time, ...line } = JSON.parse(text)
  return line
}

const line: AccessLine = { reqId: 'r-1', method: 'GET', url: '/a?b=c', status: 200, route: '/a', target: 'http://a', bytes: 5, duration: 1.25, upstreamDuration: 1, outcome: 'completed' }

t.test('text is what pino writes, byte for byte but for the time', async t => {
  const { to, log, lines } = textLog()
  t.ok(isPlain(log, to))
  for (const url of ['/plain', '/quo"te', '/back\\slash', '/tab\t', '/é', '/\x00', '/\x85']) {
    const ours = to.capture(() => lines.write({ ...line, url }, false))
    const pinos = to.capture(() => log.info({ ...line, url }, 'completed'))
    t.equal(ours.replace(/"time":\d+/, ''), pinos.replace(/"time":\d+/, ''), JSON.stringify(url))
  }
  const local: AccessLine = { reqId: 'r-2', status: 400, outcome: 'rejected' }
  t.strictSame(parsed(to.capture(() => lines.write(local, false))), parsed(to.capture(() => log.info(local, 'rejected'))), 'what is not known is not there')
})

t.test('what went wrong is short, has its cause and no stack', async t => {
  const { to, lines } = textLog()
  const cause = Object.assign(new Error('x'.repeat(5_000)), { code: 'EBAD' })
  const err = new GatewayError('BAD_GATEWAY', undefined, cause)
  const text = to.capture(() => lines.write({ ...line, err, cause: 'EBAD', outcome: 'upstream error' }, true))
  t.ok(text.length < 1024, `${text.length} characters`)
  t.match(parsed(text), { level: 40, err: { type: 'GatewayError', code: 'BAD_GATEWAY', message: /^Failed to connect to upstream service: x+…$/, stack: undefined }, cause: 'EBAD' })
})

t.test('a cause without words has its code (Node\'s AggregateError)', async t => {
  const { to, lines } = textLog()
  const err = new GatewayError('BAD_GATEWAY', undefined, Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' }))
  t.match(parsed(to.capture(() => lines.write({ ...line, err }, true))), { err: { message: 'Failed to connect to upstream service: ECONNREFUSED' } })
})

t.test('of Node\'s errors neither bytes nor stack are kept', async t => {
  const { to, lines } = textLog()
  const err = withoutDetails(Object.assign(new Error('Parse Error'), { code: 'HPE_INVALID', rawPacket: Buffer.from('Authorization: secret') }))
  t.strictSame(parsed(to.capture(() => lines.write({ reqId: '1', status: 400, outcome: 'rejected', err }, false))).err, { type: 'Error', message: 'Parse Error', code: 'HPE_INVALID' })
  t.notMatch(err.stack, '\n')
  t.match(parsed(to.capture(() => lines.write({ reqId: '1', status: 400, outcome: 'rejected', err: withoutDetails(new Error('x')) }, false))), { err: { code: undefined } })
})

t.test('a logger that something was added to writes its lines itself', async t => {
  for (const options of [
    { base: { app: 'x' } }, { redact: ['url'] }, { mixin: () => ({}) }, { messageKey: 'message' }, { level: 'silent' },
    { hooks: { logMethod (args, method) { method.apply(this, args) } } }, { timestamp: pino.stdTimeFunctions.isoTime }
  ] satisfies LoggerOptions[]) {
    const { log, to } = textLog(options)
    t.notOk(isPlain(log, to), Object.keys(options).join())
  }
  t.notOk(isPlain(pino({}, { write: t.fail }), output()), 'nor one that writes elsewhere')
})

t.test('only what is written is on', async t => {
  const { log, lines } = textLog({ level: 'warn' })
  for (const each of [lines, new LoggerLines(log)]) t.strictSame([each.isOn(false), each.isOn(true)], [false, true])
  t.ok(new LoggerLines({ info () {}, warn () {} }).isOn(false), 'a logger that cannot tell is asked to write')
})

t.test('a logger gets the line, its control characters beyond ASCII escaped', async t => {
  const got: unknown[] = []
  const lines = new LoggerLines({ info: (...args) => got.push(['info', ...args]), warn: (...args) => got.push(['warn', ...args]) })
  lines.write({ ...line }, false)
  lines.write({ ...line, url: '/\x80/\x9f' }, true)
  lines.write({ reqId: '1', status: 400, outcome: 'rejected' }, false)
  t.strictSame(got, [
    ['info', line, 'completed'], ['warn', { ...line, url: '/\\u0080/\\u009f' }, 'completed'], ['info', { reqId: '1', status: 400, outcome: 'rejected' }, 'rejected']
  ])
})

t.test('in a terminal what went wrong stands in words', async t => {
  const got: unknown[] = []
  const lines = new TerminalLines({ info: (_line, words) => got.push(words), warn: ({ ...fields }, words) => got.push(words, 'err' in fields, 'cause' in fields) })
  lines.write({ ...line }, false)
  lines.write({ ...line, outcome: 'upstream error', err: new GatewayError('BAD_GATEWAY', undefined, new Error('connect ECONNREFUSED')), cause: 'ECONNREFUSED' }, true)
  t.strictSame(got, ['completed', 'upstream error: Failed to connect to upstream service: connect ECONNREFUSED', false, false])
})
