import type { Server } from 'node:http'
import type { FastifyHttpOptions } from 'fastify'
import t from 'tap'
import { call, gatewayTo } from '../fixtures/gateway.js'
import { DATA, END_HEADERS, END_STREAM, fields, frame, HEADERS, SETTINGS } from '../fixtures/frames.js'
import { beforeFrames, CONTINUATION, framesService, head, INDEXED, lastData, literal, NEVER_INDEXED, PADDED, PRIORITY, settings, STATUS_200, text, UNINDEXED, WITH_PRIORITY } from '../fixtures/frames-service.js'

// Heads that are written byte by byte, as services of HTTP/2 may write them.

const PRIORITIES = Buffer.from([0, 0, 0, 0, 137])

/** How a head with `x-a: one` may be written, as the frames of one stream. */
const heads: Record<string, (stream: number) => Buffer> = {
  'in the table': stream => head(stream, Buffer.concat([STATUS_200, literal(INDEXED, 'x-a', 'one')])),
  'without the table': stream => head(stream, Buffer.concat([literal(UNINDEXED, ':status', '200'), literal(UNINDEXED, 'x-a', 'one')])),
  'never in a table': stream => head(stream, Buffer.concat([literal(NEVER_INDEXED, ':status', '200'), literal(NEVER_INDEXED, 'x-a', 'one')])),
  'with Huffman codes': stream => head(stream, Buffer.concat([STATUS_200, Buffer.from([INDEXED, 3]), Buffer.from('x-a'), Buffer.from([0x82, 0x3d, 0x45])])),
  'after a change of the table': stream => head(stream, Buffer.concat([Buffer.from([0x20, 0x3f, 0xe1, 0x1f]), STATUS_200, literal(INDEXED, 'x-a', 'one')])),
  padded: stream => head(stream, Buffer.concat([Buffer.from([7]), STATUS_200, fields(['x-a', 'one']), Buffer.alloc(7)]), PADDED),
  'with a priority': stream => Buffer.concat([frame(PRIORITY, 0, stream, PRIORITIES), head(stream, Buffer.concat([PRIORITIES, STATUS_200, fields(['x-a', 'one'])]), WITH_PRIORITY)]),
  'padded, with a priority': stream => head(stream, Buffer.concat([Buffer.from([7]), PRIORITIES, STATUS_200, fields(['x-a', 'one']), Buffer.alloc(7)]), PADDED | WITH_PRIORITY),
  'continued in mid field': stream => continued(stream, 8)
}

/** A head in so many frames of CONTINUATION, a byte each but for the last. */
function continued (stream: number, frames: number): Buffer {
  const block = Buffer.concat([STATUS_200, fields(['x-a', 'one'], ['x-b', 'two'])])
  return Buffer.concat([frame(HEADERS, 0, stream), ...Array.from({ length: frames }, (_, at) => frame(CONTINUATION, at === frames - 1 ? END_HEADERS : 0, stream, block.subarray(at, at === frames - 1 ? block.length : at + 1)))])
}

t.test('a head is read however it is written', async t => {
  const ways = Object.values(heads)
  const { ask, sockets } = await beforeFrames(t, ({ socket, stream, nth }) => {
    socket.write(Buffer.concat([ways[nth - 1]?.(stream) ?? Buffer.alloc(0), lastData(stream, 'SEE-THIS')]))
  })
  for (const way of Object.keys(heads)) {
    const { status, headers, body } = await ask()
    t.strictSame([status, headers['x-a'], String(body)], [200, 'one', 'SEE-THIS'], way)
  }
  t.equal(sockets.length, 1, 'all on one connection')
})

t.test('a head in more frames than anybody needs is 502: a flood of them would cost much (CVE-2024-28182)', async t => {
  const { ask } = await beforeFrames(t, ({ socket, stream }) => { socket.write(Buffer.concat([continued(stream, 16), lastData(stream, 'SEE-THIS')])) })
  t.equal((await ask()).status, 502)
})

t.test('what was put into the table is there for the next head, and an empty value is one', async t => {
  const { ask } = await beforeFrames(t, ({ socket, stream, nth }) => {
    const block = nth === 1 ? [STATUS_200, literal(INDEXED, 'x-a', 'one'), literal(UNINDEXED, 'x-empty', '')] : [STATUS_200, Buffer.from([0x80 | 62])]
    socket.write(frame(HEADERS, END_HEADERS | END_STREAM, stream, Buffer.concat(block)))
  })
  t.match((await ask()).headers, { 'x-a': 'one', 'x-empty': '' })
  t.equal((await ask()).headers['x-a'], 'one')
})

/** A head in as many frames as it takes. */
function large (stream: number, ...fields: Buffer[]): Buffer {
  const block = Buffer.concat([STATUS_200, ...fields])
  const parts: Buffer[] = []
  for (let at = 0; at < block.length; at += 16_384) parts.push(frame(at === 0 ? HEADERS : CONTINUATION, at + 16_384 >= block.length ? END_HEADERS : 0, stream, block.subarray(at, at + 16_384)))
  return Buffer.concat([...parts, lastData(stream, 'ok')])
}

t.test('long names and values come down', async t => {
  const { ask } = await beforeFrames(t, ({ socket, stream, nth }) => { socket.write(large(stream, literal(UNINDEXED, 'x'.repeat(2 ** (6 + nth)), 'y'.repeat(2 ** (6 + nth))))) })
  for (const length of [2 ** 7, 2 ** 8, 2 ** 9, 2 ** 10, 2 ** 11, 2 ** 12]) t.equal((await ask()).headers['x'.repeat(length)], 'y'.repeat(length))
})

t.test('a head over 64 KiB is 502, whether it comes before the service knows of the bound or after', async t => {
  let told: Buffer | undefined
  const { ask, gateway } = await beforeFrames(t, ({ socket, stream, nth, frames }) => {
    told ??= frames.all.find(({ type }) => type === SETTINGS)?.payload
    socket.write(nth === 2 ? large(stream, fields(['x-a', 'one'])) : large(stream, literal(UNINDEXED, 'x', 'y'.repeat(40_000)), literal(UNINDEXED, 'z', 'y'.repeat(40_000))))
  })
  t.equal((await ask()).status, 502)
  t.equal((await ask()).status, 200, 'the connection goes on')
  t.equal((await ask()).status, 502)
  const upload = await call(gateway, '/api/x', { method: 'POST', body: Buffer.alloc(1_000_000) }).then(({ status }) => status, () => 'broken')
  t.ok(upload === 502 || upload === 'broken', 'with an upload that is under way')
  t.ok(told?.includes(settings([6, 65_536]).subarray(9)), 'the service is told of it')
})

t.test('a few bytes for each kilobyte of a head: no head of a response may hold megabytes', async t => {
  // A field that is in the table.
  const bomb = Buffer.concat([literal(INDEXED, 'x-a', 'y'.repeat(4_000)), Buffer.alloc(1_000, 0x80 | 62)])
  const ofHead = await beforeFrames(t, ({ socket, stream }) => { socket.write(large(stream, bomb)) })
  t.equal((await ofHead.ask()).status, 502)
  const ofInterim = await beforeFrames(t, ({ socket, stream }) => { socket.write(Buffer.concat([head(stream, Buffer.concat([literal(UNINDEXED, ':status', '103'), bomb])), head(stream, STATUS_200), lastData(stream, 'ok')])) })
  t.equal((await ofInterim.ask()).status, 502)
  const ofTrailers = await beforeFrames(t, ({ socket, stream }) => { socket.write(Buffer.concat([head(stream, STATUS_200), frame(DATA, 0, stream, 'not all'), head(stream, bomb, END_STREAM)])) })
  await t.rejects(ofTrailers.ask(), { code: 'ECONNRESET' }, 'broken off, not ended')
})

t.test('a long head goes up in as many frames as it takes', async t => {
  let story: string[] = []
  const wide: FastifyHttpOptions<Server> = { http: { maxHeaderSize: 65_536 } }
  const upstream = await framesService(t, ({ socket, stream, frames }) => {
    frames.until(({ type, flags }) => type === CONTINUATION && (flags & END_HEADERS) !== 0).then(() => {
      story = frames.all.filter(({ type }) => type === HEADERS || type === CONTINUATION).map(({ type, flags, payload }) => `${type} ${flags & END_HEADERS} ${payload.length > 10_000}`)
      socket.write(Buffer.concat([head(stream, STATUS_200), lastData(stream, 'ok')]))
    }, () => {})
  })
  const { port } = await gatewayTo(t, upstream.port, { http2: true }, {}, wide)
  t.equal((await call(port, '/api/x', { headers: { 'x-long': 'Z'.repeat(31_337) } })).status, 200)
  t.strictSame(story, ['1 0 true', '9 4 true'])
})

/** Fields that are malformed (RFC 9113 section 8.2.1), of which none may reach an HTTP/1 client. */
const malformed: Record<string, Buffer> = {
  'a colon in a name': literal(UNINDEXED, 'n:n', 'SEE-NOT'),
  'a line feed in a name': literal(UNINDEXED, 'n\nn', 'SEE-NOT'),
  'a space in a name': literal(UNINDEXED, 'n n', 'SEE-NOT'),
  'a line feed in a value': literal(UNINDEXED, 'n', 'SEE-\nNOT')
}

t.test('a field that is malformed is left out', async t => {
  const bad = Object.values(malformed)
  const { ask } = await beforeFrames(t, ({ socket, stream, nth }) => { socket.write(Buffer.concat([head(stream, Buffer.concat([STATUS_200, fields(['x-a', 'one']), bad[nth - 1] ?? Buffer.alloc(0)])), lastData(stream, 'ok')])) })
  for (const what of Object.keys(malformed)) {
    const { status, headers, rawHeaders } = await ask()
    t.strictSame([status, headers['x-a']], [200, 'one'], what)
    t.notMatch(rawHeaders.join('|'), /NOT/, what)
  }
})

/** Heads that leave nothing to be read behind them, or say that the service is confused. */
const unreadable: Record<string, Buffer> = {
  'an upper case name': literal(UNINDEXED, 'NN', 'v'),
  'index 0': Buffer.from([0x80]),
  'an index that is not in the table': Buffer.from([0xff, 0x80, 0x01]),
  'a name that is not in the table': Buffer.concat([Buffer.from([0x0f, 0xff, 0x01]), text('v')]),
  'a name that is not in the table, to be put there': Buffer.concat([Buffer.from([0x7f, 0xff, 0x01]), text('v')])
}

t.test('a head that cannot be read is 502', async t => {
  await Promise.all(Object.entries(unreadable).map(async ([what, field]) => {
    const { ask } = await beforeFrames(t, ({ socket, stream }) => { socket.write(Buffer.concat([head(stream, Buffer.concat([STATUS_200, field])), lastData(stream, 'ok')])) })
    t.equal((await ask()).status, 502, what)
  }))
})
