import { get, request as httpRequest } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { once } from 'node:events'
import { setTimeout as pass } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { bodyOf } from '../bodies.js'
import { PREFIX } from './requests.js'

/** Where events and WebSockets are. */
export const LONG = '/long'

/** Milliseconds until a client has lost its patience. */
const PATIENCE = 8_000
/** Requests at once on a connection. */
const PIPELINED = 6
const UPLOAD = 160_000
const PIECES = 20
/** Milliseconds between them. */
const PAUSE = 50
/** Of a short stream, and of a short WebSocket. */
const EVENTS = 8
const MESSAGES = 5

/** Goes on until it is told to stop. */
export type Client = (port: number, signal: AbortSignal, tally: Tally) => Promise<void>

/** What clients of a kind were given, and what they were not. */
export class Tally {
  fine = 0
  readonly lost: string[] = []

  add (failure: string | undefined): void {
    if (failure === undefined) this.fine++
    else this.lost.push(failure)
  }
}

/** Sends its requests all at once, again and again on the same connection, for as long as that is kept. */
export const pipelining: Client = async (port, signal, tally) => {
  let number = 1
  while (!signal.aborted) {
    const socket = connect(port, '127.0.0.1')
    socket.setTimeout(PATIENCE, () => socket.destroy())
    socket.on('error', () => {})
    const closed = new Promise<void>(resolve => socket.on('close', () => resolve()))
    let text = ''
    let more = (): void => {}
    socket.on('data', chunk => {
      text += chunk.toString('latin1')
      more()
    })
    let isKept = true
    while (isKept && !signal.aborted) {
      text = ''
      socket.write(Array.from({ length: PIPELINED }, () => `GET ${PREFIX}/thing?id=${number++} HTTP/1.1\r\nHost: gateway\r\n\r\n`).join(''))
      const whole = new Promise<void>(resolve => { more = () => { if (responsesIn(text) === PIPELINED) resolve() } })
      await Promise.race([whole, closed])
      const count = responsesIn(text)
      for (let nth = 0; nth < PIPELINED; nth++) tally.add(nth < count ? undefined : `response ${nth + 1} of ${PIPELINED} did not come`)
      isKept = count === PIPELINED && !/^connection: close/im.test(text) && !socket.destroyed
    }
    socket.destroy()
  }
}

/** Each ends with this. */
function responsesIn (text: string): number {
  return text.split('{"fine":true}').length - 1
}

/** An upload that takes a second. */
export const uploading: Client = async (port, signal, tally) => {
  for (let number = 1; !signal.aborted; number++) tally.add(await upload(port, number))
}

async function upload (port: number, number: number): Promise<string | undefined> {
  const request = httpRequest({ host: '127.0.0.1', port, method: 'POST', path: `${PREFIX}/upload?id=${number}`, agent: false, timeout: PATIENCE })
  const responded = new Promise<string | undefined>(resolve => {
    request.on('error', error => resolve(error.message))
    request.on('timeout', () => request.destroy(new Error('no response')))
    request.on('response', response => {
      response.resume()
      const { statusCode, headers } = response
      resolve(statusCode === 200 && headers['x-length'] === String(UPLOAD) ? undefined : `status ${statusCode}, ${headers['x-length']} bytes arrived`)
    })
  })
  const body = bodyOf(number, 'request', UPLOAD)
  for (let piece = 0; piece < PIECES; piece++) {
    request.write(body.subarray(piece * UPLOAD / PIECES, (piece + 1) * UPLOAD / PIECES))
    await pass(PAUSE)
  }
  request.end()
  return await responded
}

/** Streams of events, one after the other. */
export const streaming: Client = async (port, signal, tally) => {
  while (!signal.aborted) tally.add(await events(port, count => count >= EVENTS))
}

/** One stream of events, as long as all this takes. */
export const streamingOn: Client = async (port, signal, tally) => tally.add(await events(port, () => signal.aborted))

async function events (port: number, isEnough: (count: number) => boolean): Promise<string | undefined> {
  const request = get({ host: '127.0.0.1', port, path: `${LONG}/events`, agent: false, timeout: PATIENCE })
  request.on('timeout', () => request.destroy(new Error('nothing came')))
  // It may come when nobody waits for anything of it any more.
  request.on('error', () => {})
  try {
    const [response]: IncomingMessage[] = await once(request, 'response')
    if (response?.statusCode !== 200) return `status ${response?.statusCode}`
    let text = ''
    for await (const chunk of response) {
      text += String(chunk)
      const count = text.split('\n\n').length - 1
      if (!text.startsWith(Array.from({ length: count }, (_, nth) => `data: ${nth}\n\n`).join(''))) return 'an event is missing'
      if (isEnough(count)) return undefined
    }
    return 'the stream ended'
  } catch (error) {
    return String(error)
  } finally {
    request.destroy()
  }
}

/** WebSockets, one after the other. */
export const talking: Client = async (port, signal, tally) => {
  while (!signal.aborted) tally.add(await talk(port, count => count === MESSAGES))
}

/** One WebSocket, as long as all this takes. */
export const talkingOn: Client = async (port, signal, tally) => tally.add(await talk(port, () => signal.aborted))

async function talk (port: number, isEnough: (count: number) => boolean): Promise<string | undefined> {
  const websocket = new WebSocket(`ws://127.0.0.1:${port}${LONG}/socket`)
  websocket.on('error', () => {})
  const closed = new Promise<undefined>(resolve => websocket.on('close', () => resolve(undefined)))
  if (await Promise.race([once(websocket, 'open').catch(() => undefined), closed]) === undefined) return 'the WebSocket did not open'
  for (let count = 1; ; count++) {
    const echoed = once(websocket, 'message').catch(() => undefined)
    websocket.send(`${count}`)
    const message: unknown[] | undefined = await Promise.race([echoed, closed, pass(PATIENCE, undefined)])
    if (String(message?.[0]) !== `${count}`) {
      websocket.terminate()
      return `message ${count} of the WebSocket was not echoed`
    }
    if (isEnough(count)) break
    await pass(PAUSE)
  }
  websocket.close()
  await closed
  return undefined
}
