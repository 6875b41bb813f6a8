import type { IncomingMessage } from 'node:http'
import t from 'tap'
import { discardBody, receiveRequestBody, resumeRequestBody } from '../../src/node/parsed-body.js'
import { RawClient, service } from '../fixtures/peers.js'

// What Node's parser does with the body of a request. Each message names the internal.

/** A client's request as a server gets it. */
async function requestWith (t: Parameters<typeof service>[0], bytes: string): Promise<{ request: IncomingMessage, client: RawClient }> {
  let got = (_request: IncomingMessage): void => {}
  const arrived = new Promise<IncomingMessage>(resolve => { got = resolve })
  const { port } = await service(t, request => got(request))
  const client = new RawClient(t, port).send(bytes)
  return { request: await arrived, client }
}

function receiver (more: (chunk: string) => boolean = () => true) {
  const told: string[] = []
  let wake = (): void => {}
  return {
    told,
    write: (chunk: Buffer) => {
      told.push(String(chunk))
      wake()
      return more(String(chunk))
    },
    end: () => {
      told.push('end')
      wake()
    },
    async until (what: string) {
      while (!told.includes(what)) await new Promise<void>(resolve => { wake = resolve })
    }
  }
}

t.test('what came with the head is read from the stream, and the rest comes by push', async t => {
  const { request, client } = await requestWith(t, 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n')
  const body = receiver()
  receiveRequestBody(request, body)
  t.strictSame(body.told, ['he'], 'read gives what the parser has pushed')
  client.send('3\r\nllo\r\n0\r\nX-Last: 1\r\n\r\n')
  await body.until('end')
  t.strictSame(body.told, ['he', 'llo', 'end'], 'the parser calls push of the request with each piece, and with null')
  t.strictSame(request.rawTrailers, ['X-Last', '1'], 'the trailers are there before push of null')
  t.equal(request.readableLength, 0, 'push is all that fills a request')
})

t.test('a body that is whole already', async t => {
  const { request } = await requestWith(t, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhe')
  await new Promise(resolve => setImmediate(resolve))
  const body = receiver()
  receiveRequestBody(request, body)
  t.strictSame(body.told, ['he', 'end'], 'complete says so')
})

t.test('push that returns false stops the reading, and _read goes on with it', async t => {
  const { request, client } = await requestWith(t, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n')
  const body = receiver(chunk => chunk !== 'ab')
  receiveRequestBody(request, body)
  client.send('ab')
  await body.until('ab')
  client.send('cd')
  await new Promise(resolve => setImmediate(resolve))
  await new Promise(resolve => setImmediate(resolve))
  t.strictSame(body.told, ['ab'], 'the parser stops the reading of the socket')
  resumeRequestBody(request)
  await body.until('cd')
  discardBody(request)
  client.send('ef')
  while (!request.complete) await new Promise(resolve => setImmediate(resolve))
  t.strictSame(body.told, ['ab', 'cd'], 'what is discarded reaches nobody')
})
