import t from 'tap'
import { call } from '../fixtures/gateway.js'
import { CANCEL, DATA, END_STREAM, fields, frame, NO_ERROR, reset } from '../fixtures/frames.js'
import { beforeFrames, GOAWAY, head, lastData, PADDED, PING, settings, STATUS_200, WINDOW_UPDATE } from '../fixtures/frames-service.js'
import { Http2Client, http2Gateway } from '../fixtures/http2.js'
import { RawClient } from '../fixtures/peers.js'

// A service of HTTP/2 whose frames are written one by one, as services may write them.

t.test('padding is no part of a body', async t => {
  const padded = Buffer.concat([Buffer.from([42]), Buffer.from('SEE-THIS'), Buffer.alloc(42)])
  const { ask } = await beforeFrames(t, ({ socket, stream, nth }) => {
    const length = nth === 1 ? [] : [fields(['content-length', '8'])]
    socket.write(Buffer.concat([head(stream, Buffer.concat([STATUS_200, ...length])), frame(DATA, END_STREAM | PADDED, stream, padded)]))
  })
  for (const length of [undefined, '8']) {
    const { headers, body } = await ask()
    t.strictSame([headers['content-length'], String(body)], [length, 'SEE-THIS'])
  }
})

for (const [what, last] of Object.entries({ shorter: '', longer: 'THIS-AND-THIS' })) {
  t.test(`a body that is ${what} than its length breaks off, whatever the client speaks`, async t => {
    const { port, gateway } = await beforeFrames(t, ({ socket, stream }) => {
      socket.write(Buffer.concat([head(stream, Buffer.concat([STATUS_200, fields(['content-length', '8'])])), frame(DATA, 0, stream, 'SEE-')]))
      socket.write(lastData(stream, last))
    })
    const client = new RawClient(t, gateway).send('GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n')
    await client.closed
    t.notMatch(client.received, /THIS/)
    const secure = await http2Gateway(t, `http://127.0.0.1:${port}`, { http2: true })
    const { ended, body } = await new Http2Client(t, secure.port).ask({ ':path': '/api/x' }).closed
    t.notOk(ended)
    t.notMatch(body, /THIS/)
  })
}

t.test('frames of control between those of a response change nothing of it', async t => {
  const { ask, sockets } = await beforeFrames(t, ({ socket, stream, nth, frames }) => {
    const start = head(stream, STATUS_200)
    if (nth === 1) socket.write(Buffer.concat([start, lastData(stream, 'SEE-THIS'), frame(WINDOW_UPDATE, 0, stream, Buffer.from([0, 0, 0, 42]))]))
    else if (nth === 2) socket.write(Buffer.concat([start, lastData(stream, 'SEE-THIS'), reset(stream, NO_ERROR)]))
    else {
      socket.write(Buffer.concat([start, frame(PING, 0, 0, 'SEE-THIS')]))
      frames.until(({ type, flags }) => type === PING && flags === 1).then(({ payload }) => socket.write(lastData(stream, String(payload))), () => {})
    }
  })
  for (const what of ['WINDOW_UPDATE behind it', 'RST_STREAM (NO_ERROR) behind it', 'PING within it']) t.equal(String((await ask()).body), 'SEE-THIS', what)
  t.equal(sockets.length, 1)
})

t.test('a response that is whole stays so, whatever its service says of its stream then', async t => {
  for (const resets of [[CANCEL], [NO_ERROR, NO_ERROR]]) {
    const { ask } = await beforeFrames(t, ({ socket, stream }) => { socket.write(Buffer.concat([head(stream, STATUS_200), lastData(stream, 'SEE-THIS'), ...resets.map(code => reset(stream, code))])) })
    t.equal(String((await ask()).body), 'SEE-THIS', resets.join())
  }
})

t.test('a GOAWAY that takes back a response which has begun breaks it off', async t => {
  const { ask } = await beforeFrames(t, ({ socket, stream }) => { socket.write(Buffer.concat([head(stream, STATUS_200), frame(DATA, 0, stream, 'SEE-'), frame(GOAWAY, 0, 0, Buffer.alloc(8))])) })
  await t.rejects(ask(), { code: 'ECONNRESET' })
})

t.test('a response that is reset before its end breaks off', async t => {
  for (const code of [NO_ERROR, CANCEL]) {
    const { ask } = await beforeFrames(t, ({ socket, stream }) => { socket.write(Buffer.concat([head(stream, STATUS_200), frame(DATA, 0, stream, 'SEE-'), reset(stream, code)])) })
    await t.rejects(ask(), { code: 'ECONNRESET' })
  }
})

t.test('a body goes up as far as the window of the service is open, be it changed on the way', async t => {
  const sent: string[] = []
  const { ask, gateway } = await beforeFrames(t, ({ socket, stream, frames, nth }) => {
    const respond = (): void => { socket.write(Buffer.concat([head(stream, STATUS_200), lastData(stream, 'ok')])) }
    // The first request comes before the settings are known.
    if (nth === 1) return respond()
    frames.until(({ type }) => type === DATA).then(async ({ payload }) => {
      sent.push(String(payload))
      socket.write(settings([4, 5]))
      const { payload: rest } = await frames.until(({ type, flags }) => type === DATA && (flags & END_STREAM) !== 0)
      sent.push(String(rest))
      respond()
    }, () => {})
  }, settings([4, 2]))
  await ask()
  t.equal((await call(gateway, '/api/x', { method: 'POST', body: 'Hello' })).status, 200)
  t.strictSame(sent, ['He', 'llo'])
})
