import t from 'tap'
import type { AccessLine, AccessLines } from '../../src/observe/access-line.js'
import { ChosenLines } from '../../src/observe/chosen-lines.js'
import { FieldLines } from '../../src/observe/field-lines.js'
import { LogOutput } from '../../src/observe/log-output.js'
import { PlainLines } from '../../src/observe/plain-lines.js'
import { Redaction, SECRET_KEYS } from '../../src/observe/redaction.js'
import { GatewayError } from '../../src/proxy/errors.js'

const REQUEST = { httpVersion: '1.1', headers: { referer: 'https://app.example.com/?code=x', 'user-agent': 'curl/8 "quoted"\n', authorization: 'Bearer x', 'x-team': 'a' } }
const line = (more: Partial<AccessLine> = {}): AccessLine => ({ reqId: '1', ip: '192.0.2.1', method: 'GET', url: '/x', status: 200, outcome: 'completed', bytes: 5, duration: 10, ...more })

/** What is written, in lines. */
function output (): { output: LogOutput, lines: () => string[] } {
  let text = ''
  const output = new LogOutput({
    chunkSize: 1,
    write (chunk, done) {
      text += String(chunk)
      done()
    },
    writeNow (chunk) { text += String(chunk) }
  }, { maxWaiting: 1_000_000, lostLine: String, warn () {} })
  return { output, lines: () => { output.writeNow(); return text.split('\n').slice(0, -1) } }
}

class Written implements AccessLines {
  readonly all: [url: string | undefined, isFailure: boolean][] = []
  constructor (readonly levels: { info: boolean } = { info: true }) {}
  isOn (isFailure: boolean): boolean { return isFailure || this.levels.info }
  write ({ url }: AccessLine, isFailure: boolean): void { this.all.push([url, isFailure]) }
}

t.test('secrets in a query are taken out', async t => {
  const redaction = new Redaction(SECRET_KEYS)
  for (const [url, shown] of [
    ['/x', '/x'], ['/x?', '/x?'], ['/x?a=1&b=2', '/x?a=1&b=2'], ['/x?token', '/x?token'],
    ['/x?access_token=abc', '/x?access_token=[redacted]'],
    ['/x?a=1&access_token=abc&b=2', '/x?a=1&access_token=[redacted]&b=2'],
    ['/x?TOKEN=a&Sig=b', '/x?TOKEN=[redacted]&Sig=[redacted]'],
    ['/x?access%5Ftoken=abc', '/x?access%5Ftoken=[redacted]'],
    ['http://user:pw@x/?token=a', 'http://[redacted]@x/?token=[redacted]'], ['http://x/@?b', 'http://x/@?b'], ['*', '*'],
    ['/x?%zz=1&token=a=b', '/x?%zz=1&token=[redacted]']
  ] as const) t.equal(redaction.url(url), shown)
  t.equal(new Redaction([]).url('/x?token=a'), '/x?token=a')
})

t.test('of successes a part is written, of failures all', async t => {
  const written = new Written()
  let next = 0
  const lines = new ChosenLines(written, { redaction: new Redaction(['token']), sample: 0.25 }, () => (next++ % 4) / 4)
  for (let i = 0; i < 8; i++) lines.write(line({ url: `/${i}?token=1` }), false)
  t.strictSame(written.all, [['/0?token=[redacted]', false], ['/4?token=[redacted]', false]])
  for (let i = 0; i < 4; i++) lines.write(line({ status: 502, outcome: 'upstream error' }), true)
  for (let i = 0; i < 4; i++) lines.write(line({ status: 499, outcome: 'client aborted' }), false)
  for (let i = 0; i < 4; i++) lines.write(line({ status: 503, route: '/down' }), false)
  t.equal(written.all.length, 14)
  lines.write({ reqId: '1', status: 400, outcome: 'rejected' }, false)
  t.strictSame(written.all.at(-1), [undefined, false])
})

t.test('a slow one is a warning, also where nothing else is written; a tunnel is not slow', async t => {
  const written = new Written({ info: false })
  const lines = new ChosenLines(written, { redaction: new Redaction([]), sample: 1, slow: 100 })
  t.equal(lines.isOn(false), true)
  lines.write(line({ duration: 99 }), false)
  lines.write(line({ duration: 100 }), false)
  lines.write(line({ duration: 100, status: 101 }), false)
  const { duration, ...unknown } = line()
  lines.write(unknown, false)
  t.strictSame(written.all, [['/x', true]])
  t.equal(new ChosenLines(written, { redaction: new Redaction([]), sample: 1 }).isOn(false), false)
})

t.test('the common format, and the combined one', async t => {
  const common = output()
  const lines = new PlainLines(common.output, false, new Redaction(['code']))
  t.equal(lines.isOn(), true)
  lines.write(line(), false, REQUEST)
  lines.write(line({ bytes: 0, status: 204 }), false, REQUEST)
  lines.write({ reqId: '1', status: 400, outcome: 'rejected' }, false)
  const [first, second, third] = common.lines()
  t.match(first, /^192\.0\.2\.1 - - \[\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000\] "GET \/x HTTP\/1\.1" 200 5$/)
  t.match(second, / 204 -$/)
  t.match(third, /^- - - \[[^\]]*\] "- - -" 400 -$/)

  const combined = output()
  new PlainLines(combined.output, true, new Redaction(['code'])).write(line({ url: '/"\u0001é' }), false, REQUEST)
  new PlainLines(combined.output, true, new Redaction([])).write(line({ bytes: 0 }), false)
  const [full, bare] = combined.lines()
  t.match(full, '"GET /\\x22\\x01\\xe9 HTTP/1.1" 200 5 "https://app.example.com/?code=[redacted]" "curl/8 \\x22quoted\\x22\\x0a"')
  t.match(bare, / 200 0 "-" "-"$/)
})

t.test('fields of one\'s own', async t => {
  const { output: to, lines: written } = output()
  const lines = new FieldLines(to, ['time', 'ip', 'status', 'err', 'target', 'header:X-Team', 'header:authorization', 'header:cookie', 'header:referer'], new Redaction(['code']))
  t.equal(lines.isOn(), true)
  lines.write(line(), false, REQUEST)
  lines.write(line({ status: 502, err: new GatewayError('BAD_GATEWAY', undefined, Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })) }), true)
  const [first, second] = written().map(text => JSON.parse(text))
  t.match(first, { time: Number, ip: '192.0.2.1', status: 200, 'header:X-Team': 'a', 'header:authorization': '[redacted]', 'header:referer': 'https://app.example.com/?code=[redacted]' })
  t.notMatch(first, { 'header:cookie': /./ })
  t.match(second, { err: { type: 'GatewayError', message: 'Failed to connect to upstream service: refused', code: 'BAD_GATEWAY' } })
})
