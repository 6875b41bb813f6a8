import { once } from 'node:events'
import { createServer } from 'node:net'
import t from 'tap'
import { checkResponses } from '../../fuzz/responses.js'
import { Campaign } from '../../fuzz/campaign.js'
import { addressOf, Client } from '../../fuzz/client.js'
import { unless } from '../../fuzz/complaints.js'
import { isComplaint, PREFIX, VIA } from '../../fuzz/gateway.js'
import { readRequests } from '../../fuzz/grammar.js'
import { isInside } from '../../fuzz/check-forwarded.js'
import { kinds } from '../../fuzz/kinds.js'
import { mutate } from '../../fuzz/mutate.js'
import { Random } from '../../fuzz/random.js'
import { checkRequests } from '../../fuzz/requests.js'
import { portOf, Service } from '../../fuzz/service.js'
import { checkUpgrade, readHandshake, UpgradeCase } from '../../fuzz/upgrades.js'

const HOP = { address: '127.1.0.1', target: '127.0.0.1:3000' }

const SENT = 'POST /api/a?b HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nConnection: X-Hop\r\nX-Hop: 1\r\nContent-Length: 5\r\n\r\nhello'
const FORWARDED = `POST ${PREFIX}/a?b HTTP/1.1\r\nHost: 127.0.0.1:3000\r\nX-A: 1\r\nContent-Length: 5\r\nX-Forwarded-For: 127.1.0.1\r\n` +
  `X-Forwarded-Proto: http\r\nX-Forwarded-Host: x\r\nX-Real-IP: 127.1.0.1\r\nVia: 1.1 ${VIA}\r\nConnection: keep-alive\r\n\r\nhello`
const RESPONSE = 'HTTP/1.1 200 OK\r\nX-Answer: 1 0\r\nContent-Length: 2\r\n\r\nok'
const REJECTION = 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'

t.test('some cases of the kinds that speak HTTP/1', async t => {
  const campaign = await Campaign.start(1)
  for (const kind of kinds.slice(0, 3)) {
    let number = 0
    await campaign.run(kind, () => number < 150 ? number++ : undefined, process.platform === 'linux' ? 32 : 1)
  }
  const spoiler = new UpgradeCase(new Random(4042, 'u'.charCodeAt(0), 10_593), 10_593)
  const spoilers = [spoiler]
  await campaign.run({ name: 'spoiler', make: () => spoiler }, () => spoilers.pop()?.number, 1)
  const planted = { number: 7, received: [], onRequest () {}, run: async (client: Client) => await client.abort(), check: () => ['planted'], describe: () => 'bytes' }
  const numbers = [7]
  await campaign.run({ name: 'planted', make: () => planted }, () => numbers.pop(), 1)
  const findings = await campaign.end()
  t.equal(campaign.cases, 452)
  t.ok(spoiler.received.at(-1)?.sent.endsWith('evil'), 'nothing follows on a whole response where other cases get the connection')
  t.strictSame(findings.map(({ kind, number, complaints }) => [kind, number, complaints]), [['planted', 7, ['planted']]])
  t.equal(await campaign.end(), findings, 'ends once')
})

t.test('the same seed makes the same cases', async t => {
  for (const { make } of kinds) {
    t.equal(make(new Random(1, 2), 3).describe(), make(new Random(1, 2), 3).describe())
    t.not(make(new Random(1, 2), 3).describe(), make(new Random(1, 4), 3).describe())
  }
  t.throws(() => new Random(1).pick([]), RangeError)
  const random = new Random(1)
  t.ok(Array.from({ length: 300 }, () => mutate('a', random)).some(text => text.length > 5), 'there need not be much to mutate')
  t.ok(new Random(0x9e3779b9).below(1000), 'no seed leaves it at nothing')
  t.equal(addressOf(258, 'linux'), '127.1.1.2')
  t.equal(addressOf(258, 'darwin'), '127.0.0.1')
  t.ok(isComplaint('{"level":50}'))
})

/** What is found when the service got `forwarded` and the client `received`. */
function found (sent: string, forwarded: string[], received: string, certain?: { forwarded: number, rejected: boolean }): string[] {
  const messages = forwarded.flatMap(text => readRequests(text).requests)
  const seen = { ...readRequests(sent), leaving: 'in order' as const, certain, received: messages.map(message => ({ message, sent: RESPONSE })) }
  return checkRequests(seen, received, true, HOP)
}

t.test('faults in what is forwarded are found', async t => {
  t.strictSame(found(SENT, [FORWARDED], RESPONSE, { forwarded: 1, rejected: false }), [], 'nothing where nothing is wrong')
  const faults: Record<string, [string, string, RegExp]> = {
    'a leaked hop-by-hop field': ['X-A: 1\r\n', 'X-A: 1\r\nX-Hop: 1\r\n', /the fields became/],
    'a lost field': ['X-A: 1\r\n', '', /the fields became/],
    'a field that became another': ['X-A: 1', 'X-A: 2', /the fields became/],
    'a leaked Keep-Alive': ['X-A: 1\r\n', 'X-A: 1\r\nKeep-Alive: 5\r\n', /keep-alive is/],
    'a forged address': ['For: 127.1.0.1', 'For: 6.6.6.6', /x-forwarded-for is/],
    'an address twice': ['X-Real-IP: 127.1.0.1\r\n', 'X-Real-IP: 127.1.0.1\r\nX-Real-IP: 6.6.6.6\r\n', /x-real-ip is/],
    'the client\'s Host': ['Host: 127.0.0.1:3000', 'Host: x', /host is/],
    'another method': ['POST', 'PUT', /nobody meant/],
    'a dot segment': ['/a?b', '/../a?b', /nobody meant/],
    'another path': [`${PREFIX}/a`, '/a', /nobody meant/],
    'no Via': [`Via: 1.1 ${VIA}\r\n`, '', /via is/],
    'another protocol': ['Connection: keep-alive\r\n', 'Connection: Upgrade\r\nUpgrade: websocket\r\n', /connection is[^]*another protocol/],
    'another body': ['hello', 'hella', /the body became/],
    'half a body as a whole one': ['Content-Length: 5\r\n', 'Content-Length: 4\r\n', /the body became/]
  }
  for (const [name, [from, to, complaint]] of Object.entries(faults)) t.match(found(SENT, [FORWARDED.replace(from, to)], RESPONSE).join('\n'), complaint, name)
  const nominated = SENT.replace('X-Hop\r\n', 'X-Hop, via\r\nVia: 1.1 other\r\n')
  t.strictSame(found(nominated, [FORWARDED], RESPONSE), [], 'a Via that the client nominated away')
  t.match(found(SENT, [FORWARDED, FORWARDED], RESPONSE).join(), /nobody meant/, 'two requests where one was meant')
  t.match(found(SENT, [FORWARDED], RESPONSE, { forwarded: 2, rejected: false }), ['the service got 1 requests, must get 2'])
  t.strictSame(['/x', `${PREFIX}x`, PREFIX, `${PREFIX}?/..`].map(isInside), [false, false, true, true])
  for (const path of ['/%2e%2e/x', '/a%2f..%2fx', '/..;a/x', '/..%5cx', '/x%00', '/x%c0%ae']) {
    const sent = `GET /api${path} HTTP/1.1\r\nHost: x\r\n\r\n`
    t.match(found(sent, [`GET ${PREFIX}${path} HTTP/1.1\r\n\r\n`], RESPONSE).join(), /may leave the prefix/, path)
  }
})

t.test('faults in the responses to a client\'s bytes are found', async t => {
  const malformed = 'GET /api/x HTTP/1.1\r\nHost : x\r\n\r\n'
  t.strictSame(found(malformed, [], REJECTION), [])
  const worded = REJECTION.replace('0\r\nConnection: close\r\n\r\n', '2\r\nConnection: close\r\n\r\nno')
  t.strictSame(found('HEAD /api/x HTTP/7.7\r\nHost: x\r\n\r\n', [], worded), [], 'nobody knows that it is a HEAD')
  t.strictSame(found(`HEAD /api/x HTTP/1.1\r\nA: ${'x'.repeat(17_000)}\r\n\r\n`, [], worded), [], 'nor of one that is too long')
  t.strictSame(found('HEAD /api/x HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n', [], worded.slice(0, -2)), [], 'the gateway may know more than the grammar')
  t.match(found('GET /api/x HTTP/7.7\r\nHost: x\r\n\r\n', [], worded.slice(0, -2)), ['the client got something that is no whole response'])
  t.match(found('HEAD /api/x HTTP/2.0\r\nHost: x\r\n\r\n', [], worded), ['the client got something that is no whole response'])
  t.match(found(malformed, [], ''), ['malformed bytes were not rejected'])
  t.match(found(malformed, [], REJECTION + REJECTION), ['a response follows on the connection\'s last', 'more responses than requests'])
  t.match(found(malformed, [], '', { forwarded: 0, rejected: true }).join(), /must be rejected|had to be rejected/)
  t.match(found(SENT, [FORWARDED], ''), ['a request has no response'])
  t.match(found(SENT, [FORWARDED], REJECTION), ['response 0 is 400 although the service responded'])
  t.match(found(SENT, [], REJECTION, { forwarded: 1, rejected: false }).join(), /a good request was rejected/)
  t.match(found(SENT, [FORWARDED], RESPONSE.replace('1 0', '2 0')), ['response 0 is another request\'s'])
  t.match(found(SENT, [], 'HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n'), ['response 0 is 502'])
  t.match(found(SENT, [FORWARDED], RESPONSE.slice(0, -1)), ['the client got something that is no whole response'])
  t.match(found(SENT, [FORWARDED], `HTTP/1.1 103 Hints\r\n\r\n${RESPONSE}`), ['response 0 has an interim one that nobody sent'])
  for (const fields of ['', 'Connection: keep-alive\r\n']) {
    const received = RESPONSE.replace('HTTP/1.1', 'HTTP/1.0').replace('X-', `${fields}X-`)
    t.match(found(SENT + SENT, [FORWARDED], received), fields === '' ? [] : ['a request has no response'], 'a response of HTTP/1.0 is the last without keep-alive')
  }
  t.strictSame(found(SENT, [FORWARDED], RESPONSE.replace('\r\n', '\r\r')), [], 'CR CR behind a status line')
  const old = SENT.replace('HTTP/1.1', 'HTTP/1.0')
  t.match(found(old, [FORWARDED.replace('1.1 fuzzed', '1.0 fuzzed')], RESPONSE), ['response 0 is nothing for HTTP/1.0'])
})

t.test('faults in responses are found', async t => {
  const good = { method: 'GET', isOld: false, isGood: true, received: { sent: RESPONSE, ended: false, taint: 'none' as const } }
  const seen = RESPONSE.replace('\r\n\r\n', `\r\nVia: 1.1 ${VIA}\r\n\r\n`)
  const fault = 'HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n'
  t.strictSame(checkResponses([good], seen, false), [])
  t.match(checkResponses([good], '', true), ['response 0: none came'])
  t.match(checkResponses([good], fault, true).join(), /the status became 502/)
  t.match(checkResponses([good], seen.replace('1 0', '2 0'), false), [/the fields became/])
  t.match(checkResponses([good], seen.replace('ok', 'no'), false), [/the body became "no", as if it were whole/])
  t.match(checkResponses([good], seen.slice(0, -1), true), [/it is cut short/])
  t.match(checkResponses([good], `HTTP/1.1 103 Hints\r\n\r\n${seen}`, false), [/an interim response that nobody sent/])
  t.match(checkResponses([good], seen + seen, false), ['more responses than requests'])
  t.match(checkResponses([good], `${seen}garbage\r\n\r\n`, false), ['the client got something that is no response'])
  t.match(checkResponses([{ ...good, isOld: true }], seen, false), [/nothing for HTTP\/1.0/])
  const short = { ...good, isGood: false, received: { sent: RESPONSE.replace(': 2', ': 5'), ended: true, taint: 'none' as const } }
  t.strictSame(checkResponses([short], fault, true), [])
  t.strictSame(checkResponses([short], seen.replace(': 2', ': 5'), true), [], 'a break')
  t.match(checkResponses([short], seen, true), [/as if it were whole/])
  const untilClosed = { ...short, isOld: true, received: { sent: RESPONSE.replace('Content-Length: 2\r\n', ''), ended: false, taint: 'none' as const } }
  t.strictSame(checkResponses([untilClosed], seen.replace('Content-Length: 2\r\n', ''), true), [], 'a break that Node shows as an end')
  const dated = { ...good, received: { ...good.received, sent: RESPONSE.replace('X-', 'Date: today\r\nX-') } }
  t.match(checkResponses([dated], seen, false), [/the date is another one/])
  const switched = { ...short, received: { ...short.received, sent: 'HTTP/1.1 101 Switching\r\n\r\n' } }
  t.match(checkResponses([switched], 'HTTP/1.1 101 Switching\r\n\r\n', true), [/the service has sent no response/])
  t.match(checkResponses([{ ...short, received: undefined }], seen, true), [/the service has sent no response/])
  t.strictSame(checkResponses([{ ...good, received: { ...good.received, taint: 'poisoned' } }], '', true), [], 'nobody could tell')
})

t.test('faults in tunnels are found', async t => {
  const asked = 'GET /api/x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n'
  const handshake = readHandshake(`${asked}from client`)
  const forwarded = `GET ${PREFIX}/x HTTP/1.1\r\nHost: 127.0.0.1:3000\r\nConnection: Upgrade\r\nUpgrade: foo\r\nX-Forwarded-For: 127.1.0.1\r\n` +
    `X-Forwarded-Proto: http\r\nX-Forwarded-Host: x\r\nX-Real-IP: 127.1.0.1\r\nVia: 1.1 ${VIA}\r\n\r\n`
  const sent = 'HTTP/1.1 101 Switching\r\nX-Answer: 1 0\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n'
  const [message] = readRequests(forwarded).requests
  if (message === undefined) throw new Error('no request')
  const received = { message, sent, tunnel: 'from client' }
  const seen = { handshake, received: [received], isGood: true, response: 'from service' }
  const check = (change: object, text: string): string => checkUpgrade({ ...seen, ...change }, text, true, HOP).join('\n')
  t.equal(check({}, `${sent}from service`), '')
  t.match(check({}, `${sent}from`), /the client got "from" in the tunnel/)
  t.match(check({ received: [{ ...received, tunnel: 'from' }] }, `${sent}from service`), /the service got "from" in the tunnel/)
  t.match(check({ received: [{ ...received, sent: RESPONSE }] }, `${sent}from service`), /did not accept/)
  t.match(check({}, RESPONSE), /not opened that the service accepted\nbytes came through a tunnel that was not opened/)
  t.match(check({ isGood: false, received: [{ ...received, sent: '' }] }, sent), /the service has sent no response/)
  t.equal(check({ isGood: false, received: [{ ...received, sent: '', tunnel: '' }] }, 'HTTP/1.1 502 Bad\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'), '')
})

t.test('a service that gets what is no request, or one behind another, says so', async t => {
  const service = new Service()
  const port = await service.listen()
  const address = '127.1.0.1'
  // Leaves every request without a response.
  service.hosts.admit(address, { received: [], onRequest () {} })
  const request = `GET / HTTP/1.1\r\nX-Forwarded-For: ${address}\r\n\r\n`
  const faults: [string[], RegExp][] = [
    [['\r\n', request], /bytes that are no request/],
    [['GET  / HTTP/1.1\r\n\r\n'], /bytes that are no request/],
    [[`GET / HTTP/1.1\r\nX-Forwarded-For: ${address}\r\nX-Forwarded-For: ${address}\r\n\r\n`], /no client that there is/],
    [[request.replace('127.', '128.')], /no client that there is/],
    [[request + request], /bytes behind a request/],
    [[request, request], /bytes behind a request/]
  ]
  for (const [pieces, complaint] of faults) {
    const client = new Client(port, '127.0.0.1')
    for (const piece of pieces) {
      await client.send([piece])
      await client.until(() => false, 20)
    }
    t.ok(await client.until(() => false))
    t.match(service.complaints.splice(0), [complaint])
    await client.abort()
  }
  service.hosts.dismiss(address)
  const late = new Client(port, '127.0.0.1')
  await late.send([request])
  t.ok(await late.until(() => false))
  t.strictSame(service.complaints, [], 'a client that has left may be heard of later')
  await late.abort()
  const last = new Client(port, '127.0.0.1')
  await last.send(['GET'])
  await last.until(() => false, 20)
  await service.close()
  await last.abort()
  t.throws(() => portOf(null), /not listening/)
})

t.test('a client does not wait for ever', async t => {
  const server = createServer({ allowHalfOpen: true }, () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = new Client(portOf(server.address()), '127.0.0.1')
  t.notOk(await client.until(() => false, 10))
  t.notOk(await client.leave(10))
  await client.send(['nothing'])
  t.strictSame(unless(false, 'a complaint'), ['a complaint'])
  server.close()
})

t.test('what the grammar says of bytes', t => {
  const chunked = 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n'
  const states: [string, string][] = [
    ['', 'whole'], ['\r\n', 'whole'], ['GET / HTTP/1.1\r\n', 'partial'], ['GET / HTTP/1.1\r\nA : b\r\n\r\n', 'malformed'], ['GET /\r\n\r\n', 'malformed'],
    ['GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhell', 'partial'], ['GET / HTTP/1.1\r\nContent-Length: +5\r\n\r\nhello', 'malformed'],
    ['GET / HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n', 'malformed'],
    ['GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n', 'malformed'], ['GET / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n', 'malformed'],
    [chunked, 'partial'], [`${chunked}x\r\n`, 'malformed'], [`${chunked}2\r\na`, 'partial'], [`${chunked}1\r\na\r`, 'partial'], [`${chunked}1\r\nabc`, 'malformed'],
    [`${chunked}0\r\n`, 'partial'], [`${chunked}0\r\nA: b\r\n`, 'partial'], [`${chunked}0\r\nA b\r\n\r\n`, 'malformed'], [`${chunked}0\r\nContent-Length: 5\r\n\r\n`, 'malformed'], [`${chunked}0;a\r\nA: b\r\n\r\n`, 'whole']
  ]
  for (const [text, state] of states) {
    t.equal(readRequests(text).rest, state, JSON.stringify(text))
    t.equal(readHandshake(text).rest, state)
  }
  t.end()
})
