import { once } from 'node:events'
import { connect } from 'node:http2'
import { createServer } from 'node:net'
import t from 'tap'
import { Campaign } from '../../fuzz/campaign.js'
import { PREFIX, VIA } from '../../fuzz/gateway.js'
import { CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED, PING, PREFACE, PUSH_PROMISE, RST_STREAM, readFrames, readUint32, SETTINGS, settings, uint32, writeFrame } from '../../fuzz/frames.js'
import type { Field } from '../../fuzz/grammar.js'
import { readRequests } from '../../fuzz/grammar.js'
import { encodeFields, FieldDecoder } from '../../fuzz/hpack.js'
import { checkStream, Http2Case } from '../../fuzz/http2.js'
import { requestOf, responseOf } from '../../fuzz/http2-grammar.js'
import { Http2Service } from '../../fuzz/http2-service.js'
import { kinds } from '../../fuzz/kinds.js'
import { Random } from '../../fuzz/random.js'
import { checkRequests } from '../../fuzz/requests.js'
import { portOf } from '../../fuzz/service.js'
import { readStreams, StreamReader } from '../../fuzz/streams.js'
import type { Stream } from '../../fuzz/streams.js'
import { allEnd, checkUploads } from '../../fuzz/uploads.js'
import { Client } from '../../fuzz/client.js'

t.test('some cases of uploads and of HTTP/2', async t => {
  const campaign = await Campaign.start(1)
  const http2 = kinds.filter(({ isHttp2 }) => isHttp2 === true)
  const uploads = kinds.filter(({ name }) => name === 'uploads')
  for (const kind of [...uploads, ...http2]) {
    let number = 0
    await campaign.run(kind, () => number < 150 ? number++ : undefined, 1)
  }
  t.strictSame(await campaign.end(), [])
  t.equal(campaign.cases, 300)
})

t.test('a case that has not run says so', async t => {
  t.strictSame(new Http2Case(new Random(1), 1).check({ http1: '', http2: '' }), ['it has not run'])
})

function streamOf (text: string, side: 'client' | 'server' = 'client'): Stream {
  const [stream] = readStreams(side === 'client' ? PREFACE + text : text, side)
  if (stream === undefined) throw new Error('no stream')
  return stream
}

const HEAD: Field[] = [[':method', 'POST'], [':scheme', 'https'], [':path', '/h2/a?b'], [':authority', 'x'], ['x-a', '1']]

function head (fields: Field[], flags = 0): string {
  return writeFrame(HEADERS, END_HEADERS | flags, 1, encodeFields(fields))
}

function data (text: string, flags = 0): string {
  return writeFrame(DATA, flags, 1, text)
}

const RESET = writeFrame(RST_STREAM, 0, 1, uint32(0))

t.test('what the frames of a request mean', async t => {
  t.match(requestOf(streamOf(head(HEAD) + data('hel') + data('lo', END_STREAM))), { line: ['POST', '/h2/a?b', 'HTTP/2'], body: 'hello', state: 'whole', fields: [['host', 'x'], ['x-a', '1']] })
  t.match(requestOf(streamOf(head([...HEAD, ['cookie', 'a=b'], ['cookie', 'c=d']], END_STREAM))), { fields: [['host', 'x'], ['x-a', '1'], ['cookie', 'a=b; c=d']] })
  const states: [string, string][] = [
    [head(HEAD), 'partial'], [head(HEAD, END_STREAM), 'whole'], [head(HEAD) + data('a') + RESET, 'partial'], [head(HEAD) + data('a', END_STREAM) + RESET, 'whole'],
    [head(HEAD) + RESET + data('a', END_STREAM), 'partial'], [head(HEAD) + data('', END_STREAM), 'whole'], [head(HEAD) + data('\x01a\0', END_STREAM | PADDED), 'whole'],
    [head([...HEAD, ['content-length', '2']]) + data('a', END_STREAM), 'malformed'], [head([...HEAD, ['content-length', '2']]) + data('abc'), 'malformed'],
    [head([...HEAD, ['content-length', '2']]) + data('ab'), 'partial'], [head(HEAD) + data('a') + head([['x-sum', '1']], END_STREAM), 'whole'],
    [head(HEAD) + data('a') + head([['x-sum', '1']]), 'malformed'], [head(HEAD) + head([[':path', '/']], END_STREAM), 'malformed'],
    [head(HEAD) + head([['a', '1']], 0) + head([['a', '1']], END_STREAM), 'malformed']
  ]
  for (const [text, state] of states) t.equal(requestOf(streamOf(text))?.state, state, JSON.stringify(text))
  t.equal(requestOf(streamOf(head([...HEAD, ['content-length', '2']]) + data('ab') + RESET), true)?.state, 'whole', 'by its length')
  t.equal(requestOf(streamOf(head(HEAD) + writeFrame(DATA, 0, 1, 'abc').slice(0, -1)))?.body, 'ab', 'of a frame that has begun')
  t.equal(requestOf(streamOf(head(HEAD) + writeFrame(DATA, PADDED, 1, '\x01abc').slice(0, -1)))?.body, 'ab')
  t.equal(requestOf(streamOf(head(HEAD, END_STREAM) + head([['x-sum', '1']], END_STREAM)))?.trailers.length, 0, 'what comes behind the end is nothing')
  t.match(requestOf(streamOf(head([...HEAD.slice(0, 3), ['host', 'y']]))), { fields: [['host', 'y']] })
  const malformed: Field[][] = [
    HEAD.slice(1), [...HEAD, [':path', '/']], [...HEAD.slice(0, 3), ['x-a', '1'], [':authority', 'x']], [...HEAD, [':x', 'y']], [...HEAD, ['X-A', '1']], [...HEAD, ['connection', 'close']],
    [...HEAD, ['te', 'gzip']], [...HEAD, ['host', 'y']], [...HEAD, ['content-length', 'a']], [...HEAD, ['content-length', '1'], ['content-length', '1']], HEAD.map(([name]) => [name, '']),
    HEAD.map(([name, value]) => [name, name === ':path' ? '/\xe9' : value]), HEAD.map(([name, value]) => [name, name === ':method' ? 'CONNECT' : value]), HEAD.map(([name, value]) => [name, name === ':path' ? 'a\n' : value])
  ]
  for (const fields of malformed) t.equal(requestOf(streamOf(head(fields))), undefined, JSON.stringify(fields))
  t.strictSame(requestOf(streamOf(head([...HEAD, ['x\0', '1'], ['x-b', 'a\nb']])))?.fields, [['host', 'x'], ['x-a', '1']], 'what Node leaves out')
})

t.test('what the frames of a response mean', async t => {
  const ok: Field[] = [[':status', '200'], ['x-answer', '1']]
  const state = (text: string, method = 'GET'): string | undefined => responseOf(streamOf(text, 'server'), method)?.final.state
  t.equal(state(head(ok) + data('a')), 'partial')
  t.equal(state(head(ok) + data('a', END_STREAM)), 'whole')
  t.equal(state(head([[':status', '103']]) + head(ok, END_STREAM)), 'whole')
  t.equal(state(head([...ok, ['content-length', '1']]) + data('a') + RESET), 'whole', 'all of it has come')
  t.equal(state(head([...ok, ['content-length', '2']]) + data('a', END_STREAM)), 'malformed')
  t.equal(state(head([...ok, ['content-length', '9']], END_STREAM), 'HEAD'), 'whole')
  t.equal(state(head(ok) + data('a', END_STREAM), 'HEAD'), 'whole', 'what stands behind the head is nothing')
  t.equal(state(head([...ok, ['content-length', '0']]) + data('a', END_STREAM)), 'whole')
  for (const fields of [[], [['x', '1']], [[':status', '101']], [[':status', '2000']], [[':status', '200'], [':status', '200']], [[':status', '200'], ['upgrade', 'x']], [[':status', '200'], ['content-length', 'x']]] as Field[][]) {
    t.equal(state(head(fields)), undefined, JSON.stringify(fields))
  }
  t.equal(state(head([[':status', '103']], END_STREAM)), undefined)
  t.equal(state(head([[':status', '103']]) + data('a') + head(ok)), undefined)
  t.equal(state(head([[':status', '103']])), undefined)
})

t.test('what no connection survives', async t => {
  const broken = [
    'GET / HTTP/1.1\r\n\r\nand some more', PREFACE + head(HEAD).replace(encodeFields(HEAD), '\xff'.repeat(encodeFields(HEAD).length)), PREFACE + writeFrame(HEADERS, 0, 1, '') + writeFrame(PING, 0, 0, '12345678'),
    PREFACE + writeFrame(HEADERS, 0, 1, '') + writeFrame(CONTINUATION, END_HEADERS, 3, ''), PREFACE + head(HEAD) + data('\x05a', PADDED), PREFACE + writeFrame(PUSH_PROMISE, END_HEADERS, 1, ''), PREFACE + writeFrame(0xfa, 0, 1, 'x'.repeat(20_000)),
    PREFACE + writeFrame(HEADERS, END_HEADERS | PADDED, 1, '\x05')
  ]
  for (const text of broken) {
    const reader = new StreamReader('client')
    reader.read(text)
    t.ok(reader.broken, JSON.stringify(text.slice(0, 100)))
    reader.read(head(HEAD))
    t.equal(reader.streams.get(3), undefined)
  }
  const reader = new StreamReader('client')
  for (const byte of PREFACE + writeFrame(CONTINUATION, END_HEADERS, 1, '') + data('of no stream') + writeFrame(SETTINGS, 0, 0, settings([[4, 1]])) + writeFrame(PING, 0, 0, '12345678') + writeFrame(SETTINGS, 1, 0) + writeFrame(GOAWAY, 0, 0, '\0'.repeat(8))) reader.read(byte)
  t.strictSame([reader.broken, reader.goaway, reader.taken.length, reader.streams.size], [false, true, 1, 0])
  t.equal(reader.acknowledge(), writeFrame(SETTINGS, 1, 0) + writeFrame(PING, 1, 0, '12345678'))
  t.equal(readFrames(data('abc').slice(0, 5), 0).frames.length, 0)
  t.equal(readUint32('\x01', 0), 0x1000000)
})

t.test('fields are read as Node writes them', async t => {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const session = connect(`http://127.0.0.1:${portOf(server.address())}`)
  session.on('error', () => {})
  const [socket] = await once(server, 'connection')
  const all = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).filter(character => /[\t\x20-\x7e\x80-\xff]/.test(character)).join('')
  const sent = [`x${all}x`, `${all}${all}`.slice(1, -1).trim(), 'a'.repeat(5000), '']
  const reader = new StreamReader('client')
  for (const value of [...sent, ...sent]) session.request({ 'x-a': value, 'x-b': 'again' }).on('error', () => {})
  while (reader.streams.size < 2 * sent.length) reader.read(String((await once(socket, 'data')).map(chunk => chunk.toString('latin1'))))
  t.notOk(reader.broken)
  t.strictSame([...reader.streams.values()].map(({ blocks: [block] }) => block?.fields.find(([name]) => name === 'x-a')?.[1]), [...sent, ...sent])
  session.destroy()
  server.close()
  const decode = (block: string): Field[] | undefined => new FieldDecoder().decode(block)
  t.strictSame(decode(encodeFields([['a', 'b'.repeat(300)]])), [['a', 'b'.repeat(300)]])
  const decoder = new FieldDecoder()
  t.throws(() => Reflect.apply(decoder.decode, decoder, [null]), TypeError)
  t.strictSame(decode('\x20\x82'), [[':method', 'GET']])
  for (const block of ['\x80', '\xff', '\xff\xff\xff\xff\xff\xff\xff\x7f', '\xbe', '\x3f\xff\xff\x7f', '\0\x05a', '\0\x01a\x84\xff\xff\xff\xff', '\0\x01a\x81\x00', '\0\x01a\x82\x07\xff']) t.equal(decode(block), undefined, JSON.stringify(block))
})

t.test('faults in what becomes of a stream are found', async t => {
  const sent = streamOf(head([[':status', '200'], ['x-answer', '1']]) + data('hello', END_STREAM), 'server')
  const seen = (fields: Field[], body: string, flags = END_STREAM): Stream => streamOf(head([[':status', '200'], ...fields, ['via', `2 ${VIA}`]]) + data(body, flags), 'server')
  const expected = { response: responseOf(sent, 'GET'), isReliable: true, isPoisoned: false, isSure: true }
  const found = (stream: Stream | undefined, change = {}): string => checkStream({ ...expected, ...change }, stream && responseOf(stream, 'GET'), stream).join('\n')
  t.equal(found(seen([['x-answer', '1']], 'hello')), '')
  t.match(found(undefined), /no response came/)
  t.equal(found(undefined, { isSure: false }), '')
  t.match(found(seen([['x-answer', '2']], 'hello')), /the fields became/)
  t.match(found(seen([['x-answer', '1']], 'hell')), /the body became "hell", as if it were whole/)
  t.match(found(seen([['x-answer', '1']], 'hell', 0)), /it is cut short\nits end is missing/)
  t.match(found(seen([['x-answer', '1'], ['content-length', '5']], 'hello', 0)), 'its end is missing')
  t.equal(found(seen([['x-answer', '2']], 'x'), { isPoisoned: true }), '')
  t.match(found(streamOf(head([['x', '1']], END_STREAM), 'server')), /what is no response/)
  const cut = streamOf(head([[':status', '200'], ['x-answer', '1']]) + data('hel') + RESET, 'server')
  t.match(found(seen([['x-answer', '1']], 'hel'), { response: responseOf(cut, 'GET'), isReliable: false }), /as if it were whole/)
  t.equal(found(seen([['x-answer', '1']], 'hel', 0), { response: responseOf(cut, 'GET'), isReliable: false }), '')
  const error = (status: string, body = '{"success":false,"x":1}'): Stream => streamOf(head([[':status', status]]) + data(body, END_STREAM), 'server')
  t.match(found(error('400')), /a good request was rejected with 400/)
  t.equal(found(error('400'), { response: responseOf(error('400'), 'GET'), isReliable: false }), '', 'it is the service\'s own')
  t.match(found(error('400'), { response: undefined, isReliable: false }), /a good request was rejected with 400/)
  t.equal(found(error('400'), { isSure: false }), '')
  t.equal(found(error('502'), { isReliable: false }), '')
  t.equal(found(error('502', '{"succ'), { isReliable: false }), '')
  t.match(found(error('502')), /a good request was rejected with 502/)
  t.match(found(streamOf(head([[':status', '400'], ['content-length', '9']]) + data('x', END_STREAM), 'server'), { isSure: false }), /the response is malformed/)
})

t.test('a part of a request that looks whole is found, over either protocol', async t => {
  const hop = { address: '127.1.0.1', target: '127.0.0.1:3000', isSecure: true, isHttp2: true }
  const forwarded: Field[] = [[':method', 'POST'], [':scheme', 'http'], [':path', `${PREFIX}/a?b`], [':authority', '127.0.0.1:3000'], ['x-a', '1'], ['x-forwarded-for', '127.1.0.1'], ['x-forwarded-proto', 'https'],
    ['x-forwarded-host', 'x'], ['x-real-ip', '127.1.0.1'], ['via', `2 ${VIA}`]]
  const found = (sent: string, got: string): string => {
    const meant = requestOf(streamOf(sent))
    const message = requestOf(streamOf(got))
    if (message === undefined) throw new Error('no request')
    return checkRequests({ requests: meant === undefined ? [] : [meant], rest: 'whole', leaving: 'half-close', certain: undefined, received: [{ message, sent: '' }] }, '', true, hop).join('\n')
  }
  t.equal(found(head(HEAD) + data('hello', END_STREAM), head(forwarded) + data('hello', END_STREAM)), '')
  t.equal(found(head(HEAD) + data('hello') + RESET, head(forwarded) + data('hel') + RESET), '')
  t.match(found(head(HEAD) + data('hello') + RESET, head(forwarded) + data('hello') + data('', END_STREAM) + RESET), /the body became "hello" \(whole\)/)
  t.match(found(head(HEAD.slice(1), END_STREAM), head(forwarded, END_STREAM)), /nobody meant/)
  t.match(found(head(HEAD, END_STREAM), head([...forwarded, ['x-a', '2']], END_STREAM)), /the fields became/)
})

t.test('faults in responses to an upload are found', async t => {
  const { requests } = readRequests('POST /api/a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel')
  const text = `HTTP/1.1 413 No\r\nX-Answer: 1\r\nContent-Length: 5\r\nVia: 1.1 ${VIA}\r\n\r\nearly`
  const [message] = readRequests(`POST ${PREFIX}/a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel`).requests
  if (message === undefined) throw new Error('no request')
  const final = { line: ['HTTP/1.1', '413', 'No'] as const, fields: [['X-Answer', '1']] as const, framing: 'length' as const, state: 'whole' as const, body: 'early', trailers: [], end: 0 }
  const found = (got: string): string => checkUploads(requests, [{ message, response: { interims: [], final } }], got, true).join('\n')
  t.equal(found(text), '')
  t.equal(found(`HTTP/1.1 100 Continue\r\n\r\n${text}`), '')
  t.equal(found(''), '')
  t.equal(found('HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n'), '')
  t.match(found(text + text), /more responses than requests/)
  t.match(found(text.replace('er: 1', 'er: 2')), /the fields became/)
  t.match(found('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'), /the status became 200/)
  t.match(found(`${text}garbage\r\n\r\n`), /no response/)
  t.match(checkUploads(requests, [], text, true), [/the service has sent no response/])
})

t.test('a request of which nobody knows whose it is gets a 404', async t => {
  const service = new Http2Service()
  const port = await service.listen()
  service.hosts.admit('127.1.0.1', new Http2Case(new Random(1), 1))
  const client = new Client(port, '127.0.0.1')
  await client.send([PREFACE + head([...HEAD, ['x-forwarded-for', '127.1.0.1']], END_STREAM)])
  const response = (): Stream | undefined => readStreams(client.text, 'server')[0]
  t.ok(await client.until(() => response()?.ended === true))
  t.strictSame(response()?.blocks.map(({ fields }) => fields), [[[':status', '404']]])
  await service.close()
  await client.abort()
})

t.test('a service that gets no HTTP/2, or nobody\'s, says so; a half that does not end is found', async t => {
  const service = new Http2Service()
  const port = await service.listen()
  service.hosts.admit('127.1.0.1', {})
  const known: Field[] = [...HEAD, ['x-forwarded-for', '127.1.0.1']]
  for (const [text, complaint] of [['GET / HTTP/1.1\r\n\r\nand some more', /bytes that are no HTTP\/2/], [PREFACE + head(HEAD), /no client that there is/], [PREFACE + head([['a', 'b']]), /a head that is none/]] as const) {
    const client = new Client(port, '127.0.0.1')
    await client.send([text])
    t.ok(await client.until(() => false))
    t.match(service.complaints.splice(0), [complaint])
    await client.abort()
  }
  const client = new Client(port, '127.0.0.1')
  await client.send([PREFACE + head(known)])
  await client.until(() => false, 20)
  t.strictSame(service.complaints, [])
  await client.send(Array.from({ length: 300 }, (_, i) => writeFrame(HEADERS, END_HEADERS, 2 * i + 3, encodeFields(known))))
  await client.until(() => false, 100)
  const reader = new StreamReader('server')
  reader.read(client.text)
  t.ok(reader.goaway, 'it does not take streams without end')
  service.hosts.dismiss('127.1.0.1')
  const late = new Client(port, '127.0.0.1')
  await late.send([PREFACE + head(known)])
  await late.until(() => false, 20)
  t.strictSame(service.complaints, [], 'a client that has left may be heard of later')
  await late.abort()
  t.notOk(await allEnd([{ isOver: false, touchedAt: 0 }]))
  await service.close()
  await client.abort()
})
